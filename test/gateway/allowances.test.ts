/** Allowances as clients see them: several at once, landing softly, turns, pools, one user's own limit. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { type MockBackend, startMockBackend } from '../support/mock-backend.ts';

const PLAN = `
tiers:
  free: { rank: 0, requestsPerDay: 10, routes: [{ match: claude, to: internal/default }] }
  soft:
    rank: 1
    requestsPerDay: 1
    atExhaustion: soft-land
    routes: [{ match: claude, to: claude }]
  team:
    rank: 2
    allowances:
      - { name: daily, limit: 3 }
      - { name: tokens, unit: token, limit: 1000000, window: month }
    concurrency: 1
    modelWeights: { 'claude:opus': 2 }
    routes: [{ match: claude, to: claude }]
quota:
  overrides: [{ user: olga, limits: { daily: 50 } }]
  pools: [{ name: lab, users: [pia, pit], allowances: [{ name: lab-day, limit: 2 }] }]
`;
const USERS = ['sam:soft', 'tom:team', 'tim:team', 'olga:team', 'pia:free', 'pit:free'];

let internal: MockBackend;
let claude: MockBackend;
let gateway: GatewayProcess;

before(async () => {
  internal = await startMockBackend({ dialect: 'openai', credential: null, models: ['qwen3-32b'] });
  claude = await startMockBackend({ dialect: 'anthropic', credential: 'backend-key' });
  gateway = await startGatewayProcess({
    env: {
      INTERNAL_LLM_URL: internal.v1,
      CLAUDE_API_KEY: 'backend-key',
      CLAUDE_BASE_URL: claude.url,
      STATIC_KEYS: USERS.map((user) => `key-of-${user.split(':')[0]}=${user}`).join(','),
    },
    configYaml: PLAN,
  });
});
after(async () => {
  await gateway.kill();
  await Promise.all([internal.close(), claude.close()]);
});
beforeEach(() => {
  internal.reset();
  claude.reset();
});

async function ask(user: string, model = 'claude-haiku-5-5') {
  const response = await fetch(`${gateway.url}/v1/messages`, {
    method: 'POST',
    headers: {
      'x-api-key': `key-of-${user}`,
      'anthropic-version': '2023-06-01',
      'content-type': 'application/json',
    },
    body: JSON.stringify({ model, max_tokens: 50, messages: [{ role: 'user', content: 'Hi.' }] }),
  });
  const body = (await response.json()) as { error?: { message: string; type: string } };
  return { status: response.status, headers: response.headers, error: body.error };
}

async function quotaOf(user: string) {
  const response = await fetch(`${gateway.url}/quota`, { headers: { 'x-api-key': `key-of-${user}` } });
  const body = (await response.json()) as {
    used: number;
    limit: number;
    allowances: { name: string; used: number; limit: number; unit: string; pool?: string }[];
  };
  return { ...body, headers: response.headers };
}

/** Tokens are known when the answer is over, and charged behind its back. */
async function quotaOnceTokensAre(tokens: number, user: string) {
  for (;;) {
    const quota = await quotaOf(user);
    if (quota.allowances.some(({ unit, used }) => unit === 'token' && used === tokens)) return quota;
    await pause(20);
  }
}

test('beyond its day a tier that lands softly goes on with the internal model, and says so', async () => {
  claude.say({ text: 'From Claude.' });
  assert.equal((await ask('sam')).headers.get('x-gateway-backend'), 'claude');
  internal.say({ text: 'From here.' });
  const { status, headers } = await ask('sam');
  assert.equal(status, 200);
  assert.deepEqual(
    ['backend', 'model-served', 'route-reason'].map((name) => headers.get(`x-gateway-${name}`)),
    ['internal', 'qwen3-32b', 'quota-used-up'],
  );
  assert.match(
    headers.get('x-gateway-notice') ?? '',
    /^Daily quota of 1 request used up; the model "qwen3-32b" answers, free of it, until 00:00 UTC/,
  );
  assert.equal(headers.get('anthropic-ratelimit-unified-overage-utilization'), '1');
  assert.equal((await quotaOf('sam')).used, 1);
  assert.deepEqual([claude.requests.length, internal.requests.length], [1, 1]);
  internal.assertPlayed();
});

test('every allowance is in the headers and in GET /quota, and tokens are what the backend said', async () => {
  claude.say({ text: 'Hello.', usage: { input: 700, output: 50 } });
  const { headers } = await ask('tom', 'claude-opus-5-5');
  assert.match(
    headers.get('ratelimit-policy') ?? '',
    /^"daily";q=3;w=86400, "tokens";q=1000000;w=2592000;qu="tokens"$/,
  );
  const { allowances, used, limit } = await quotaOnceTokensAre(1_500, 'tom');
  assert.deepEqual([used, limit], [2, 3], 'opus counts two');
  assert.deepEqual(
    allowances.map(({ name, unit, used: spent }) => [name, unit, spent]),
    [
      ['daily', 'request', 2],
      ['tokens', 'token', 1_500],
    ],
  );
  const refused = await ask('tom', 'claude-opus-5-5');
  assert.equal(refused.status, 429);
  assert.match(refused.error?.message ?? '', /has 1 left, and this model counts 2/);
  assert.equal(claude.requests.length, 1);
});

test('a second request at once is told to wait, without the words of an exhausted day', async () => {
  let release = () => undefined as unknown;
  const held = new Promise((resolve) => {
    release = () => resolve(undefined);
  });
  claude.reply(async () => {
    await held;
    return { status: 400, body: '{"type":"error","error":{"type":"invalid_request_error","message":"no"}}' };
  });
  const first = ask('tim');
  await claude.request(1);
  const second = await ask('tim');
  release();
  await first;
  assert.deepEqual([second.status, second.error?.type], [429, 'rate_limit_error']);
  assert.match(second.error?.message ?? '', /lets 1 request run at once/);
  assert.equal(second.headers.get('retry-after'), '5');
  assert.equal(second.headers.get('anthropic-ratelimit-unified-status'), null);
  assert.equal((await quotaOf('tim')).used, 0);
});

test('a user with a limit of their own has that one', async () => {
  assert.equal((await quotaOf('olga')).limit, 50);
});

test('those who share a pool are stopped by it together', async () => {
  internal.say({ text: 'a' }, { text: 'b' });
  assert.deepEqual([(await ask('pia')).status, (await ask('pit')).status], [200, 200]);
  const { status, error } = await ask('pia');
  assert.equal(status, 429);
  assert.match(error?.message ?? '', /2 requests used up \("lab" pool\)/);
  const { allowances } = await quotaOf('pit');
  assert.deepEqual(
    allowances.map(({ name, used, pool }) => [name, used, pool]),
    [
      ['daily', 1, undefined],
      ['lab-day', 2, 'lab'],
    ],
  );
  assert.equal(internal.requests.length, 2);
});
