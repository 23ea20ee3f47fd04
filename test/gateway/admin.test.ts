/** The operators' API on real gateways: two of them that share a data folder. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { type MockBackend, startMockBackend } from '../support/mock-backend.ts';
import { messages } from '../support/rig.ts';

const TOKEN = 'canary-admin-token-of-the-operators';
const PLAN = `
tiers:
  small: { rank: 1, requestsPerDay: 2, routes: [{ match: claude, to: internal/default }] }
  many:
    rank: 4
    allowances: [{ name: daily, limit: 5 }, { name: weekly, limit: 9, window: week }]
    routes: [{ match: claude, to: internal/default }]
  whole: { rank: 2, requestsPerDay: null, routes: [{ match: claude, to: internal/default }] }
  staff: { rank: 3, requestsPerDay: 5, routes: [{ match: claude, to: internal/default }] }
admin: { tiers: [staff] }
`;

let dataDir: string;
let internal: MockBackend;
let gateways: readonly [GatewayProcess, GatewayProcess];

before(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'llm-gateway-admin-'));
  internal = await startMockBackend({ dialect: 'openai', models: ['qwen3-32b'], credential: null });
  const env = {
    GATEWAY_DATA_DIR: dataDir,
    INTERNAL_LLM_URL: internal.v1,
    STATIC_KEYS: 'key-of-ana=ana:small,key-of-ben=ben:whole,key-of-sue=sue:staff,key-of-mia=mia:many',
    ADMIN_TOKEN: TOKEN,
  };
  gateways = [
    await startGatewayProcess({ env, configYaml: PLAN }),
    await startGatewayProcess({ env, configYaml: PLAN }),
  ];
});
after(async () => {
  await Promise.all(gateways.map((gateway) => gateway.kill()));
  await internal.close();
  await rm(dataDir, { recursive: true, force: true });
});

/** Asks a model; answers the status. */
async function ask(gateway: GatewayProcess, user: string): Promise<number> {
  const response = await fetch(`${gateway.url}/v1/messages`, {
    method: 'POST',
    headers: { 'x-api-key': `key-of-${user}`, 'content-type': 'application/json' },
    body: JSON.stringify(messages('claude-opus-5-5')),
  });
  await response.text();
  return response.status;
}

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

