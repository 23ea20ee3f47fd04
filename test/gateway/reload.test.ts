import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { type MockBackend, startMockBackend } from '../support/mock-backend.ts';
import { anthropicStream } from '../support/mock-replies.ts';
import { messages } from '../support/rig.ts';
import { assertAnthropicStream, parseSse } from '../support/sse.ts';

const KEY = 'canary-key-ann';

interface Setting {
  readonly gateway: GatewayProcess;
  readonly folder: string;
  /** Replaces the configuration file at once. */
  readonly write: (yaml: string) => void;
  readonly post: (body: unknown, key?: string) => Promise<Response>;
  readonly health: () => Promise<Health>;
  readonly metric: (line: string) => Promise<boolean>;
}

interface Health {
  readonly status: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly config: { readonly loaded_at: string; readonly awaiting_restart: readonly string[] };
}

async function start(t: TestContext, yaml: string, env: Record<string, string> = {}): Promise<Setting> {
  const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-reload-'));
  const file = join(folder, 'gateway.yaml');
  const write = (text: string) => {
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
  };
  write(yaml);
  const gateway = await startGatewayProcess({ env: { GATEWAY_CONFIG: file, ...env } });
  t.after(async () => {
    await gateway.kill();
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    gateway,
    folder,
    write,
    post: (body, key = KEY) =>
      fetch(`${gateway.url}/v1/messages`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    health: async () => (await (await fetch(`${gateway.url}/health`)).json()) as Health,
    metric: async (line) => {
      const { text } = { text: await (await fetch(`${gateway.metricsUrl}/metrics`)).text() };
      return text.split('\n').some((one) => one.startsWith(line));
    },
  };
}

async function backend(t: TestContext): Promise<MockBackend> {
  const mock = await startMockBackend({ dialect: 'anthropic', models: ['claude-opus-5-5'] });
  t.after(() => mock.close());
  return mock;
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    if (await holds()) return;
    await pause(20);
  }
  assert.fail(`never: ${what}`);
}

/** One user of one tier, one Claude. */
const yaml = (claude: string, { limit = 5 as number | null, more = '' } = {}) => `
auth: { static: { keys: [{ key: ${KEY}, user: ann, tier: basic }] } }
backends: { claude: { kind: claude, url: "${claude}", apiKey: backend-key, models: [claude-opus-5-5] } }
tiers: { basic: { rank: 0, requestsPerDay: ${limit}, routes: [{ match: claude, to: claude }] } }
${more}`;

const ASK = messages('claude-opus-5-5');
const reloads = (setting: Setting, count: number) =>
  until(
    `${count} reloads`,
    () => setting.gateway.stderr().split('"configuration reloaded"').length - 1 >= count,
  );

test('SIGHUP: a new limit holds from the next request on, and what was used stays used', async (t) => {
  const claude = await backend(t);
  const setting = await start(t, yaml(claude.url, { limit: 1 }));
  claude.say({}, {});
  assert.equal((await setting.post(ASK)).status, 200);
  assert.equal((await setting.post(ASK)).status, 429);
  setting.write(yaml(claude.url, { limit: 2 }));
  process.kill(setting.gateway.pid, 'SIGHUP');
  await reloads(setting, 1);
  assert.equal((await setting.post(ASK)).status, 200);
  assert.equal((await setting.post(ASK)).status, 429);
  claude.assertPlayed();
  assert.match(
    setting.gateway.stderr(),
    /"changes":\[\{"key":"tiers.basic.requestsPerDay","from":1,"to":2\}\]/,
  );
  assert.ok(await setting.metric('gateway_config_reloads_total{outcome="applied"} 1'));
  assert.ok(await setting.metric('gateway_config_last_reload_timestamp 1'));
});

test('a changed file is taken over by itself; one that is wrong is not, and the last good one stays', async (t) => {
  const claude = await backend(t);
  const setting = await start(t, yaml(claude.url));
  const { loaded_at: first } = (await setting.health()).config;

  setting.write(yaml(claude.url, { more: 'limits: { bodyBites: 1 }\n' }));
  await until('the refusal', () => setting.metric('gateway_config_reloads_total{outcome="rejected"} 1'));
  assert.match(setting.gateway.stderr(), /"key":"limits.bodyBites","message":"is not a known key/);
  const refused = await setting.health();
  assert.deepEqual([refused.status, refused.dependencies.config], ['degraded', 'degraded']);
  assert.equal(refused.config.loaded_at, first);
  claude.say({});
  assert.equal((await setting.post(ASK)).status, 200);

  setting.write(yaml(claude.url, { more: 'limits: { bodyBytes: 20 }\n' }));
  await reloads(setting, 1);
  assert.equal((await setting.post(ASK)).status, 413);
  const healed = await setting.health();
  assert.equal(healed.dependencies.config, 'ok');
  assert.notEqual(healed.config.loaded_at, first);
  claude.assertPlayed();
});

test('a broken file, an empty one and a missing one are refused', async (t) => {
  const claude = await backend(t);
  const setting = await start(t, yaml(claude.url));
  const rejected = (count: number) =>
    until(`${count} refusals`, () =>
      setting.metric(`gateway_config_reloads_total{outcome="rejected"} ${count}`),
    );
  setting.write('tiers: [');
  await rejected(1);
  setting.write('');
  await rejected(2);
  rmSync(join(setting.folder, 'gateway.yaml'));
  await rejected(3);
  claude.say({});
  assert.equal((await setting.post(ASK)).status, 200);
  const log = setting.gateway.stderr();
  assert.match(log, /not valid YAML at line 1/);
  assert.match(log, /"key":"backends","message":"must name at least one"/);
  assert.match(log, /"key":"auth.static.keys","message":"is required"/);
  assert.match(log, /cannot read .*ENOENT/);
});

test('a ConfigMap that is swapped under load loses no request, and an open stream ends where it began', async (t) => {
  const [one, two] = [await backend(t), await backend(t)];
  const mount = mkdtempSync(join(tmpdir(), 'llm-gateway-mount-'));
  t.after(() => rmSync(mount, { recursive: true, force: true }));
  const publish = (revision: string, text: string) => {
    mkdirSync(join(mount, revision));
    writeFileSync(join(mount, revision, 'gateway.yaml'), text);
    symlinkSync(revision, join(mount, '..data_tmp'));
    renameSync(join(mount, '..data_tmp'), join(mount, '..data'));
  };
  publish('..first', yaml(one.url, { limit: null }));
  symlinkSync(join('..data', 'gateway.yaml'), join(mount, 'gateway.yaml'));
  const setting = await start(t, '', { GATEWAY_CONFIG: join(mount, 'gateway.yaml') });

  const { stream } = anthropicStream({ text: 'begun before' });
  const { promise, resolve } = Promise.withResolvers<void>();
  one.reply({ steps: [...stream.slice(0, 4), promise, ...stream.slice(4)] });
  const open = await setting.post({ ...ASK, stream: true });

  let swapped = false;
  const statuses: number[] = [];
  for (const mock of [one, two]) mock.say(...Array.from({ length: 1000 }, () => ({})));
  const load = Array.from({ length: 4 }, async () => {
    for (let after = 0; after < 5; after += swapped ? 1 : 0) statuses.push((await setting.post(ASK)).status);
  });
  await pause(100);
  publish('..second', yaml(two.url, { limit: null }));
  await reloads(setting, 1);
  swapped = true;
  await Promise.all(load);
  assert.deepEqual(new Set(statuses), new Set([200]));
  assert.ok(one.requests.length > 1 && two.requests.length >= 4);
  assert.equal(one.requests.length + two.requests.length, statuses.length + 1);

  const asked = one.requests.length;
  resolve();
  assertAnthropicStream(parseSse(await open.text()));
  assert.equal((await setting.post(ASK)).status, 200);
  assert.equal(one.requests.length, asked);
});

test('keys in files are read again: those who came may, those who went may not, and the backend gets its new one', async (t) => {
  const claude = await startMockBackend({
    dialect: 'anthropic',
    models: ['claude-opus-5-5'],
    credential: 'canary-new',
  });
  t.after(() => claude.close());
  const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-secrets-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const [users, key] = [join(folder, 'users'), join(folder, 'claude')];
  writeFileSync(users, 'canary-one=ann:enterprise');
  writeFileSync(key, 'canary-old');
  const setting = await start(t, '{}', {
    STATIC_KEYS_FILE: users,
    CLAUDE_API_KEY_FILE: key,
    CLAUDE_BASE_URL: claude.url,
  });
  writeFileSync(users, 'canary-two=bob:enterprise\ncanary-three=cy:free');
  writeFileSync(key, 'canary-new');
  await reloads(setting, 1);
  await until('the new key', async () => (await setting.post({}, 'canary-two')).status !== 401);
  assert.equal((await setting.post(ASK, 'canary-one')).status, 401);
  claude.say({});
  assert.equal((await setting.post(ASK, 'canary-two')).status, 200);
  claude.assertPlayed();
  const log = setting.gateway.stderr();
  assert.match(log, /"key":"backends.claude.apiKey","from":"\[secret\]","to":"\[secret\]"/);
  assert.match(log, /"key":"auth.static.keys","from":"1 entries","to":"2 entries"/);
  assert.doesNotMatch(log, /canary/);
});

test('what needs a restart is named and waits; the rest of the same file holds at once', async (t) => {
  const claude = await backend(t);
  const setting = await start(t, yaml(claude.url));
  setting.write(
    yaml(claude.url, { limit: 0, more: 'dataDir: /elsewhere\nquota: { timeZone: Asia/Tokyo }\n' }),
  );
  await reloads(setting, 1);
  assert.equal((await setting.post(ASK)).status, 429);
  const { config, status } = await setting.health();
  assert.deepEqual(config.awaiting_restart, ['quota.timeZone']);
  assert.equal(status, 'ok');
  assert.match(setting.gateway.stderr(), /"keys":\["quota.timeZone"\].*at the next restart only/);
  setting.write(yaml(claude.url, { limit: 0 }));
  await until('nothing awaited', async () => (await setting.health()).config.awaiting_restart.length === 0);
});

test('shadow mode, an override and its end hold from the next request on', async (t) => {
  const claude = await backend(t);
  claude.say({}, {});
  const withQuota = (quota: string) => yaml(claude.url, { limit: 0, more: `quota: ${quota}\n` });
  const setting = await start(t, yaml(claude.url, { limit: 0 }));
  const ask = async () => {
    const response = await setting.post(ASK);
    await response.text();
    return [response.status, response.headers.get('x-gateway-quota-shadow')];
  };
  assert.deepEqual(await ask(), [429, null]);
  setting.write(withQuota('{ mode: shadow, onStoreFailure: deny, outageGrant: 0.5 }'));
  await reloads(setting, 1);
  assert.deepEqual(await ask(), [200, 'would-refuse']);
  setting.write(withQuota('{ overrides: [{ user: ann, limits: { daily: 2 } }] }'));
  await reloads(setting, 2);
  assert.deepEqual(await ask(), [200, null]);
  setting.write(yaml(claude.url, { limit: 0 }));
  await reloads(setting, 3);
  assert.deepEqual(await ask(), [429, null]);
  assert.deepEqual((await setting.health()).config.awaiting_restart, []);
});

test('the log’s level changes at once', async (t) => {
  const claude = await backend(t);
  const setting = await start(t, yaml(claude.url));
  const lines = () => setting.gateway.stderr().split('"msg":"request"').length - 1;
  assert.equal((await setting.post({})).status, 400);
  await until('a line', () => lines() === 1);
  setting.write(yaml(claude.url, { more: 'logLevel: error\n' }));
  await until('the change', () => setting.metric('gateway_config_reloads_total{outcome="applied"} 1'));
  assert.equal((await setting.post({})).status, 400);
  setting.write(yaml(claude.url));
  await until('the way back', () => setting.metric('gateway_config_reloads_total{outcome="applied"} 2'));
  assert.equal((await setting.post({})).status, 400);
  await until('a line again', () => lines() === 2);
});
