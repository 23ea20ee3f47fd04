/** Keys, sign-in and logout against two replicas that share a store, and a realm of the test's own. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type FakeRealm, LOGOUT_EVENT, SERVICE_SECRET, startFakeRealm } from '../support/fake-realm.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { type MockBackend, startMockBackend } from '../support/mock-backend.ts';
import { messages } from '../support/rig.ts';
import { skipBecause } from '../support/skip.ts';
import { findValkey, startValkey } from '../support/valkey-server.ts';

const PUBLIC = 'https://llm.example';
const COOKIE = '__Host-gateway-sign-in';
let realm: FakeRealm;
let internal: MockBackend;
let here: GatewayProcess;
let there: GatewayProcess;
let folder: string;

before(async () => {
  realm = await startFakeRealm();
  internal = await startMockBackend({ dialect: 'openai', models: ['qwen3-32b'], credential: null });
  folder = await mkdtemp(join(tmpdir(), 'llm-gateway-sign-in-'));
  [here, there] = await Promise.all([startReplica('off'), startReplica('partial')]);
});
after(async () => {
  await Promise.all([here?.kill(), there?.kill()]);
  await internal.close();
  await realm.close();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => {
  realm.isAway = false;
  realm.visitor = null;
  internal.reset();
});

function startReplica(
  introspection: 'off' | 'partial',
  store: { readonly env?: Record<string, string>; readonly dataDir?: string } = { dataDir: folder },
) {
  return startGatewayProcess({
    env: {
      ...store.env,
      LOG_LEVEL: 'trace',
      AUTH_PROVIDER: 'keycloak',
      KEYCLOAK_URL: realm.issuer,
      KEYCLOAK_CLIENT_SECRET: SERVICE_SECRET,
      PUBLIC_URL: PUBLIC,
      INTERNAL_LLM_URL: internal.v1,
      STATIC_KEYS: 'canary-static=carol:pro',
    },
    ...(store.dataDir !== undefined && { dataDir: store.dataDir }),
    configYaml: [
      'auth:',
      `  keycloak: { ownerCheckSeconds: 5, introspection: ${introspection} }`,
      '  keys: { mostPerUser: 3, services: { pro: { most: 1, requestsPerDay: 2 } } }',
      '  signIn: { managedSettings: { pro: { model: opus, env: { B: "2", A: "1" } } } }',
    ].join('\n'),
  });
}

const bearer = (credential: string) => ({ authorization: `Bearer ${credential}` });
type Body = Record<string, unknown>;

async function get(path: string, credential: string, at = here) {
  const response = await fetch(at.url + path, { headers: bearer(credential) });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text === '' ? {} : (JSON.parse(text) as Body),
  };
}
async function makeKey(credential: string, wanted: Body, at = here) {
  const response = await fetch(`${at.url}/auth/keys`, {
    method: 'POST',
    headers: { ...bearer(credential), 'content-type': 'application/json' },
    body: JSON.stringify(wanted),
  });
  return { status: response.status, body: (await response.json()) as Body & { key: string; id: string } };
}
async function post(path: string, fields: Record<string, string>, at = here) {
  const response = await fetch(at.url + path, { method: 'POST', body: new URLSearchParams(fields) });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text === '' ? {} : (JSON.parse(text) as Body),
  };
}
const statusOf = async (credential: string, at = here) => (await get('/quota', credential, at)).status;
async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 12_000;
  while (!(await holds())) {
    assert.ok(Date.now() < deadline, `not within 12 s: ${what}`);
    await pause(100);
  }
}

/** A browser: one cookie, forms sent as a browser sends them. */
function openBrowser() {
  let cookie = '';
  async function open(at: GatewayProcess, path: string, fields?: Record<string, string>, headers = {}) {
    const response = await fetch(at.url + path, {
      redirect: 'manual',
      headers: {
        cookie,
        ...(fields !== undefined && { origin: PUBLIC, 'sec-fetch-site': 'same-origin' }),
        ...headers,
      },
      ...(fields !== undefined && { method: 'POST', body: new URLSearchParams(fields) }),
    });
    const [given] = response.headers.getSetCookie();
    if (given !== undefined) cookie = given.split(';', 1)[0] ?? '';
    return { status: response.status, headers: response.headers, html: await response.text(), given };
  }
  return { open, cookie: () => cookie };
}
const field = (html: string, name: string) =>
  new RegExp(`name="${name}" value="([^"]*)"`).exec(html)?.[1] ?? '';
