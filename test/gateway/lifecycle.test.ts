import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { GatewayNotReady, startGatewayProcess } from '../support/gateway-process.ts';
import { anthropicStream, openaiStream } from '../support/mock-replies.ts';
import { KEYS, messages, type Rig, startRig } from '../support/rig.ts';
import { assertAnthropicStream, parseSse } from '../support/sse.ts';
import { within } from '../support/within.ts';

async function refusedStart(env: Record<string, string>, configYaml?: string): Promise<GatewayNotReady> {
  const gateway = await startGatewayProcess({
    env,
    ...(configYaml === undefined ? {} : { configYaml }),
  }).catch((error: unknown) => error);
  if (gateway instanceof GatewayNotReady) return gateway;
  if (gateway instanceof Error) throw gateway;
  await (gateway as { kill(): Promise<unknown> }).kill();
  assert.fail('the gateway started');
}

test('a wrong configuration is refused with every problem and status 78', async () => {
  const { code, stderr, stdout } = await refusedStart(
    { PORT: 'x', KEYCLOAK_URL: 'nowhere', CLAUDE_API_KEY_FILE: '/missing', STATIC_KEYS: 'canary' },
    'sever: {}\n',
  );
  assert.equal(code, 78);
  for (const key of ['PORT', 'KEYCLOAK_URL', 'CLAUDE_API_KEY_FILE', 'STATIC_KEYS', 'sever']) {
    assert.match(stderr, new RegExp(`^  ${key}: `, 'm'));
  }
  assert.doesNotMatch(stderr + stdout, /canary|listening/);
});

test('a port in use is said in one line', async () => {
  const first = await startGatewayProcess();
  try {
    const { code, stderr } = await refusedStart({ PORT: new URL(first.url).port });
    assert.equal(code, 1);
    assert.match(stderr, /port is in use/);
  } finally {
    await first.kill();
  }
});

test('without any setting three demo users are made, shown once, and the demo model answers them', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'llm-gateway-demo-'));
  try {
    const first = await startGatewayProcess({ dataDir });
    const keys = first.stdout().match(/lgw_[A-Za-z0-9]+/g) ?? [];
    assert.equal(new Set(keys).size, 3);
    assert.match(first.stdout(), /demo model/);
    const ask = (url: string, key: string | undefined) =>
      fetch(`${url}/v1/messages`, {
        method: 'POST',
        headers: { 'x-api-key': key ?? '', 'content-type': 'application/json' },
        body: JSON.stringify(messages('claude-opus-5-5', { stream: true })),
      });
    for (const key of new Set(keys)) {
      const response = await ask(first.url, key);
      assert.equal(response.headers.get('x-gateway-model-served'), 'demo-model');
      assertAnthropicStream(parseSse(await response.text()));
    }
    await first.stop('SIGINT');
    const second = await startGatewayProcess({ dataDir });
    assert.doesNotMatch(second.stdout(), /lgw_[A-Za-z0-9]{20}/);
    assert.equal((await ask(second.url, keys[0])).status, 200);
    await second.kill();
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
});

test('what was used survives a restart', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'llm-gateway-restart-'));
  const env = { GATEWAY_DATA_DIR: dataDir };
  const used = async (rig: Rig) =>
    ((await (await rig.get('/quota', 'free')).json()) as { used: number }).used;
  try {
    const first = await startRig(env);
    first.internal.say({}, {}, {});
    for (let n = 0; n < 3; n++) await (await first.post('/v1/messages', 'free', messages('gpt-5'))).text();
    await first.gateway.kill();
    await first.close();
    const second = await startRig(env);
    assert.equal(await used(second), 3);
    await second.close();
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
});

test('ten a day means ten: the eleventh is refused at once, asks no backend and stops every client', async () => {
  const rig = await startRig();
  try {
    rig.internal.say(...Array.from({ length: 10 }, () => ({})));
    const answers = await Promise.all(
      Array.from({ length: 25 }, () => rig.post('/v1/messages', 'free', messages('claude-opus-5-5'))),
    );
    const refused = answers.filter(({ status }) => status === 429);
    assert.equal(answers.filter(({ status }) => status === 200).length, 10);
    assert.equal(refused.length, 15);
    const [one] = refused;
    assert.equal(one?.headers.get('x-should-retry'), 'false');
    assert.ok(Number(one?.headers.get('retry-after')) > 0);
    const { error } = (await one?.json()) as { error: { type: string; message: string } };
    assert.equal(error.type, 'billing_error');
    assert.match(error.message, /10 requests/);
    rig.assertPlayed();
    const openai = await rig.post('/v1/chat/completions', 'free', { model: 'gpt-5', messages: [] });
    assert.equal(openai.status, 429);
    assert.equal(((await openai.json()) as { error: { code: string } }).error.code, 'insufficient_quota');
    assert.equal(((await (await rig.get('/quota', 'free')).json()) as { remaining: number }).remaining, 0);
  } finally {
    await rig.close();
  }
});

const DRAIN = 'server: { drainDelaySeconds: 0.5, drainSeconds: 5 }\n';

