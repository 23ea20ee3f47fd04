/** The gateway with the real Keycloak, as `deploy/keycloak/` sets it up. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type GatewayProcess, startGatewayProcess } from '../test/support/gateway-process.ts';
import { type MockBackend, startMockBackend } from '../test/support/mock-backend.ts';
import { messages } from '../test/support/rig.ts';
import { skipBecause } from '../test/support/skip.ts';
import { createKeycloakAdmin, type KeycloakAdmin } from './keycloak/admin.ts';
import { CAST, CLIENTS, partnerRealm, person } from './keycloak/cast.ts';
import { installKeycloak, whyNoKeycloak } from './keycloak/install.ts';
import { type Keycloak, startKeycloak } from './keycloak/keycloak-process.ts';
import { DEMO_USERS, REALM, REALM_FILE } from './keycloak/realm.ts';
import { askForTokens, refresh, signInByDevice, signInDirectly, type Tokens } from './keycloak/sign-in.ts';
import { runClaudeCode } from './support/claude-code.ts';

const reason = whyNoKeycloak();
const skip = reason === null ? false : skipBecause(reason);
const timeout = 120_000;
/** Of tests in which Keycloak starts: minutes on a busy machine. */
const longTimeout = 400_000;

const PARTNER = 'partner';
let keycloak: Keycloak;
let admin: KeycloakAdmin;
let issuer: string;
let internal: MockBackend;
/** Knows both realms, and has a tier for everyone. */
let gateway: GatewayProcess;
/** Knows one realm, refuses whoever has no tier, and allows clocks no difference. */
let strict: GatewayProcess;
const gateways: GatewayProcess[] = [];

before(
  async () => {
    if (skip !== false) return;
    keycloak = await startKeycloak(await installKeycloak(), { realm: REALM, realmFile: REALM_FILE });
    issuer = `${keycloak.url}/realms/${REALM}`;
    admin = createKeycloakAdmin(keycloak);
    await admin.add(REALM, CAST);
    await admin.createRealm(partnerRealm(readFileSync(REALM_FILE, 'utf8'), PARTNER));
    for (const username of DEMO_USERS) await admin.setPassword(REALM, username, person(username).password);
    internal = await startMockBackend({ dialect: 'openai', models: ['qwen3-32b'], credential: null });
    gateway = await startGateway(`realms: [{ url: "${keycloak.url}/realms/${PARTNER}" }]`);
    strict = await startGateway('defaultTier: null, clockSkewSeconds: 0');
  },
  { timeout: longTimeout },
);
after(async () => {
  for (const one of gateways) await one.kill();
  await internal?.close();
  await keycloak?.close();
});

async function startGateway(keycloakYaml = ''): Promise<GatewayProcess> {
  const started = await startGatewayProcess({
    env: { AUTH_PROVIDER: 'keycloak', KEYCLOAK_URL: issuer, INTERNAL_LLM_URL: internal.v1 },
    configYaml: `auth: { keycloak: { ${keycloakYaml} } }\n`,
  });
  gateways.push(started);
  return started;
}

interface Standing {
  readonly status: number;
  readonly user: string;
  readonly tier: string;
  readonly used: number;
  readonly headers: Headers;
  readonly error: string;
}

async function quotaOf(token: string, at = gateway): Promise<Standing> {
  const response = await fetch(`${at.url}/quota`, { headers: { authorization: `Bearer ${token}` } });
  const body = (await response.json()) as Omit<Standing, 'status' | 'headers' | 'error'>;
  return { ...body, status: response.status, headers: response.headers, error: JSON.stringify(body) };
}

async function ask(token: string): Promise<number> {
  const response = await fetch(`${gateway.url}/v1/messages`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(messages('claude-sonnet-5-5')),
  });
  await response.text();
  return response.status;
}

const signIn = async (username: string, clientId: string = CLIENTS.mapped, realm = issuer) =>
  signInDirectly(realm, clientId, person(username));

const claimsOf = (token: string, part: 0 | 1 = 1) =>
  JSON.parse(Buffer.from(token.split('.')[part] ?? '', 'base64url').toString('utf8')) as Record<
    string,
    unknown
  >;

/** Asks again until the answer will do; what is waited for happens in other processes. */
async function until(what: string, ms: number, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + ms;
  while (!(await holds())) {
    assert.ok(Date.now() < deadline, `not within ${ms} ms: ${what}`);
    await pause(100);
  }
}

