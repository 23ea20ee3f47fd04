import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startActiveHealth } from '../../src/upstream/active-health.ts';
import type { CallReply, CallRequest } from '../../src/upstream/call.ts';
import { toBackend } from '../../src/upstream/kinds.ts';

type Answer = (url: string) => number | Error;

async function* noBytes(): AsyncGenerator<Uint8Array> {
  yield* [];
}

/** One round of questions for each answer; tells what was said of whom. */
async function ask(settings: Partial<Parameters<typeof toBackend>[0]>, rounds: readonly Answer[]) {
  const backend = toBackend({
    name: 'vllm',
    kind: 'internal',
    urls: ['http://a', 'http://b'],
    maxOutputTokens: 1,
    ...settings,
  });
  const said: string[] = [];
  const asked: string[] = [];
  let round = 0;
  const call = async ({ url }: CallRequest): Promise<CallReply> => {
    asked.push(url);
    const answer = rounds[Math.min(round, rounds.length - 1)]?.(url) ?? 200;
    if (answer instanceof Error) throw answer;
    return { status: answer, headers: {}, body: noBytes() };
  };
  const { promise, resolve } = Promise.withResolvers<void>();
  let open = backend.urls.length * rounds.length;
  const replicas = {
    said: (url: string, isUp: boolean) => {
      said.push(`${url} ${isUp ? 'up' : 'down'}`);
    },
  };
  const counted = async (request: CallRequest) => {
    try {
      return await call(request);
    } finally {
      open -= 1;
      if (open % backend.urls.length === 0) round++;
      if (open === 0) setImmediate(resolve);
    }
  };
  const health = startActiveHealth([backend], { call: counted }, replicas, 1);
  // The questions' own timer keeps no process alive.
  const awake = setTimeout(resolve, 300);
  await promise;
  clearTimeout(awake);
  health.close();
  return { said, asked };
}

test('each replica is asked for its own page, and what it says is passed on', async () => {
  const { said, asked } = await ask({}, [() => 200]);
  assert.deepEqual(asked.slice(0, 2), ['http://a/health', 'http://b/health']);
  assert.deepEqual(said.slice(0, 2), ['http://a up', 'http://b up']);
});

test('one lost answer is no sign, two are', async () => {
  const silent = (url: string) => (url === 'http://b/health' ? new Error('refused') : 200);
  const { said } = await ask({}, [silent, silent]);
  assert.equal(said.filter((one) => one === 'http://b down').length, 1);
  assert.equal(said.includes('http://a down'), false);
});

test('a replica that says 503 is down, and up again when it says so', async () => {
  const starting = () => 503;
  const { said } = await ask({}, [starting, starting, () => 200]);
  assert.deepEqual(said.slice(0, 4), ['http://a down', 'http://b down', 'http://a up', 'http://b up']);
});

test('a server without such a page is taken for well', async () => {
  const { said } = await ask({}, [() => 404, () => 405, () => 401]);
  assert.equal(
    said.some((one) => one.endsWith('down')),
    false,
  );
});

for (const [what, settings] of [
  ['a single replica', { urls: ['http://a'] }],
  ['a kind without a page', { kind: 'claude' as const }],
  ['a backend whose page is switched off', { healthPath: null }],
] as const) {
  test(`${what} is not asked`, async () => {
    assert.deepEqual((await ask(settings, [() => 200])).asked, []);
  });
}
