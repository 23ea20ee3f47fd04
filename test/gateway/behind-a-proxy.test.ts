/** Sign-in tries are counted by client where the proxies in front are named, whatever the clients write. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type FakeRealm, SERVICE_SECRET, startFakeRealm } from '../support/fake-realm.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';

/** Tries that one address has in a minute. */
const MOST = 300;
let realm: FakeRealm;
let behind: GatewayProcess;
let alone: GatewayProcess;
before(async () => {
  realm = await startFakeRealm();
  const start = (configYaml: string) =>
    startGatewayProcess({
      env: {
        AUTH_PROVIDER: 'keycloak',
        KEYCLOAK_URL: realm.issuer,
        KEYCLOAK_CLIENT_SECRET: SERVICE_SECRET,
        PUBLIC_URL: 'https://llm.example',
      },
      configYaml,
    });
  [behind, alone] = await Promise.all([
    start('server: { trustedProxies: [127.0.0.0/8, 10.1.0.0/16] }\n'),
    start('server: {}\n'),
  ]);
});
after(async () => {
  await Promise.all([behind?.kill(), alone?.kill()]);
  await realm.close();
});

async function begin(gateway: GatewayProcess, forwarded: string): Promise<number> {
  const response = await fetch(`${gateway.url}/oauth/device_authorization`, {
    method: 'POST',
    headers: { 'x-forwarded-for': forwarded },
    body: new URLSearchParams({}),
  });
  await response.text();
  return response.status;
}

/** All but the last try of a minute, from one client. */
async function useUp(gateway: GatewayProcess, forwarded: (tries: number) => string): Promise<void> {
  for (let tries = 1; tries < MOST; tries++) assert.equal(await begin(gateway, forwarded(tries)), 200);
}

test('behind named proxies each client has its own tries, and inventing addresses gives no more', async () => {
  await useUp(behind, (tries) => `6.6.6.${tries % 250}, 1.1.1.1, 10.1.0.7`);
  assert.equal(await begin(behind, '1.1.1.1'), 200, 'the last one');
  assert.equal(await begin(behind, '6.7.8.9, 1.1.1.1'), 429);
  assert.equal(await begin(behind, '10.1.0.9, 1.1.1.1, 10.1.0.7'), 429);
  assert.equal(await begin(behind, '1.1.1.2'), 200, 'somebody else');
});

test('where no proxy is named, the header changes nothing', async () => {
  await useUp(alone, (tries) => `6.6.6.${tries % 250}`);
  assert.equal(await begin(alone, '1.1.1.1'), 200, 'the last one');
  assert.equal(await begin(alone, '1.1.1.2'), 429);
});
