import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type FakeIssuer, startFakeIssuer } from '../support/fake-issuer.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { type MockBackend, startMockBackend } from '../support/mock-backend.ts';
import { messages } from '../support/rig.ts';

let issuer: FakeIssuer;
/** The realm of another organisation, whose tokens are meant for an audience of its own. */
let partner: FakeIssuer;
let internal: MockBackend;
let gateway: GatewayProcess;

before(async () => {
  issuer = await startFakeIssuer();
  partner = await startFakeIssuer({ realm: 'partner', audience: 'partner-gateway' });
  internal = await startMockBackend({ dialect: 'openai', models: ['qwen3-32b'], credential: null });
  gateway = await startGatewayProcess({
    env: {
      AUTH_PROVIDER: 'keycloak',
      KEYCLOAK_URL: issuer.issuer,
      INTERNAL_LLM_URL: internal.v1,
      STATIC_KEYS: 'ci-key=ci:pro',
    },
    configYaml: `auth: { keycloak: { realms: [{ url: "${partner.issuer}", audience: partner-gateway }] } }`,
  });
});
after(async () => {
  await gateway.kill();
  await internal.close();
  await partner.close();
  await issuer.close();
});

const roles = (...names: string[]) => ({ resource_access: { 'llm-gateway': { roles: names } } });

async function quotaOf(token: string, header: 'authorization' | 'x-api-key' = 'authorization') {
  const value = header === 'authorization' ? `Bearer ${token}` : token;
  const response = await fetch(`${gateway.url}/quota`, { headers: { [header]: value } });
  return {
    status: response.status,
    body: (await response.json()) as Record<string, unknown>,
    headers: response.headers,
  };
}

for (const [given, tier] of [
  [roles('tier-free'), 'free'],
  [roles('tier-free', 'tier-enterprise', 'tier-pro'), 'enterprise'],
  [{ realm_access: { roles: ['offline_access', 'tier-pro'] } }, 'pro'],
  [{ groups: ['/staff', '/tier-enterprise'] }, 'enterprise'],
  [roles(), 'free'],
] as const) {
  test(`a token with ${JSON.stringify(given)} is ${tier}, in either header`, async () => {
    const token = await issuer.sign(given);
    for (const header of ['authorization', 'x-api-key'] as const) {
      const { status, body } = await quotaOf(token, header);
      assert.equal(status, 200);
      assert.equal(body.tier, tier);
    }
  });
}

test('a request with a token reaches the model, and its quota is the person’s whatever the token', async () => {
  internal.say({}, {});
  for (const token of [await issuer.sign(roles('tier-pro')), await issuer.sign(roles('tier-pro'))]) {
    const response = await fetch(`${gateway.url}/v1/messages`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(messages('gpt-5')),
    });
    assert.equal(response.status, 200);
    await response.text();
  }
  const { body } = await quotaOf(await issuer.sign(roles('tier-pro')));
  assert.equal(body.used, 2);
  internal.assertPlayed();
});

test('a new tier counts from the next request', async () => {
  const { body } = await quotaOf(await issuer.sign(roles('tier-free')));
  assert.deepEqual([body.tier, body.limit, body.used], ['free', 10, 2]);
});

test('the same subject in another realm is another person, with a quota of its own', async () => {
  const { status, body } = await quotaOf(await partner.sign(roles('tier-free')));
  assert.deepEqual([status, body.tier, body.used], [200, 'free', 0]);
});

for (const [what, sign] of [
  ['one realm’s token with the audience of the other', () => issuer.sign({ aud: 'partner-gateway' })],
  ['the other’s token with the audience of the one', () => partner.sign({ aud: 'llm-gateway' })],
  ['a token that names the one realm, signed by the other', () => partner.sign({ iss: issuer.issuer })],
  [
    'a token that names the other realm, signed by the one',
    () => issuer.sign({ iss: partner.issuer, aud: 'partner-gateway' }),
  ],
] as const) {
  test(`${what} is refused`, async () => {
    assert.equal((await quotaOf(await sign())).status, 401);
  });
}

test('while one realm is away the tokens of the other pass, and /health says so', async () => {
  const late = await startFakeIssuer({ realm: 'late' });
  late.behaviour.discovery = { kind: 'down' };
  const two = await startGatewayProcess({
    env: { AUTH_PROVIDER: 'keycloak', INTERNAL_LLM_URL: internal.v1 },
    configYaml: `auth: { keycloak: { realms: [{ url: "${late.issuer}" }, { url: "${issuer.issuer}" }] } }`,
  });
  try {
    const ask = async (path: string, token: string) =>
      fetch(`${two.url}${path}`, { headers: { authorization: `Bearer ${token}` } });
    assert.equal((await ask('/quota', await issuer.sign())).status, 200);
    assert.equal((await ask('/quota', await late.sign())).status, 503);
    const health = (await (await ask('/health', '')).json()) as { dependencies: Record<string, string> };
    assert.equal(health.dependencies.identity, 'degraded');
  } finally {
    await two.kill();
    await late.close();
  }
});

test('an expired token is told apart, so that a helper fetches a fresh one', async () => {
  const now = Math.floor(Date.now() / 1000);
  const { status, headers } = await quotaOf(await issuer.sign({ iat: now - 900, exp: now - 600 }));
  assert.equal(status, 401);
  assert.equal(headers.get('x-should-retry'), null);
  assert.match(headers.get('www-authenticate') ?? '', /invalid_token/);
});

for (const [what, claims] of [
  ['another audience', { aud: 'account' }],
  ['another issuer', { iss: 'https://elsewhere.example/realms/x' }],
  ['the type of an ID token', { typ: 'ID' }],
] as const) {
  test(`a token with ${what} is refused for good`, async () => {
    const { status, headers } = await quotaOf(await issuer.sign(claims));
    assert.equal(status, 401);
    assert.equal(headers.get('x-should-retry'), 'false');
  });
}

test('static keys work beside Keycloak', async () => {
  assert.equal((await quotaOf('ci-key')).body.tier, 'pro');
});

test('a key rotation is followed without a refusal', async () => {
  await issuer.rotate({ keepOld: true });
  assert.equal((await quotaOf(await issuer.sign(roles('tier-pro')))).status, 200);
});

test('no token is in the log', () => {
  assert.doesNotMatch(gateway.stderr(), /eyJ/);
});
