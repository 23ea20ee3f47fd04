import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { type Replica, startReplica, stopReplica, WELL } from '../support/replica.ts';
import { chat, messages } from '../support/rig.ts';
import { within } from '../support/within.ts';

let replicas: Replica[];
let gateway: GatewayProcess;
before(async () => {
  replicas = await Promise.all([startReplica(), startReplica(), startReplica()]);
  gateway = await startGatewayProcess({
    env: {
      INTERNAL_LLM_URL: replicas.map(({ url }) => url).join(','),
      STATIC_KEYS: 'key-one=one:enterprise,key-two=two:enterprise',
    },
  });
});
after(async () => {
  await gateway.kill();
  await Promise.all(replicas.map(stopReplica));
});
beforeEach(() => {
  for (const replica of replicas) Object.assign(replica, WELL);
});

async function ask(
  headers: Record<string, string>,
  body: unknown = messages('gpt-5'),
  key = 'key-one',
): Promise<number> {
  const path = 'max_tokens' in (body as object) ? '/v1/messages' : '/v1/chat/completions';
  const response = await fetch(gateway.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  await response.text();
  return response.status;
}

const counts = () => replicas.map(({ asked }) => asked);
const states = async () => {
  const health = (await (await fetch(`${gateway.url}/health`)).json()) as {
    backends: { internal: { replicas: { state: string; in_flight: number }[] } };
  };
  return health.backends.internal.replicas.map(({ state }) => state);
};

test('a Claude Code session stays with one replica, another session has its own', async () => {
  for (let count = 0; count < 9; count++) await ask({ 'x-claude-code-session-id': 'session-a' });
  assert.deepEqual(counts().toSorted(), [0, 0, 9]);
  for (let count = 0; count < 60; count++) await ask({ 'x-claude-code-session-id': `session-${count}` });
  for (const count of counts()) assert.ok(count >= 8, `spread as ${counts()}`);
});

test('without a session the user and the beginning of the prompt decide', async () => {
  const turn = { role: 'user', content: 'tell me about cats' };
  const more = [
    { role: 'assistant', content: 'Meow.' },
    { role: 'user', content: 'and dogs' },
  ];
  for (let count = 0; count < 5; count++) {
    await ask({}, chat('gpt-5', { messages: [turn] }));
    await ask({}, chat('gpt-5', { messages: [turn, ...more], temperature: 0 }));
  }
  assert.deepEqual(counts().toSorted(), [0, 0, 10]);
  for (let count = 0; count < 30; count++)
    await ask({}, chat('gpt-5', { messages: [{ role: 'user', content: `question ${count}` }] }));
  assert.ok(counts().filter((count) => count > 0).length === 3, `spread as ${counts()}`);
});

test('a replica that fails costs nobody an answer, is left alone, and comes back by a probe', async () => {
  const [bad] = replicas;
  assert.ok(bad);
  bad.status = 503;
  for (let count = 0; count < 40; count++)
    assert.equal(await ask({ 'x-claude-code-session-id': `failing-${count}` }), 200);
  assert.equal(bad.asked, 5, 'five failures, then nobody asks it any more');
  assert.deepEqual(await states(), ['open', 'closed', 'closed']);
  const metrics = await (await fetch(`${gateway.metricsUrl}/metrics`)).text();
  assert.match(metrics, /gateway_backend_replica_up\{backend="internal",replica="0"\} 0/);
  assert.match(metrics, /gateway_backend_replica_up\{backend="internal",replica="1"\} 1/);
  assert.match(metrics, /gateway_backend_requests_in_flight\{backend="internal",replica="1"\} 0/);

  bad.status = 200;
  bad.asked = 0;
  await within(
    5000,
    'the replica is asked again',
    (async () => {
      for (let count = 0; (await states())[0] !== 'closed'; count++) {
        assert.equal(await ask({ 'x-claude-code-session-id': `probing-${count}` }), 200);
        await pause(50);
      }
    })(),
  );
  assert.ok(bad.asked >= 1);
  assert.match(gateway.stderr(), /"state":"open","msg":"a replica changed its state"/);
});

test('a replica that says it is not well gets nothing, before any request has failed', async () => {
  const [bad] = replicas;
  assert.ok(bad);
  bad.health = 503;
  await within(
    15_000,
    'the replica is down',
    (async () => {
      while ((await states())[0] !== 'down') await pause(100);
    })(),
  );
  for (let count = 0; count < 30; count++) await ask({ 'x-claude-code-session-id': `down-${count}` });
  assert.equal(bad.asked, 0);
  bad.health = 200;
  await within(
    10_000,
    'the replica is back',
    (async () => {
      while ((await states())[0] !== 'closed') await pause(100);
    })(),
  );
});

test('a replica that is restarted under load loses no request', async () => {
  let running = true;
  const results: number[] = [];
  const load = Promise.all(
    Array.from({ length: 6 }, async (_, worker) => {
      for (let count = 0; running; count++)
        results.push(
          await ask({ 'x-claude-code-session-id': `load-${worker}-${count}` }, messages('gpt-5'), 'key-two'),
        );
    }),
  );
  const [first] = replicas;
  assert.ok(first);
  const { port } = new URL(first.url);
  await pause(200);
  await stopReplica(first);
  await pause(500);
  replicas[0] = await startReplica(Number(port));
  await pause(300);
  running = false;
  await load;
  assert.ok(results.length > 50, `${results.length} requests`);
  assert.deepEqual(
    results.filter((status) => status !== 200),
    [],
  );
});
