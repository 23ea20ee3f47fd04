/** Several allowances, units and windows at once; what happens when one is used up; pools, turns and titles. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GatewayError } from '../../src/errors.ts';
import { createQuota, type Demand } from '../../src/quota/quota.ts';
import { fitsModel } from '../../src/routing/match-model.ts';
import type { Outcome, Principal, Terms, Usage } from '../../src/types.ts';
import { createFakeTime } from './fake-time.ts';
import { createMemoryStore } from './memory-store.ts';
import { allowanceOf, demandOf, termsOf } from './plain-terms.ts';

const NOON = Date.UTC(2026, 10, 22, 12);
const ana: Principal = { subject: 'a'.repeat(64), user: 'ana', tier: 'free' };
const ben: Principal = { subject: 'b'.repeat(64), user: 'ben', tier: 'free' };
const usage = (inputTokens: number, outputTokens = 0, cacheReadTokens = 0): Usage => ({
  inputTokens,
  outputTokens,
  cacheReadTokens,
  cacheWriteTokens: 0,
  reasoningTokens: 0,
});
const completed = (used: Usage | null = null): Outcome => ({ ending: 'completed', usage: used });

function start() {
  const time = createFakeTime(NOON);
  const store = createMemoryStore(time.clock);
  const quota = createQuota({
    store,
    timeZone: 'UTC',
    clock: time.clock,
    matches: fitsModel,
    onStoreFailure: () => 'deny',
    timers: time.timers,
  });
  let requests = 0;
  /** Asks, is answered, and ends; the code of a refusal. */
  async function ask(terms: Terms, changed: Partial<Demand> = {}, who = ana, outcome = completed()) {
    requests += 1;
    const demand = demandOf(`r${requests}`, changed);
    const reservation = await quota.reserve(who, terms, demand).catch((error: unknown) => error);
    if (reservation instanceof GatewayError) return reservation.code;
    const { commit, settle, exhausted } = reservation as Awaited<ReturnType<typeof quota.reserve>>;
    await commit();
    await settle(outcome);
    return exhausted.length > 0 ? 'landed' : 'ok';
  }
  const used = async (terms: Terms, who = ana) => (await quota.peek(who, terms)).map((one) => one.used);
  return { time, store, quota, ask, used };
}

const times = async <T>(count: number, run: () => Promise<T>) => {
  const all: T[] = [];
  for (let index = 0; index < count; index++) all.push(await run());
  return all;
};

test('the tightest of several allowances refuses, and the others count nothing for it', async () => {
  const { ask, used, quota } = start();
  const terms = termsOf(
    {},
    { allowances: [allowanceOf(), allowanceOf({ name: 'weekly', window: 'week', limit: 3 })] },
  );
  assert.deepEqual(await times(4, () => ask(terms)), ['ok', 'ok', 'ok', 'quota_exhausted']);
  assert.deepEqual(await used(terms), [3, 3]);
  const error = await quota.reserve(ana, terms, demandOf('x')).catch((reason: unknown) => reason);
  assert.match(String(error), /Weekly quota of 3 requests used up.*00:00 UTC/);
});

test('a minute is over soon: the refusal says so and lets clients come back by themselves', async () => {
  const { ask, quota, time } = start();
  const terms = termsOf({ window: 'minute', limit: 1 });
  assert.deepEqual(await times(2, () => ask(terms)), ['ok', 'rate_limited']);
  const error = await quota.reserve(ana, terms, demandOf('x')).catch((reason: unknown) => reason);
  assert.ok(error instanceof GatewayError);
  assert.equal(error.details.headers?.['x-should-retry'], undefined);
  assert.ok((error.details.retryAfterSeconds ?? 99) <= 60);
  await time.pass(60_000);
  assert.equal(await ask(terms), 'ok');
});

