/** Counting tokens where the model server has several replicas, of which some do not answer. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { COUNTED, type Replica, startReplica, stopReplica, WELL } from '../support/replica.ts';
import { messages } from '../support/rig.ts';

let replicas: Replica[];
let gateway: GatewayProcess;
before(async () => {
  replicas = await Promise.all([startReplica(), startReplica(), startReplica()]);
  gateway = await startGatewayProcess({
    env: {
      INTERNAL_LLM_URL: replicas.map(({ url }) => url).join(','),
      STATIC_KEYS: 'key-one=one:enterprise',
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

async function post(path: string, session: string) {
  const response = await fetch(gateway.url + path, {
    method: 'POST',
    headers: {
      authorization: 'Bearer key-one',
      'content-type': 'application/json',
      'x-claude-code-session-id': session,
    },
    body: JSON.stringify(messages('gpt-5')),
  });
  const body = (await response.json()) as { readonly input_tokens?: number };
  const isEstimate = response.headers.get('x-gateway-token-estimate') === '1';
  return { status: response.status, tokens: body.input_tokens, isEstimate };
}
const count = (session = 'a session') => post('/v1/messages/count_tokens', session);
const asked = () => replicas.map(({ counted }) => counted);
const EXACT = { status: 200, tokens: COUNTED, isEstimate: false };

test('a conversation is counted by one replica, many conversations by all', async () => {
  for (let round = 0; round < 4; round++) assert.deepEqual(await count(), EXACT);
  assert.deepEqual(asked().toSorted(), [0, 0, 4]);
  for (let session = 0; session < 40; session++) await count(`session-${session}`);
  for (const number of asked()) assert.ok(number >= 4, `spread as ${asked()}`);
});

for (const [how, tokenizer] of [
  ['fails', 503],
  ['has too much to do', 429],
  ['is silent', null],
] as const) {
  test(`where the replica’s tokenizer ${how}, the next replica counts`, async () => {
    await count();
    const own = replicas.find(({ counted }) => counted === 1);
    assert.ok(own);
    Object.assign(own, { tokenizer, counted: 0 });
    assert.deepEqual(await count(), EXACT);
    assert.deepEqual(asked().toSorted(), [0, 1, 1]);
  });
}

test('where two tokenizers fail, no third is asked: the count is an estimate', async () => {
  for (const replica of replicas) replica.tokenizer = 500;
  const answer = await count();
  assert.deepEqual([answer.status, answer.isEstimate], [200, true]);
  assert.deepEqual(asked().toSorted(), [0, 1, 1]);
});

test('a server without a tokenizer is asked once: its other replicas have none either', async () => {
  for (const replica of replicas) replica.tokenizer = 404;
  assert.equal((await count()).isEstimate, true);
  assert.deepEqual(asked().toSorted(), [0, 0, 1]);
});

test('a replica that is left alone is not asked to count', async () => {
  const [bad] = replicas;
  assert.ok(bad);
  bad.status = 503;
  for (let round = 0; bad.asked < 5; round++) await post('/v1/messages', `failing-${round}`);
  await Promise.all(Array.from({ length: 30 }, (_, session) => count(`session-${session}`)));
  assert.equal(bad.counted, 0);
  assert.equal(
    asked().reduce((sum, number) => sum + number),
    30,
  );
});