for (const username of DEMO_USERS) {
  const tier = username.replace('demo-', '');
  test(`${username} signs in on a device, approves it in the browser, and is ${tier}`, {
    skip,
    timeout,
  }, async () => {
    const tokens = await signInByDevice(issuer, 'llm-gateway', person(username));
    const standing = await quotaOf(tokens.access_token);
    assert.deepEqual([standing.status, standing.user, standing.tier], [200, username, tier]);
    const { aud, typ } = claimsOf(tokens.access_token);
    assert.ok([aud].flat().includes('llm-gateway'));
    assert.equal(typ, 'Bearer');
  });
}

test('the shipped client takes no passwords, and no device without PKCE', { skip, timeout }, async () => {
  const form = { grant_type: 'password', client_id: 'llm-gateway', ...person('demo-pro') };
  const answers = [
    await askForTokens(issuer, form),
    await fetch(`${issuer}/protocol/openid-connect/auth/device`, {
      method: 'POST',
      body: new URLSearchParams({ client_id: 'llm-gateway' }),
    }),
  ];
  const errors = await Promise.all(
    answers.map(async (answer) => [answer.status, ((await answer.json()) as { error: string }).error]),
  );
  assert.deepEqual(errors, [
    [400, 'unauthorized_client'],
    [400, 'invalid_request'],
  ]);
});

for (const [username, tier] of [
  ['by-client-role', 'pro'],
  ['by-realm-role', 'pro'],
  ['by-group', 'enterprise'],
  ['by-all', 'enterprise'],
  ['nobody', 'free'],
] as const) {
  test(`the tier of "${username}" is ${tier}`, { skip, timeout }, async () => {
    const { access_token } = await signIn(username);
    const { status, tier: found } = await quotaOf(access_token);
    assert.deepEqual([status, found], [200, tier]);
  });
}

test('where the configuration names no default tier, whoever has none is refused', {
  skip,
  timeout,
}, async () => {
  const { status, error } = await quotaOf((await signIn('nobody')).access_token, strict);
  assert.equal(status, 403);
  assert.match(error, /no subscription/);
  assert.equal((await quotaOf((await signIn('by-group')).access_token, strict)).status, 200);
});

test('two tokens of a person count as one person, those of another apart', { skip, timeout }, async () => {
  const [first, second] = [await signIn('by-client-role'), await signIn('by-client-role', CLIENTS.roles)];
  assert.notEqual(claimsOf(first.access_token).sid, claimsOf(second.access_token).sid);
  internal.say({}, {});
  assert.equal(await ask(first.access_token), 200);
  assert.equal(await ask(second.access_token), 200);
  internal.assertPlayed();
  const renewed = await refresh(issuer, CLIENTS.mapped, first);
  assert.equal((await quotaOf(renewed.access_token)).used, 2);
  assert.equal((await quotaOf((await signIn('by-realm-role')).access_token)).used, 0);
});

test('ID tokens and refresh tokens are refused, also those of the gateway’s own client', {
  skip,
  timeout,
}, async () => {
  const { id_token, refresh_token } = await signInByDevice(issuer, 'llm-gateway', person('demo-pro'));
  // Its audience is right, so that nothing but its type tells it from an access token.
  assert.deepEqual([claimsOf(id_token).aud, claimsOf(id_token).typ], ['llm-gateway', 'ID']);
  for (const token of [id_token, refresh_token]) {
    const { status, headers } = await quotaOf(token);
    assert.deepEqual([status, headers.get('x-should-retry')], [401, 'false']);
    assert.match(headers.get('www-authenticate') ?? '', /error="invalid_token"/);
  }
});

test('a person’s role of the gateway means the token for it, where the client’s scope lets it', {
  skip,
  timeout,
}, async () => {
  const { access_token } = await signIn('by-client-role', CLIENTS.roles);
  assert.ok([claimsOf(access_token).aud].flat().includes('llm-gateway'));
  assert.equal((await quotaOf(access_token)).status, 200);
});

for (const [what, username, clientId] of [
  ['of another application', 'by-client-role', CLIENTS.foreign],
  [
    'of a person without a role of the gateway, by a client without the mapper',
    'by-realm-role',
    CLIENTS.roles,
  ],
] as const) {
  test(`a token ${what} is not meant for the gateway and refused`, { skip, timeout }, async () => {
    const { access_token } = await signIn(username, clientId);
    assert.ok(![claimsOf(access_token).aud].flat().includes('llm-gateway'));
    const { status, headers } = await quotaOf(access_token);
    assert.deepEqual([status, headers.get('x-should-retry')], [401, 'false']);
  });
}