async function admin(method: string, path: string, body?: unknown, credential = TOKEN): Promise<Answer> {
  const response = await fetch(`${gateways[0].url}/admin/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${credential}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

/** The subject of a user, as soon as a request of theirs is written down. */
async function subjectOf(user: string): Promise<string> {
  for (let tries = 0; tries < 100; tries++) {
    const { users } = (await admin('GET', `/users?search=${user}`)).body as { users: { subject: string }[] };
    if (users[0] !== undefined) return users[0].subject;
    await pause(50);
  }
  assert.fail(`no request of ${user} was written down`);
}

const standing = ({ body }: Answer) => body.standing as Record<string, unknown>;

test('an exhausted user who is given more goes on with the next request, on every replica, and it is in the audit log', async () => {
  const [first, second] = gateways;
  internal.say(...Array.from({ length: 5 }, () => ({})));
  assert.deepEqual(
    [await ask(first, 'ana'), await ask(second, 'ana'), await ask(second, 'ana')],
    [200, 200, 429],
  );
  const ana = await subjectOf('ana');
  const given = await admin('POST', `/users/${ana}/grants`, { extra: 1, reason: 'a demo tomorrow' });
  assert.equal(given.status, 200);
  assert.deepEqual(
    { ...standing(given), resets_at: '' },
    { allowance: 'daily', limit: 3, extra: 1, used: 2, pending: 0, remaining: 1, resets_at: '' },
  );
  assert.deepEqual([await ask(second, 'ana'), await ask(first, 'ana')], [200, 429]);
  const again = await admin('POST', `/users/${ana}/reset`, { reason: 'our mistake' });
  assert.equal(standing(again).remaining, 2);
  assert.deepEqual(
    [await ask(first, 'ana'), await ask(second, 'ana'), await ask(first, 'ana')],
    [200, 200, 429],
  );
  assert.equal(internal.requests.length, 5);
  const { entries } = (await admin('GET', '/audit')).body as { entries: Record<string, unknown>[] };
  assert.deepEqual(
    entries.map(({ actor, action, subject, details }) => [actor, action, subject, details]),
    [
      ['admin token', 'grant', ana, { allowance: 'daily', extra: 1, reason: 'a demo tomorrow' }],
      ['admin token', 'reset', ana, { allowance: 'daily', extra: 2, reason: 'our mistake' }],
    ],
  );
});

test('usage is told by day, user and model, as JSON and as a table', async () => {
  await subjectOf('ana');
  await pause(1_500);
  const { rows } = (await admin('GET', '/usage?by=subject,model')).body as {
    rows: Record<string, unknown>[];
  };
  const [{ user, model, requests } = {}] = rows;
  assert.deepEqual([user, model, requests], ['ana', 'qwen3-32b', 5]);
  const table = await fetch(`${gateways[0].url}/admin/v1/usage?format=csv`, {
    headers: { authorization: `Bearer ${TOKEN}` },
  });
  assert.equal(table.headers.get('content-type'), 'text/csv; charset=utf-8');
  assert.match(await table.text(), /^day,requests,refusals,.*\r\n\d{4}-\d\d-\d\d,5,3,/);
  const ana = await subjectOf('ana');
  const { requests: recent } = (await admin('GET', `/users/${ana}/requests`)).body as {
    requests: Record<string, unknown>[];
  };
  assert.equal(recent.length, 8);
  assert.equal(recent[0]?.asked, 'claude-opus-5-5');
  assert.doesNotMatch(JSON.stringify(recent), /canary|say hello/);
});

test('the plan is shown', async () => {
  const { tiers } = (await admin('GET', '/plan')).body as { tiers: { name: string }[] };
  assert.deepEqual(
    tiers.map(({ name }) => name),
    ['small', 'many', 'whole', 'staff'],
  );
});

test('nobody else gets in: no user, no wrong token, no key of an operator', async () => {
  for (const [credential, status] of [
    ['key-of-ana', 403],
    [`${TOKEN}x`, 401],
    ['x', 401],
    ['key-of-sue', 403],
  ] as const) {
    const { status: seen, body } = await admin('GET', '/users', undefined, credential);
    assert.equal(seen, status, credential);
    assert.ok(body.error !== undefined);
  }
});

test('a mistake is said in one sentence, and changes nothing', async () => {
  const ana = await subjectOf('ana');
  for (const [method, path, body, status] of [
    ['POST', `/users/${ana}/grants`, { extra: 0, reason: 'x' }, 400],
    ['POST', `/users/${ana}/grants`, { extra: 1.5, reason: 'x' }, 400],
    ['POST', `/users/${ana}/grants`, { extra: 1 }, 400],
    ['POST', `/users/${ana}/grants`, { extra: 1, reason: 'x', limit: 3 }, 400],
    ['POST', `/users/${ana}/grants`, { extra: 1, reason: 'x', allowance: 'weekly' }, 409],
    ['POST', `/users/${ana}/reset`, [], 400],
    ['POST', `/users/${'f'.repeat(64)}/reset`, { reason: 'x' }, 404],
    ['POST', '/users', { reason: 'x' }, 405],
    ['GET', '/nothing', undefined, 404],
    ['GET', '/usage?by=colour', undefined, 400],
    ['GET', '/usage?from=yesterday', undefined, 400],
    ['GET', '/usage?form=csv', undefined, 400],
    ['GET', '/users?limit=0', undefined, 400],
    ['GET', '/audit?month=11', undefined, 400],
  ] as const) {
    const answer = await admin(method, path, body);
    assert.equal(answer.status, status, `${method} ${path} ${JSON.stringify(body)}`);
    assert.ok(typeof (answer.body.error as { message?: unknown }).message === 'string');
  }
  const { entries } = (await admin('GET', '/audit')).body as { entries: unknown[] };
  assert.equal(entries.length, 2);
});

test('a revoked user’s keys end at once, and it is in the audit log', async () => {
  const made = await fetch(`${gateways[0].url}/auth/keys`, {
    method: 'POST',
    headers: { authorization: 'Bearer key-of-ana', 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'laptop' }),
  });
  const { key } = (await made.json()) as { key: string };
  const statusOf = async () =>
    (await fetch(`${gateways[1].url}/quota`, { headers: { authorization: `Bearer ${key}` } })).status;
  assert.equal(await statusOf(), 200);
  const ana = await subjectOf('ana');
  const response = await fetch(`${gateways[0].url}/admin/v1/users/${ana}/revoke`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({ reason: 'the laptop was stolen' }),
  });
  assert.equal(response.status, 204);
  assert.equal(await statusOf(), 401);
  const { entries } = (await admin('GET', '/audit')).body as { entries: Record<string, unknown>[] };
  assert.equal(entries.at(-1)?.action, 'revoke');
});

test('where there is no limit there is nothing to give', async () => {
  internal.say({});
  assert.equal(await ask(gateways[0], 'ben'), 200);
  const ben = await subjectOf('ben');
  assert.equal((await admin('POST', `/users/${ben}/grants`, { extra: 1, reason: 'x' })).status, 409);
  assert.equal(standing(await admin('GET', `/users/${ben}`)).limit, null);
});

test('every allowance of a user is shown and raised by its name, and the next answer’s headers say so', async () => {
  const headersOf = async (gateway: GatewayProcess) => {
    internal.say({});
    const response = await fetch(`${gateway.url}/v1/messages`, {
      method: 'POST',
      headers: { 'x-api-key': 'key-of-mia', 'content-type': 'application/json' },
      body: JSON.stringify(messages('claude-opus-5-5')),
    });
    await response.text();
    return response.headers.get('ratelimit-policy');
  };
  const before = await headersOf(gateways[0]);
  assert.match(before ?? '', /"daily";q=5;.*"weekly";q=9;/);
  const mia = await subjectOf('mia');
  const given = await admin('POST', `/users/${mia}/grants`, {
    extra: 4,
    reason: 'a long week',
    allowance: 'weekly',
  });
  assert.deepEqual(
    (given.body.allowances as Record<string, unknown>[]).map(({ allowance, limit, extra, used }) => [
      allowance,
      limit,
      extra,
      used,
    ]),
    [
      ['daily', 5, 0, 1],
      ['weekly', 13, 4, 1],
    ],
  );
  for (const gateway of gateways)
    assert.match((await headersOf(gateway)) ?? '', /"daily";q=5;.*"weekly";q=13;/);
});

test('the token is in no log, and without configuration there is no API', async () => {
  for (const gateway of gateways) assert.doesNotMatch(gateway.stderr() + gateway.stdout(), /canary-admin/);
  const plain = await startGatewayProcess();
  try {
    const response = await fetch(`${plain.url}/admin/v1/users`, {
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    assert.equal(response.status, 404);
  } finally {
    await plain.kill();
  }
});