test('SIGTERM: not ready at once, the open stream is finished, new requests are still served for a moment, exit 0', async () => {
  const rig = await startRig({}, DRAIN);
  try {
    const { stream } = anthropicStream({ text: 'slow but whole' });
    const { promise, resolve } = Promise.withResolvers<void>();
    rig.claude.reply({ steps: [...stream.slice(0, 4), promise, ...stream.slice(4)] });
    const response = await rig.post(
      '/v1/messages',
      'enterprise',
      messages('claude-opus-5-5', { stream: true }),
    );
    const stopped = rig.gateway.stop('SIGTERM');
    while ((await fetch(`${rig.gateway.url}/readyz`)).status !== 503) await pause(20);
    assert.equal((await fetch(`${rig.gateway.url}/livez`)).status, 200);
    rig.internal.say({});
    const late = await rig.post('/v1/messages', 'free', messages('gpt-5'));
    assert.equal(late.status, 200);
    assert.equal(late.headers.get('connection'), 'close');
    await late.text();
    await pause(700);
    resolve();
    assertAnthropicStream(parseSse(await response.text()));
    assert.equal((await within(5000, 'the exit', stopped)).code, 0);
    rig.assertPlayed();
  } finally {
    await rig.close();
  }
});

test('an answer that outlasts the drain is ended with an error inside its stream', async () => {
  const rig = await startRig({}, 'server: { drainDelaySeconds: 0, drainSeconds: 0.5 }\n');
  try {
    const { stream } = anthropicStream({ text: 'never whole' });
    rig.claude.reply({ steps: [...stream.slice(0, 4), new Promise(() => undefined)] });
    const response = await rig.post(
      '/v1/messages',
      'enterprise',
      messages('claude-opus-5-5', { stream: true }),
    );
    const stopped = rig.gateway.stop('SIGTERM');
    const last = parseSse(await within(5000, 'the end', response.text())).at(-1);
    assert.equal(last?.event, 'error');
    assert.match(last?.data ?? '', /overloaded_error/);
    assert.equal((await within(5000, 'the exit', stopped)).code, 0);
  } finally {
    await rig.close();
  }
});

test('a drain settles what it ends: after the restart nothing is held, and only whole answers are counted', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'llm-gateway-drain-'));
  const env = { GATEWAY_DATA_DIR: dataDir };
  try {
    const first = await startRig(env, 'server: { drainDelaySeconds: 0, drainSeconds: 0.5 }\n');
    const { stream } = openaiStream({ text: 'never whole' });
    first.internal.reply(
      openaiStream({ text: 'whole' }),
      { steps: [...stream.slice(0, 3), new Promise(() => undefined)] },
      { beforeHeaders: 'stall' },
    );
    const ask = () => first.post('/v1/messages', 'free', messages('gpt-5', { stream: true }));
    await (await ask()).text();
    const open = [ask().then((response) => response.text())];
    await first.internal.request(2);
    open.push(ask().then((response) => response.text()));
    await first.internal.request(3);
    assert.equal((await within(5000, 'the exit', first.gateway.stop('SIGTERM'))).code, 0);
    for (const text of await Promise.all(open)) assert.match(text, /overloaded_error/);
    await first.close();
    const second = await startRig(env);
    const standing = (await (await second.get('/quota', 'free')).json()) as { used: number; pending: number };
    assert.deepEqual([standing.used, standing.pending], [1, 0]);
    await second.close();
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
});

test('a second signal ends at once', async () => {
  const rig = await startRig({}, 'server: { drainDelaySeconds: 60 }\n');
  try {
    process.kill(rig.gateway.pid, 'SIGTERM');
    while ((await fetch(`${rig.gateway.url}/readyz`)).status !== 503) await pause(20);
    process.kill(rig.gateway.pid, 'SIGTERM');
    assert.equal((await within(2000, 'the exit', rig.gateway.exit)).code, 1);
  } finally {
    await rig.close();
  }
});

test('idle connections are closed when the gateway ends', async () => {
  const rig = await startRig({}, DRAIN);
  try {
    const { hostname, port } = new URL(rig.gateway.url);
    const idle = connect(Number(port), hostname);
    await new Promise((resolve) => idle.once('connect', resolve));
    const closed = new Promise((resolve) => idle.resume().once('close', resolve));
    assert.equal((await within(5000, 'the exit', rig.gateway.stop('SIGTERM'))).code, 0);
    await within(1000, 'the idle connection', closed);
  } finally {
    await rig.close();
  }
});

test('/metrics stands beside the rest when the ports are equal', async () => {
  const port = String(20_000 + (process.pid % 20_000));
  const gateway = await startGatewayProcess({ env: { PORT: port, METRICS_PORT: port } });
  try {
    assert.match(await (await fetch(`${gateway.url}/metrics`)).text(), /gateway_requests_in_flight/);
  } finally {
    await gateway.kill();
  }
});

test('/health says what is degraded and gives nothing away', async () => {
  const gateway = await startGatewayProcess({
    env: {
      INTERNAL_LLM_URL: 'http://127.0.0.1:1/canary',
      STATIC_KEYS: `${KEYS.free}=a:free`,
      QUOTA_REDIS_URL: 'redis://:canary@127.0.0.1:1',
    },
  });
  try {
    const ask = () =>
      fetch(`${gateway.url}/v1/messages`, {
        method: 'POST',
        headers: { authorization: `Bearer ${KEYS.free}`, 'content-type': 'application/json' },
        body: JSON.stringify(messages('claude-opus-5-5')),
      });
    const response = await ask();
    assert.equal(response.status, 503);
    assert.match(await response.text(), /"type":"error"/);
    const health = await (await fetch(`${gateway.url}/health`)).text();
    assert.deepEqual(JSON.parse(health).dependencies['backend:internal'], 'degraded');
    assert.equal(JSON.parse(health).dependencies.quota, 'degraded');
    assert.doesNotMatch(health, /127\.0\.0\.1/);
    assert.doesNotMatch(health + gateway.stderr(), /canary/);
    assert.equal((await fetch(`${gateway.url}/readyz`)).status, 200);
  } finally {
    await gateway.kill();
  }
});
