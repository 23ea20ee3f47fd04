/** What operators give beyond a limit, and what shadow mode lets through. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GatewayError } from '../../src/errors.ts';
import { createQuota, type QuotaOptions } from '../../src/quota/quota.ts';
import { withoutRefusals } from '../../src/quota/shadow.ts';
import { fitsModel } from '../../src/routing/match-model.ts';
import type { Principal, Terms } from '../../src/types.ts';
import { createFakeTime } from './fake-time.ts';
import { createMemoryStore } from './memory-store.ts';
import { allowanceOf, demandOf, peekMain, termsOf } from './plain-terms.ts';

const NOON = Date.UTC(2026, 10, 22, 12);
const HALF_A_DAY = 12 * 3_600_000;
const ana: Principal = { subject: 'a'.repeat(64), user: 'ana', tier: 'free' };
const two = termsOf({ limit: 2 });

function start() {
  const time = createFakeTime(NOON);
  const store = createMemoryStore(time.clock);
  const options: QuotaOptions = {
    store,
    timeZone: 'UTC',
    clock: time.clock,
    matches: fitsModel,
    onStoreFailure: () => 'deny',
    timers: time.timers,
  };
  const quota = createQuota(options);
  let requests = 0;
  return {
    time,
    store,
    quota,
    ofOtherReplica: createQuota(options),
    async ask(of = quota, terms: Terms = two) {
      requests += 1;
      const reservation = await of
        .reserve(ana, terms, demandOf(`r${requests}`))
        .catch((error: GatewayError) => error.code);
      if (typeof reservation !== 'string') await reservation.commit();
      return reservation;
    },
  };
}

const limitOf = (reservation: Awaited<ReturnType<ReturnType<typeof start>['ask']>>) =>
  typeof reservation === 'string' ? reservation : reservation.standings[0]?.limit;

test('what one replica gives is part of the limit of the next request on another, until the window ends', async () => {
  const { ask, quota, ofOtherReplica, time } = start();
  assert.equal(limitOf(await ask()), 2);
  await ofOtherReplica.grant(ana, allowanceOf({ limit: 2 }), 1, 'g1');
  assert.equal(limitOf(await ask()), 3, 'long before the limit is reached');
  assert.equal((await peekMain(quota, ana, two)).remaining, 1);
  assert.deepEqual([limitOf(await ask()), limitOf(await ask())], [3, 'quota_exhausted']);
  await time.pass(HALF_A_DAY);
  assert.equal((await peekMain(quota, ana, two)).limit, 2);
});

test('each allowance is given more by itself, and what has no limit gets none', async () => {
  const { ask, quota } = start();
  const [daily, weekly] = [
    allowanceOf({ limit: 1 }),
    allowanceOf({ name: 'weekly', window: 'week', limit: 1 }),
  ];
  const terms = termsOf({}, { allowances: [daily, weekly] });
  await quota.grant(ana, daily, 1, 'g1');
  assert.deepEqual(
    [limitOf(await ask(quota, terms)), limitOf(await ask(quota, terms))],
    [2, 'quota_exhausted'],
  );
  await quota.grant(ana, weekly, 1, 'g2');
  assert.equal(limitOf(await ask(quota, terms)), 2);
  assert.deepEqual(
    (await quota.peek(ana, terms)).map(({ limit, remaining }) => [limit, remaining]),
    [
      [2, 0],
      [2, 0],
    ],
  );
  assert.equal((await peekMain(quota, ana, termsOf({ limit: null }))).limit, null);
});

test('a store that is away takes no grant, and says so', async () => {
  const { quota, store } = start();
  store.breakDown(new Error('away'));
  await assert.rejects(quota.grant(ana, allowanceOf(), 1, 'g1'), { code: 'quota_unavailable' });
});

test('in shadow what would be refused goes on, is charged, and says so', async () => {
  const world = start();
  const refusals: string[] = [];
  const quota = withoutRefusals(world.quota, ({ tier }) => void refusals.push(tier));
  const marks: unknown[] = [];
  for (let count = 0; count < 4; count++) {
    const reservation = await world.ask(quota);
    marks.push(typeof reservation === 'string' ? reservation : reservation.wouldRefuse);
  }
  assert.deepEqual(marks, [undefined, undefined, true, true]);
  assert.deepEqual(refusals, ['free', 'free']);
  await world.time.settle();
  assert.equal((await peekMain(quota, ana, two)).used, 4);
});
