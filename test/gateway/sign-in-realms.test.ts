/** Sign-in where two organisations have a realm each: the page offers a choice, and the chosen one vouches. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type FakeRealm, SERVICE_SECRET, startFakeRealm } from '../support/fake-realm.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';

const PUBLIC = 'https://llm.example';
const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

let realms: readonly [FakeRealm, FakeRealm];
let gateway: GatewayProcess;

before(async () => {
  realms = [await startFakeRealm(), await startFakeRealm()];
  const [first, second] = realms;
  first.addPerson('ada', 'tier-pro');
  second.addPerson('ada', 'tier-free');
  gateway = await startGatewayProcess({
    env: {
      AUTH_PROVIDER: 'keycloak',
      KEYCLOAK_URL: first.issuer,
      KEYCLOAK_CLIENT_SECRET: SERVICE_SECRET,
      PUBLIC_URL: PUBLIC,
    },
    configYaml: `auth: { keycloak: { realms: [{ url: "${second.issuer}", service: { clientSecret: "${SERVICE_SECRET}" } }] } }`,
  });
});
after(async () => {
  await gateway?.kill();
  for (const realm of realms) await realm.close();
});

const field = (html: string, name: string) =>
  new RegExp(`name="${name}" value="([^"]*)"`).exec(html)?.[1] ?? '';

async function post(path: string, fields: Record<string, string>) {
  const response = await fetch(gateway.url + path, { method: 'POST', body: new URLSearchParams(fields) });
  return (await response.json()) as Record<string, string>;
}

/** From the code to the session, by the organisation that is chosen; null: the form as it comes. */
async function signInAt(realm: FakeRealm, choice: string | null) {
  let cookie = '';
  const open = async (path: string, fields?: Record<string, string>) => {
    const response = await fetch(gateway.url + path, {
      redirect: 'manual',
      headers: { cookie, ...(fields !== undefined && { origin: PUBLIC, 'sec-fetch-site': 'same-origin' }) },
      ...(fields !== undefined && { method: 'POST', body: new URLSearchParams(fields) }),
    });
    cookie = response.headers.getSetCookie()[0]?.split(';', 1)[0] ?? cookie;
    return response.text();
  };
  realm.visitor = { sub: 'ada', sid: `sid-${choice}` };
  const { device_code = '', user_code = '' } = await post('/oauth/device_authorization', {});
  const start = await open(`/device?user_code=${user_code}`);
  const left = await open('/device', {
    token: field(start, 'token'),
    user_code,
    ...(choice !== null && { realm: choice }),
  });
  const away = (/url=([^"]+)"/.exec(left)?.[1] ?? '').replaceAll('&amp;', '&');
  assert.equal(new URL(away).origin, new URL(realm.issuer).origin);
  const { pathname, search } = new URL(
    (await fetch(away, { redirect: 'manual' })).headers.get('location') ?? '',
  );
  const question = await open(pathname + search);
  const [token, ticket] = [field(question, 'token'), field(question, 'ticket')];
  assert.match(await open('/device/decision', { token, ticket, decision: 'approve' }), /You are signed in/);
  const { access_token = '' } = await post('/oauth/token', { grant_type: DEVICE_GRANT, device_code });
  const quota = await fetch(`${gateway.url}/quota`, { headers: { authorization: `Bearer ${access_token}` } });
  return { start, quota: (await quota.json()) as Record<string, unknown> };
}

test('the page offers both organisations, told apart though their realms have one name', async () => {
  const { start } = await signInAt(realms[0], null);
  const options = [...start.matchAll(/<option value="(\d)">([^<]+)<\/option>/g)].map(([, value, label]) => [
    value,
    label,
  ]);
  assert.deepEqual(
    options,
    realms.map(({ issuer }, index) => [`${index}`, `ai-hub (${new URL(issuer).host})`]),
  );
});

test('whoever chooses an organisation signs in there, with the tier that it gives', async () => {
  const [first, second] = realms;
  assert.equal((await signInAt(first, '0')).quota.tier, 'pro');
  assert.equal((await signInAt(second, '1')).quota.tier, 'free');
});

test('a choice that is none leads to the first', async () => {
  for (const choice of ['2', '-1', 'x', '__proto__'])
    assert.equal((await signInAt(realms[0], choice)).quota.tier, 'pro');
});