test('tokens are held as estimated and charged as used, without what came from the prompt cache', async () => {
  const { ask, used, quota } = start();
  const terms = termsOf({ unit: 'token', limit: 1_000, name: 'tokens' });
  const first = await quota.reserve(ana, terms, demandOf('x', { tokens: () => 300 }));
  assert.equal(first.standings[0]?.pending, 300);
  await first.commit();
  assert.deepEqual(await used(terms), [300]);
  await first.settle(completed(usage(500, 100, 90_000)));
  assert.deepEqual(await used(terms), [600]);
  assert.equal(await ask(terms, {}, ana, completed(usage(700))), 'ok', 'anything left is enough');
  assert.deepEqual(await used(terms), [1_300]);
  assert.equal(await ask(terms), 'quota_exhausted');
});

test('a failed answer gives its tokens back, one without usage is charged as estimated', async () => {
  const { ask, used } = start();
  const terms = termsOf({ unit: 'token', limit: 1_000 });
  await ask(terms, {}, ana, { ending: 'backend-failed', usage: usage(50) });
  assert.deepEqual(await used(terms), [0]);
  await ask(terms);
  assert.deepEqual(await used(terms), [100]);
});

test('one prompt with thirty calls of tools is one turn, a second prompt another', async () => {
  const { ask, used } = start();
  const terms = termsOf({ unit: 'turn', limit: 2 });
  const inTurn = (prompt: string | null) => ({ turn: () => ({ session: 's', prompt }) });
  await ask(terms, inTurn('p1'));
  await times(30, () => ask(terms, inTurn(null)));
  assert.deepEqual(await used(terms), [1]);
  assert.equal(await ask(terms, inTurn('p2')), 'ok');
  assert.equal(await ask(terms, inTurn('p3')), 'quota_exhausted');
  assert.equal(await ask(terms, inTurn(null)), 'ok', 'what follows from an open turn goes on');
});

test('a prompt that the backend failed and the client sends again is one turn', async () => {
  const { ask, used } = start();
  const terms = termsOf({ unit: 'turn', limit: 5 });
  const prompt = { turn: () => ({ session: 's', prompt: 'p' }) };
  await ask(terms, prompt, ana, { ending: 'backend-failed', usage: null });
  assert.deepEqual(await used(terms), [0]);
  await ask(terms, prompt);
  assert.deepEqual(await used(terms), [1]);
});

for (const [what, turn, outcome, pause] of [
  ['requests', { requests: 2, minutes: 60, tokens: 1e6 }, completed(), 0],
  ['tokens', { requests: 99, minutes: 60, tokens: 150 }, completed(usage(80)), 0],
  ['minutes', { requests: 99, minutes: 1, tokens: 1e6 }, completed(), 30_000],
] as const) {
  test(`a turn beyond its ${what} counts as a further one`, async () => {
    const { ask, used, time } = start();
    const terms = termsOf({ unit: 'turn', limit: 5 }, { turn });
    for (let index = 0; index < 4; index++) {
      await ask(terms, { turn: () => ({ session: 's', prompt: index === 0 ? 'p' : null }) }, ana, outcome);
      await time.pass(pause);
    }
    assert.deepEqual(await used(terms), [2]);
  });
}

test('with finish-turn an open turn goes beyond the limit as far as stated, a new prompt does not', async () => {
  const { ask } = start();
  const terms = termsOf(
    { limit: 2 },
    { atExhaustion: { kind: 'finish-turn', overdraft: { request: 2, turn: 0, token: 0 } } },
  );
  const inTurn = (prompt: string | null) => ask(terms, { turn: () => ({ session: 's', prompt }) });
  assert.deepEqual([await inTurn('p1'), await inTurn(null)], ['ok', 'ok']);
  assert.deepEqual([await inTurn(null), await inTurn(null)], ['ok', 'ok'], 'the overdraft');
  assert.equal(await inTurn(null), 'quota_exhausted');
  assert.equal(await inTurn('p2'), 'quota_exhausted');
});

test('with soft-land a request goes on without the allowance that is used up, and says which', async () => {
  const { ask, used, quota } = start();
  const terms = termsOf(
    { limit: 1 },
    { atExhaustion: { kind: 'soft-land', to: { backend: 'internal', model: 'default' } } },
  );
  assert.deepEqual(await times(3, () => ask(terms)), ['ok', 'landed', 'landed']);
  assert.deepEqual(await used(terms), [1]);
  const { exhausted, standings } = await quota.reserve(ana, terms, demandOf('x'));
  assert.deepEqual([exhausted.map(({ allowance }) => allowance.name), standings], [['daily'], []]);
});

