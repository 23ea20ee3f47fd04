/** A line before several replicas, of which one comes back while somebody waits. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { type Replica, startReplica, stopReplica, WELL } from '../support/replica.ts';
import { messages } from '../support/rig.ts';
import { within } from '../support/within.ts';

let replicas: readonly [Replica, Replica];
let gateway: GatewayProcess;
before(async () => {
  replicas = await Promise.all([startReplica(), startReplica()]);
  gateway = await startGatewayProcess({
    env: {
      INTERNAL_LLM_URL: replicas.map(({ url }) => url).join(','),
      STATIC_KEYS: 'key-one=one:enterprise',
    },
    configYaml: 'backends: { internal: { kind: internal, maxInFlight: 1 } }\n',
  });
});
after(async () => {
  await gateway.kill();
  await Promise.all(replicas.map(stopReplica));
});
beforeEach(() => {
  for (const replica of replicas) Object.assign(replica, WELL);
});

async function ask(session: string): Promise<number> {
  const response = await fetch(`${gateway.url}/v1/messages`, {
    method: 'POST',
    headers: {
      authorization: 'Bearer key-one',
      'content-type': 'application/json',
      'x-claude-code-session-id': session,
    },
    body: JSON.stringify(messages('gpt-5')),
  });
  await response.text();
  return response.status;
}

async function backend() {
  const health = (await (await fetch(`${gateway.url}/health`)).json()) as {
    backends: { internal: { waiting: number; replicas: { state: string }[] } };
  };
  return health.backends.internal;
}

test('whoever waits is answered by the replica that comes back, while nobody leaves the other', async () => {
  const [bad, good] = replicas;
  bad.status = 503;
  for (let round = 0; bad.asked < 5; round++) assert.equal(await ask(`failing-${round}`), 200);
  Object.assign(bad, WELL);
  const { promise, resolve } = Promise.withResolvers<void>();
  good.until = promise;
  good.asked = 0;
  const holding = ask('the one that is answered');
  const waits = [ask('second'), ask('third')];
  await within(10_000, 'two answers', Promise.all(waits));
  assert.deepEqual(await Promise.all(waits), [200, 200]);
  assert.deepEqual([bad.asked, good.asked], [2, 1], 'both were answered by the replica that came back');
  assert.equal((await backend()).waiting, 0);
  resolve();
  assert.equal(await holding, 200);
});

test('a replica that comes back is tried with one request, however many wait', async () => {
  const [bad, good] = replicas;
  bad.status = 503;
  for (let round = 0; (await backend()).replicas[0]?.state !== 'open'; round++) await ask(`failing-${round}`);
  Object.assign(bad, WELL);
  const goodOne = Promise.withResolvers<void>();
  const badOne = Promise.withResolvers<void>();
  good.until = goodOne.promise;
  bad.until = badOne.promise;
  good.asked = 0;
  const all = Array.from({ length: 5 }, (_, number) => ask(`waits-${number}`));
  await within(
    10_000,
    'the probe',
    (async () => {
      while (bad.asked === 0) await pause(20);
    })(),
  );
  assert.deepEqual([bad.asked, good.asked, (await backend()).waiting], [1, 1, 3]);
  badOne.resolve();
  goodOne.resolve();
  assert.deepEqual(await Promise.all(all), [200, 200, 200, 200, 200]);
});