const link = (html: string) => (/url=([^"]+)"/.exec(html)?.[1] ?? '').replaceAll('&amp;', '&');

const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
const begin = async () =>
  (await post('/oauth/device_authorization', { surface: 'claude_code' })).body as Record<string, string>;
const poll = (device_code: string, at = here) =>
  post('/oauth/token', { grant_type: DEVICE_GRANT, device_code }, at);

/** As far as the question; each step at the other replica. */
async function goToQuestion(userCode: string, browser = openBrowser()) {
  const start = await browser.open(here, `/device?user_code=${userCode}`);
  const left = await browser.open(there, '/device', {
    token: field(start.html, 'token'),
    user_code: field(start.html, 'user_code'),
  });
  const back = await fetch(link(left.html), { redirect: 'manual' });
  const { pathname, search } = new URL(back.headers.get('location') ?? '');
  const question = await browser.open(here, pathname + search);
  return { browser, start, left, question, callback: pathname + search };
}
async function decide(userCode: string, decision: string) {
  const { browser, question } = await goToQuestion(userCode);
  const [token, ticket] = [field(question.html, 'token'), field(question.html, 'ticket')];
  return browser.open(there, '/device/decision', { token, ticket, decision });
}
async function signIn(sub: string, sid = `sid-of-${sub}`) {
  realm.visitor = { sub, sid };
  const { device_code = '', user_code = '' } = await begin();
  assert.match((await decide(user_code, 'approve')).html, /You are signed in/);
  return (await poll(device_code, there)).body as Record<'access_token' | 'refresh_token', string>;
}

test('sign-in from the first question to a renewed session, every step at another replica', async () => {
  realm.addPerson('ada', 'tier-pro');
  realm.visitor = { sub: 'ada', sid: 'sid-1' };
  const { device_code = '', user_code = '', verification_uri, verification_uri_complete } = await begin();
  assert.equal(verification_uri, `${PUBLIC}/device`);
  assert.equal(verification_uri_complete, `${PUBLIC}/device?user_code=${user_code}`);
  assert.equal((await poll(device_code, there)).body.error, 'authorization_pending');
  const { browser, question } = await goToQuestion(user_code);
  assert.match(question.html, new RegExp(`<strong>ada</strong>[^]*${user_code}`));
  assert.equal((await poll(device_code)).body.error, 'slow_down', 'nobody has said yes');
  const [token, ticket] = [field(question.html, 'token'), field(question.html, 'ticket')];
  await browser.open(there, '/device/decision', { token, ticket, decision: 'approve' });
  const { status, body, headers } = await poll(device_code, there);
  assert.equal(status, 200);
  assert.equal(headers.get('cache-control'), 'no-store');
  assert.deepEqual([body.token_type, body.expires_in, body.email], ['Bearer', 3600, 'ada@example.invalid']);
  assert.equal((await poll(device_code)).body.error, 'expired_token', 'it is handed out once');

  const quota = await get('/quota', String(body.access_token), there);
  assert.deepEqual([quota.status, quota.body.user, quota.body.tier], [200, 'ada', 'pro']);
  const renewal = { grant_type: 'refresh_token', refresh_token: String(body.refresh_token) };
  const renewed = await post('/oauth/token', renewal, there);
  assert.equal(renewed.status, 200);
  assert.equal(await statusOf(String(renewed.body.access_token)), 200);
  assert.equal((await post('/oauth/revoke', { token: String(renewed.body.access_token) })).status, 200);
  for (const one of [body.access_token, renewed.body.access_token])
    assert.equal(await statusOf(String(one), there), 401);
  const ended = await post('/oauth/token', { ...renewal, refresh_token: String(renewed.body.refresh_token) });
  assert.deepEqual([ended.status, ended.body.error], [401, 'invalid_grant']);
});

test('a session, a token and a personal key of one person share one quota', async () => {
  realm.addPerson('dora', 'tier-pro');
  const { access_token } = await signIn('dora');
  const token = await realm.tokenOf('dora');
  const { key } = (await makeKey(token, { name: 'laptop' })).body;
  internal.say({}, {}, {});
  for (const credential of [access_token, token, key]) {
    const response = await fetch(`${here.url}/v1/messages`, {
      method: 'POST',
      headers: { ...bearer(credential), 'content-type': 'application/json' },
      body: JSON.stringify(messages('gpt-5')),
    });
    assert.equal(response.status, 200);
    await response.text();
  }
  for (const credential of [access_token, token, key])
    assert.equal((await get('/quota', credential)).body.used, 3);
  internal.assertPlayed();
});

test('pages run no script, load nothing, fit in no frame, are kept nowhere, and set a hardened cookie', async () => {
  const { start } = await goToQuestion((await begin()).user_code ?? '').catch(async () => ({
    start: await openBrowser().open(here, '/device'),
  }));
  const policy = start.headers.get('content-security-policy') ?? '';
  assert.match(
    policy,
    /^default-src 'none'; style-src 'sha256-[^']+'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'$/,
  );
  assert.equal(start.headers.get('x-frame-options'), 'DENY');
  assert.equal(start.headers.get('cache-control'), 'no-store');
  assert.match(
    start.given ?? '',
    /^__Host-gateway-sign-in=[\w-]{43}; Max-Age=600; Path=\/; HttpOnly; SameSite=Lax; Secure$/,
  );
  assert.doesNotMatch(start.html, /<script|javascript:|\son\w+=/i);
});

test('what is typed or named comes back as text', async () => {
  const nasty = '"><script>alert(1)</script>';
  const { html } = await openBrowser().open(here, `/device?user_code=${encodeURIComponent(nasty)}`);
  assert.doesNotMatch(html, /<script/);
  realm.people.set('eve', { sub: 'eve', name: '<img src=x>', roles: ['tier-pro'], enabled: true });
  realm.visitor = { sub: 'eve', sid: 's' };
  const { question } = await goToQuestion((await begin()).user_code ?? '');
  assert.match(question.html, /&lt;img src=x&gt;/);
});

for (const [what, spoil] of [
  ['without the cookie', { headers: { cookie: '' } }],
  ['with a cookie of another browser', { headers: { cookie: `${COOKIE}=${'A'.repeat(43)}` } }],
  ['from another origin', { headers: { origin: 'https://evil.example' } }],
  ['from another site', { headers: { 'sec-fetch-site': 'cross-site' } }],
  ['from a page of nobody’s', { headers: { origin: 'null' } }],
  ['with a wrong token', { fields: { token: 'x' } }],
] as const) {
  test(`a form that is sent ${what} decides nothing`, async () => {
    realm.addPerson('ada', 'tier-pro');
    realm.visitor = { sub: 'ada', sid: 'sid-1' };
    const { device_code = '', user_code = '' } = await begin();
    const { browser, question } = await goToQuestion(user_code);
    const [token, ticket] = [field(question.html, 'token'), field(question.html, 'ticket')];
    const fields = { token, ticket, decision: 'approve', ...('fields' in spoil && spoil.fields) };
    const headers = 'headers' in spoil ? spoil.headers : {};
    assert.equal((await browser.open(here, '/device/decision', fields, headers)).status, 403);
    const start = await browser.open(here, '/device');
    const leaving = { user_code, token: field(start.html, 'token'), ...('fields' in spoil && spoil.fields) };
    assert.equal((await browser.open(here, '/device', leaving, headers)).status, 403);
    assert.equal((await poll(device_code)).body.error, 'authorization_pending');
  });
}

test('the realm’s answer counts once, and only in the browser that went there', async () => {
  realm.addPerson('ada', 'tier-pro');
  realm.visitor = { sub: 'ada', sid: 'sid-1' };
  const { browser, callback } = await goToQuestion((await begin()).user_code ?? '');
  assert.match((await browser.open(there, callback)).html, /This sign-in is over/);
  const other = openBrowser();
  await other.open(here, '/device');
  assert.match((await other.open(here, callback)).html, /This sign-in is over/);
  for (const query of ['', '?state=x&code=y', '?error=access_denied&state=x'])
    assert.equal((await browser.open(here, `/oauth/callback${query}`)).status, 400);
});

test('whoever is disabled in the moment of the sign-in is not let in', async () => {
  realm.addPerson('rue', 'tier-pro').enabled = false;
  realm.visitor = { sub: 'rue', sid: 'sid-r' };
  const { device_code = '', user_code = '' } = await begin();
  await decide(user_code, 'approve');
  const { access_token } = (await poll(device_code)).body as Record<string, string>;
  assert.equal(await statusOf(access_token ?? ''), 401, 'the realm itself would not have let them in');
});

test('the realm being away stops nobody who is in, and lets nobody new in', async () => {
  realm.addPerson('fay', 'tier-pro');
  const { access_token } = await signIn('fay');
  assert.equal(await statusOf(access_token), 200);
  realm.isAway = true;
  await pause(5100);
  assert.deepEqual([await statusOf(access_token), await statusOf(access_token, there)], [200, 200]);
  realm.isAway = false;
  realm.addPerson('gil', 'tier-pro');
  realm.visitor = { sub: 'gil', sid: 's' };
  const browser = openBrowser();
  const start = await browser.open(here, `/device?user_code=${(await begin()).user_code}`);
  const leaving = { token: field(start.html, 'token'), user_code: field(start.html, 'user_code') };
  const left = await browser.open(here, '/device', leaving);
  const back = await fetch(link(left.html), { redirect: 'manual' });
  const { pathname, search } = new URL(back.headers.get('location') ?? '');
  realm.isAway = true;
  assert.equal((await browser.open(here, pathname + search)).status, 503);
});

for (const [what, fields, status, error] of [
  ['no grant', {}, 400, 'unsupported_grant_type'],
  ['another grant', { grant_type: 'password', username: 'a' }, 400, 'unsupported_grant_type'],
  ['no device code', { grant_type: DEVICE_GRANT }, 400, 'invalid_request'],
  ['an unknown device code', { grant_type: DEVICE_GRANT, device_code: 'x' }, 400, 'expired_token'],
  ['no refresh token', { grant_type: 'refresh_token' }, 400, 'invalid_request'],
  ['an unknown refresh token', { grant_type: 'refresh_token', refresh_token: 'x' }, 401, 'invalid_grant'],
] as const) {
  test(`the token endpoint refuses ${what} in OAuth's words`, async () => {
    const answer = await post('/oauth/token', { ...fields });
    assert.deepEqual([answer.status, answer.body.error], [status, error]);
    assert.equal(typeof answer.body.error_description, 'string');
  });
}

test('a key is shown once, listed, used, and out at once on every replica', async () => {
  realm.addPerson('hal', 'tier-pro');
  const token = await realm.tokenOf('hal');
  const made = await makeKey(token, { name: 'laptop', expires_in_days: 7 });
  assert.equal(made.status, 201);
  assert.match(made.body.key, /^lgwp_[0-9A-Za-z]{49}$/);
  assert.equal(await statusOf(made.body.key, there), 200);
  const listed = (await get('/auth/keys', token, there)).body.keys as readonly Body[];
  assert.deepEqual(
    listed.map(({ id, name, kind }) => ({ id, name, kind })),
    [{ id: made.body.id, name: 'laptop', kind: 'personal' }],
  );
  assert.ok(!JSON.stringify(listed).includes(made.body.key));
  const gone = await fetch(`${here.url}/auth/keys/${made.body.id}`, {
    method: 'DELETE',
    headers: bearer(token),
  });
  assert.equal(gone.status, 204);
  const { status, headers } = await get('/quota', made.body.key, there);
  assert.deepEqual([status, headers.get('x-should-retry')], [401, 'false']);
});

test('a key follows its owner: a new tier, no tier of old, and out when they are', async () => {
  const owner = realm.addPerson('ivy', 'tier-free');
  const { key } = (await makeKey(await realm.tokenOf('ivy'), { name: 'ci' })).body;
  assert.equal((await get('/quota', key)).body.tier, 'free');
  owner.roles = ['tier-enterprise'];
  await until('the new tier', async () => (await get('/quota', key)).body.tier === 'enterprise');
  owner.enabled = false;
  await until('out', async () => (await statusOf(key)) === 401);
});

test('a service key has its own small quota, and as many as the tier includes', async () => {
  realm.addPerson('jon', 'tier-pro');
  const token = await realm.tokenOf('jon');
  const first = await makeKey(token, { name: 'ci', kind: 'service' });
  assert.equal(first.status, 201);
  const { status, body } = await makeKey(token, { name: 'ci 2', kind: 'service' });
  assert.equal(status, 409);
  assert.match(JSON.stringify(body), /1 service keys/);
  internal.say({}, {});
  const statuses: number[] = [];
  for (let number = 0; number < 3; number += 1) {
    const response = await fetch(`${here.url}/v1/messages`, {
      method: 'POST',
      headers: { ...bearer(first.body.key), 'content-type': 'application/json' },
      body: JSON.stringify(messages('gpt-5')),
    });
    await response.text();
    statuses.push(response.status);
  }
  assert.deepEqual(statuses, [200, 200, 429]);
  assert.deepEqual(
    [(await get('/quota', first.body.key)).body.used, (await get('/quota', token)).body.used],
    [2, 0],
  );
  realm.addPerson('kim', 'tier-free');
  const refused = await makeKey(await realm.tokenOf('kim'), { name: 'ci', kind: 'service' });
  assert.deepEqual(
    [refused.status, /includes no service keys/.test(JSON.stringify(refused.body))],
    [409, true],
  );
  internal.assertPlayed();
});

test('keys manage no keys, and nobody has more than allowed', async () => {
  realm.addPerson('lea', 'tier-pro');
  const token = await realm.tokenOf('lea');
  const made = await Promise.all([1, 2, 3, 4, 5].map((name) => makeKey(token, { name: `${name}` })));
  assert.deepEqual(made.map(({ status }) => status).sort(), [201, 201, 201, 409, 409]);
  const key = made.find(({ status }) => status === 201)?.body.key ?? '';
  assert.equal((await makeKey(key, { name: 'more' })).status, 403);
  assert.equal((await get('/auth/keys', key)).status, 403);
});

test('the user of a static key can make keys too, with the tier of the configuration', async () => {
  const made = await makeKey('canary-static', { name: 'laptop' });
  assert.equal(made.status, 201);
  const { body } = await get('/quota', made.body.key, there);
  assert.deepEqual([body.user, body.tier], ['carol', 'pro']);
});

for (const [what, wanted, pattern] of [
  ['without a name', {}, /name: expected/],
  ['with an empty name', { name: '' }, /name: expected/],
  ['with a name of control characters', { name: 'a\nb' }, /name: expected/],
  ['of another kind', { name: 'a', kind: 'root' }, /kind: expected/],
  ['for ever', { name: 'a', expires_in_days: 0 }, /expires_in_days: expected/],
  ['for too long', { name: 'a', expires_in_days: 366 }, /1 to 365/],
  ['with a field that is none', { name: 'a', tier: 'enterprise' }, /tier[^a-z]+is not a field/],
] as const) {
  test(`a key ${what} is refused`, async () => {
    realm.addPerson('mia', 'tier-pro');
    const { status, body } = await makeKey(await realm.tokenOf('mia'), wanted);
    assert.equal(status, 400);
    assert.match(JSON.stringify(body), pattern);
  });
}

test('a mistyped key costs no question to the realm and none to the store', async () => {
  realm.addPerson('ned', 'tier-pro');
  const { key } = (await makeKey(await realm.tokenOf('ned'), { name: 'a' })).body;
  const before = { ...realm.asked };
  const answers = await Promise.all([
    statusOf(`${key.slice(0, -1)}${key.endsWith('x') ? 'y' : 'x'}`),
    statusOf(key.slice(0, 30)),
    statusOf(key.toUpperCase()),
    statusOf(`lgwp_${'0'.repeat(49)}`, there),
  ]);
  assert.deepEqual(answers, [401, 401, 401, 401]);
  assert.deepEqual(realm.asked, before);
});

test('a logout ends the session and its tokens on every replica within five seconds', async () => {
  realm.addPerson('oda', 'tier-pro');
  const session = await signIn('oda', 'sid-a');
  const [token, elsewhere] = [await realm.tokenOf('oda', 'sid-a'), await realm.tokenOf('oda', 'sid-b')];
  for (const one of [session.access_token, token, elsewhere])
    assert.deepEqual([await statusOf(one), await statusOf(one, there)], [200, 200]);
  const logout = await realm.logoutToken({ sub: 'oda', sid: 'sid-a' });
  const { status, headers } = await post('/auth/backchannel-logout', { logout_token: logout });
  assert.deepEqual([status, headers.get('cache-control')], [200, 'no-store']);
  for (const one of [session.access_token, token]) {
    assert.equal(await statusOf(one), 401, 'at once where it was said');
    await until('out elsewhere', async () => (await statusOf(one, there)) === 401);
  }
  assert.deepEqual([await statusOf(elsewhere), await statusOf(elsewhere, there)], [200, 200]);
  const renewal = { grant_type: 'refresh_token', refresh_token: session.refresh_token };
  assert.equal((await post('/oauth/token', renewal, there)).status, 401);
  await post('/auth/backchannel-logout', { logout_token: await realm.logoutToken({ sub: 'oda' }) });
  assert.equal(await statusOf(elsewhere), 401, 'a person without a session: all of them');
});

for (const [what, claims] of [
  ['an access token', { typ: 'Bearer', events: undefined, sub: 'pia' }],
  ['an ID token', { nonce: 'n', sub: 'pia' }],
  ['one for another client', { aud: 'another', sub: 'pia' }],
  ['one of another issuer', { iss: 'https://evil.example', sub: 'pia' }],
  ['one about nobody', {}],
  ['one without an id', { jti: undefined, sub: 'pia' }],
  ['another event', { events: { 'https://example/other': {} }, sub: 'pia' }],
  ['an old one', { iat: Math.floor(Date.now() / 1000) - 600, sub: 'pia' }],
  ['one that has ended', { exp: Math.floor(Date.now() / 1000) - 60, sub: 'pia' }],
] as const) {
  test(`${what} logs nobody out`, async () => {
    realm.addPerson('pia', 'tier-pro');
    const token = await realm.tokenOf('pia');
    const { status, body } = await post('/auth/backchannel-logout', {
      logout_token: await realm.logoutToken(claims),
    });
    assert.deepEqual([status, body.error], [400, 'invalid_request']);
    assert.equal(await statusOf(token), 200);
    assert.ok(LOGOUT_EVENT.startsWith('http'));
  });
}

test('a logout token is no access token', async () => {
  assert.equal(
    await statusOf(await realm.logoutToken({ sub: 'pia', exp: Math.floor(Date.now() / 1000) + 60 })),
    401,
  );
});

test('opaque and lightweight tokens are asked about where that is configured, good ones once', async () => {
  realm.addPerson('quin', 'tier-pro');
  const exp = Math.floor(Date.now() / 1000) + 300;
  const known = {
    active: true,
    aud: ['llm-gateway'],
    sub: 'quin',
    exp,
    resource_access: { 'llm-gateway': { roles: ['tier-pro'] } },
  };
  const light = await realm.sign({ aud: undefined, sub: undefined, resource_access: undefined });
  for (const [token, answer] of [
    ['opaque-token-of-quin', known],
    [light, known],
  ] as const) {
    realm.opaque.set(token, answer);
    const before = realm.asked.introspection;
    assert.deepEqual([await statusOf(token, there), await statusOf(token, there)], [200, 200]);
    assert.equal(realm.asked.introspection, before + 1);
    assert.equal(await statusOf(token, here), 401, 'not where it is off');
  }
  const bad = [
    { ...known, aud: 'another' },
    { ...known, iss: 'https://evil.example' },
    { ...known, exp: exp - 600 },
    { ...known, typ: 'Refresh' },
    { ...known, sub: '' },
    { ...known, active: 'true' },
    { ...known, cnf: { jkt: 'x' } },
  ];
  for (const [index, answer] of bad.entries()) {
    realm.opaque.set(`bad-${index}`, answer);
    assert.equal(await statusOf(`bad-${index}`, there), 401, JSON.stringify(answer));
  }
});

test('managed settings are the tier’s, with a tag that spares sending them again', async () => {
  realm.addPerson('ada', 'tier-pro');
  const token = await realm.tokenOf('ada');
  const { status, body, headers } = await get('/managed/settings', token);
  assert.equal(status, 200);
  assert.deepEqual(body.settings, { model: 'opus', env: { B: '2', A: '1' } });
  const etag = headers.get('etag') ?? '';
  assert.match(etag, /^"sha256:[0-9a-f]{64}"$/);
  const again = await fetch(`${there.url}/managed/settings`, {
    headers: { ...bearer(token), 'if-none-match': etag },
  });
  assert.equal(again.status, 304);
  realm.addPerson('kim', 'tier-free');
  assert.equal((await get('/managed/settings', await realm.tokenOf('kim'))).status, 404);
});

test('telemetry is taken and dropped; strangers’ is not, nor more than four megabytes', async () => {
  realm.addPerson('ada', 'tier-pro');
  const headers = { ...bearer(await realm.tokenOf('ada')), 'content-type': 'application/x-protobuf' };
  const send = (body: Uint8Array<ArrayBuffer>, more: Record<string, string> = headers) =>
    fetch(`${here.url}/v1/logs`, { method: 'POST', headers: more, body });
  assert.equal((await send(new Uint8Array(1000))).status, 200);
  assert.equal((await send(new Uint8Array(4 * 1024 * 1024 + 1))).status, 413);
  assert.equal((await send(new Uint8Array(10), {})).status, 401);
});

/** The routes that answer a stranger, beside those of every gateway, and why they may. */
const OPEN: Readonly<Record<string, number>> = {
  'GET /console': 303,
  'POST /console': 303,
  'GET /': 200,
  'GET /api/hello': 200,
  'GET /v1/api/hello': 200,
  'GET /health': 200,
  'GET /livez': 200,
  'GET /readyz': 200,
  // What signing in begins with, and what it is told to.
  'GET /.well-known/oauth-protected-resource': 200,
  'GET /.well-known/oauth-authorization-server': 200,
  'POST /oauth/device_authorization': 200,
  'GET /device': 200,
  // Answer to their own codes, states and signatures only.
  'POST /auth/backchannel-logout': 400,
  'POST /oauth/token': 400,
  'POST /oauth/revoke': 200,
  'POST /device': 403,
  'POST /device/decision': 403,
  'GET /oauth/callback': 400,
};

test('every other route refuses a stranger', async () => {
  const { endpoints } = (await (await fetch(here.url)).json()) as { endpoints: readonly string[] };
  assert.deepEqual(
    Object.keys(OPEN).filter((endpoint) => !endpoints.includes(endpoint)),
    [],
  );
  for (const endpoint of endpoints) {
    const [method = '', path = ''] = endpoint.split(' ');
    const form = method === 'POST' && endpoint in OPEN;
    const { status } = await fetch(here.url + path, {
      method,
      redirect: 'manual',
      ...(form && { body: new URLSearchParams({ a: 'b' }) }),
    });
    assert.equal(status, OPEN[endpoint] ?? 401, endpoint);
  }
});

test('a refusal says where to sign in, and the metadata says who vouches', async () => {
  const { headers } = await get('/quota', 'nobody');
  const metadata = `${PUBLIC}/.well-known/oauth-protected-resource`;
  assert.ok(headers.get('www-authenticate')?.includes(`resource_metadata="${metadata}"`));
  const document = await (await fetch(`${here.url}/.well-known/oauth-protected-resource`)).json();
  assert.deepEqual(document, {
    resource: PUBLIC,
    authorization_servers: [realm.issuer],
    bearer_methods_supported: ['header'],
    resource_name: 'LLM gateway',
  });
});

test('a code that nobody waits with is said so, and guessing is slowed down', async () => {
  const browser = openBrowser();
  const start = await browser.open(there, '/device');
  const sent = { token: field(start.html, 'token'), user_code: 'BBBB-BBBB' };
  const statuses: number[] = [];
  for (let tries = 0; tries < 301; tries += 1) {
    statuses.push((await browser.open(there, '/device', sent)).status);
  }
  assert.deepEqual([statuses[0], statuses.at(-1)], [400, 429]);
});

test('strangers who begin sign-in after sign-in are told to wait, and fill no store', async () => {
  const statuses: number[] = [];
  for (let tries = 0; tries < 301; tries += 1)
    statuses.push((await post('/oauth/device_authorization', {}, there)).status);
  const last = await post('/oauth/device_authorization', {}, there);
  assert.deepEqual([statuses[0], last.status, last.body.error], [200, 429, 'slow_down']);
  assert.equal(last.headers.get('retry-after'), '60');
});

const valkeyProgram = findValkey();
test('sign-in, renewal, keys and logout work over a Valkey as they do over SQLite; without it they wait', {
  skip: valkeyProgram === null && skipBecause('no valkey-server or redis-server on this machine'),
}, async () => {
  const [sqliteHere, sqliteThere] = [here, there];
  await using valkey = await startValkey(valkeyProgram ?? '');
  const store = { env: { QUOTA_REDIS_URL: valkey.url } };
  [here, there] = await Promise.all([startReplica('off', store), startReplica('partial', store)]);
  try {
    realm.addPerson('sue', 'tier-pro');
    const session = await signIn('sue');
    const token = await realm.tokenOf('sue', 'sid-of-token');
    const { key, id } = (await makeKey(token, { name: 'ci' })).body;
    for (const one of [session.access_token, key]) assert.equal(await statusOf(one, there), 200);
    const renewal = { grant_type: 'refresh_token', refresh_token: session.refresh_token };
    assert.equal((await post('/oauth/token', renewal, there)).status, 200);
    await valkey.stop('SIGTERM');
    for (const one of [session.access_token, key]) {
      const { status, headers } = await get('/auth/keys', one);
      assert.deepEqual([status, headers.get('retry-after')], [503, '5']);
    }
    assert.equal((await post('/oauth/device_authorization', {})).status, 503);
    await valkey.start();
    await until('the store is back', async () => (await statusOf(key)) === 200);
    const logout = await realm.logoutToken({ sub: 'sue', sid: 'sid-of-sue' });
    await until('the logout is taken', async () => {
      return (await post('/auth/backchannel-logout', { logout_token: logout })).status === 200;
    });
    await until('out', async () => (await statusOf(session.access_token, there)) === 401);
    await fetch(`${here.url}/auth/keys/${id}`, { method: 'DELETE', headers: bearer(token) });
    assert.equal(await statusOf(key, there), 401);
  } finally {
    await Promise.all([here.kill(), there.kill()]);
    [here, there] = [sqliteHere, sqliteThere];
  }
});

test('nothing secret is in a log', async () => {
  for (const { stderr, stdout } of [here, there]) {
    const text = stderr() + stdout();
    assert.doesNotMatch(text, /eyJ|lgw[psar]_|canary|opaque-token|bad-\d/);
    assert.doesNotMatch(text, /[?&](?:code|state)=/);
  }
});