test('a model counts as much as its weight, and one that needs more than is left is told so', async () => {
  const { ask, used, quota } = start();
  const terms = termsOf({ limit: 8 }, { weights: [{ match: 'claude:opus', counts: 5 }] });
  await ask(terms, { model: 'claude-opus-5-5' });
  await ask(terms, { model: 'qwen3-32b' });
  assert.deepEqual(await used(terms), [6]);
  const error = await quota
    .reserve(ana, terms, demandOf('x', { model: 'claude-opus-5-5' }))
    .catch((reason: unknown) => reason);
  assert.match(String(error), /has 2 left, and this model counts 5/);
  assert.equal(await ask(terms), 'ok');
});

test('an allowance for some models leaves the others alone', async () => {
  const { ask } = start();
  const terms = termsOf(
    {},
    { allowances: [allowanceOf(), allowanceOf({ name: 'opus', models: ['claude:opus'], limit: 1 })] },
  );
  const opus = { model: 'claude-opus-5-5' };
  assert.deepEqual([await ask(terms, opus), await ask(terms, opus)], ['ok', 'quota_exhausted']);
  assert.equal(await ask(terms), 'ok');
});

test('members of a group share its pool, and a refusal by it charges nobody', async () => {
  const { ask, used } = start();
  const pool = { name: 'research', subject: 'p'.repeat(64) };
  const terms = termsOf({}, { allowances: [allowanceOf(), allowanceOf({ name: 'pool', limit: 3, pool })] });
  assert.deepEqual([await ask(terms), await ask(terms), await ask(terms, {}, ben)], ['ok', 'ok', 'ok']);
  assert.equal(await ask(terms, {}, ben), 'quota_exhausted');
  assert.deepEqual(
    [await used(terms), await used(terms, ben)],
    [
      [2, 3],
      [1, 3],
    ],
  );
});

test('no more requests run at once than may, and a lease that nobody renews makes room', async () => {
  const { quota, ask, store, time } = start();
  const terms = termsOf({}, { concurrency: 2 });
  const first = await quota.reserve(ana, terms, demandOf('x1'));
  await quota.reserve(ana, terms, demandOf('x2'));
  assert.equal(await ask(terms), 'rate_limited');
  await first.commit();
  assert.equal(await ask(terms), 'rate_limited', 'its answer still runs');
  await first.settle(completed());
  assert.equal(await ask(terms), 'ok');
  await quota.reserve(ana, terms, demandOf('x3'));
  assert.equal(await ask(terms), 'rate_limited');
  store.breakDown(new Error('the process that held them is gone'));
  await time.pass(90_000);
  store.breakDown(null);
  await time.pass(30_000);
  assert.equal(await ask(terms), 'ok');
});

test('titles are free up to twenty a day, then they count', async () => {
  const { ask, used } = start();
  const terms = termsOf();
  const title = { isTitle: () => true };
  await times(20, () => ask(terms, title));
  assert.deepEqual(await used(terms), [0]);
  await ask(terms, title);
  assert.deepEqual(await used(terms), [1]);
  await ask(termsOf({}, { titles: 'free' }), title);
  assert.deepEqual(await used(terms), [1]);
  await ask(termsOf({}, { titles: 'charge' }), title);
  assert.deepEqual(await used(terms), [2]);
});

test('who changes tier takes along what was used, and has the new limit with the next request', async () => {
  const { ask, used } = start();
  const [free, pro] = [termsOf({ limit: 2 }), termsOf({ limit: 5 })];
  await times(2, () => ask(free));
  assert.equal(await ask(free), 'quota_exhausted');
  assert.equal(await ask(pro), 'ok');
  assert.deepEqual(await used(pro), [3]);
  assert.equal(await ask(free), 'quota_exhausted');
});