test('people of a second realm are served where it is configured, and refused where it is not', {
  skip,
  timeout,
}, async () => {
  const partner = `${keycloak.url}/realms/${PARTNER}`;
  const { access_token } = await signIn('by-client-role', CLIENTS.roles, partner);
  const { status, tier, used } = await quotaOf(access_token);
  assert.deepEqual([status, tier, used], [200, 'enterprise', 0]);
  assert.equal((await quotaOf(access_token, strict)).status, 401);
});

test('a new signing key in mid-traffic loses no request', { skip, timeout }, async () => {
  const seen: { kid: unknown; status: number }[] = [];
  let ended = false;
  async function travel(session: Tokens): Promise<void> {
    let tokens = session;
    while (!ended) {
      tokens = await refresh(issuer, CLIENTS.mapped, tokens);
      const { status } = await quotaOf(tokens.access_token);
      seen.push({ kid: claimsOf(tokens.access_token, 0).kid, status });
    }
  }
  const early = await signIn('traveller');
  const oldKid = claimsOf(early.access_token, 0).kid;
  // One after the other: Keycloak refuses a person who signs in twice at the same moment.
  const sessions: Tokens[] = [];
  for (let number = 0; number < 4; number++) sessions.push(await signIn('traveller'));
  const travellers = Promise.all(sessions.map(travel));
  const count = (isNew: boolean) => seen.filter(({ kid }) => (kid !== oldKid) === isNew).length;
  try {
    await until('traffic', 30_000, () => seen.length >= 20);
    await admin.addSigningKey(REALM);
    await until('traffic with the new key', 60_000, () => count(true) >= 20);
  } finally {
    ended = true;
    await travellers;
  }
  assert.deepEqual(
    seen.filter(({ status }) => status !== 200),
    [],
  );
  assert.ok(count(false) >= 20);
  assert.equal((await quotaOf(early.access_token, strict)).status, 200, 'an earlier token, not seen before');
});

test('while Keycloak is stopped its tokens go on, and a gateway that starts meanwhile waits for it', {
  skip,
  timeout: longTimeout,
}, async () => {
  const [known, fresh] = [await signIn('traveller'), await signIn('traveller')];
  assert.equal((await quotaOf(known.access_token)).status, 200);
  await keycloak.stop();
  await assert.rejects(refresh(issuer, CLIENTS.mapped, known), /fetch failed/);
  internal.say({}, {});
  for (const { access_token } of [known, fresh]) assert.equal(await ask(access_token), 200);
  internal.assertPlayed();

  const late = await startGateway();
  const { status, headers } = await quotaOf(known.access_token, late);
  assert.equal(status, 503);
  assert.match(headers.get('retry-after') ?? '', /^\d+$/);

  await keycloak.start();
  const { access_token } = await signIn('traveller');
  assert.equal((await quotaOf(access_token)).status, 200);
  // It asks for keys every half minute, be anyone there or not.
  await until('the late gateway', 45_000, async () => (await quotaOf(access_token, late)).status === 200);
});

test('a disabled user gets no new token, and is out when the last one ends', { skip, timeout }, async () => {
  const tokens = await signIn('leaver', CLIENTS.shortLived);
  assert.equal((await quotaOf(tokens.access_token, strict)).status, 200);
  await admin.disable(REALM, 'leaver');
  await assert.rejects(refresh(issuer, CLIENTS.shortLived, tokens), /invalid_grant/);
  const expiresAt = Number(claimsOf(tokens.access_token).exp) * 1000;
  let last = await quotaOf(tokens.access_token, strict);
  await until('the token ends', 10_000, async () => {
    last = await quotaOf(tokens.access_token, strict);
    return last.status !== 200;
  });
  assert.equal(last.status, 401);
  assert.match(last.error, /expired/);
  assert.equal(last.headers.get('x-should-retry'), null, 'the client may come back with a new one');
  assert.ok(Date.now() >= expiresAt);
});

test('Claude Code answers a prompt with a token of Keycloak', { skip, timeout }, async () => {
  const { access_token } = await signInByDevice(issuer, 'llm-gateway', person('demo-free'));
  internal.say({ text: 'The sky scatters blue light.' });
  const run = await runClaudeCode({
    prompt: 'Why is the sky blue?',
    baseUrl: gateway.url,
    token: access_token,
  });
  assert.deepEqual(
    [run.result, run.isError, run.exitCode],
    ['The sky scatters blue light.', false, 0],
    run.stdout + run.stderr,
  );
  internal.assertPlayed();
  const { user, tier, used } = await quotaOf(access_token);
  assert.deepEqual([user, tier, used], ['demo-free', 'free', 1]);
});

test('no token is in a log', { skip, timeout }, () => {
  for (const one of gateways) assert.doesNotMatch(one.stderr() + one.stdout(), /eyJ/);
});
