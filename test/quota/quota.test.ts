import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GatewayError } from '../../src/errors.ts';
import { createQuota, type QuotaOptions } from '../../src/quota/quota.ts';
import { fitsModel } from '../../src/routing/match-model.ts';
import type { Outcome, Principal, Standing } from '../../src/types.ts';
import { createFakeTime } from './fake-time.ts';
import { createMemoryStore } from './memory-store.ts';
import { peekOne } from './plain-request.ts';
import { demandOf, peekMain, termsOf } from './plain-terms.ts';

const NOON = Date.UTC(2026, 10, 22, 12);
const MIDNIGHT = Date.UTC(2026, 10, 23);
const ana: Principal = { subject: 'a'.repeat(64), user: 'ana', tier: 'free' };
const ten = termsOf();
const unlimited = termsOf({ limit: null });

const completed: Outcome = { ending: 'completed', usage: null };
const failed: Outcome = { ending: 'backend-failed', usage: null };
const refused: Outcome = { ending: 'refused' };

function start(changed: Partial<QuotaOptions> = {}, now = NOON) {
  const time = createFakeTime(now);
  const store = createMemoryStore(changed.clock ?? time.clock);
  const told: Standing[] = [];
  const logged: string[] = [];
  const write = (fields: unknown, message: string) =>
    void logged.push(`${message} ${JSON.stringify(fields)}`);
  const quota = createQuota({
    store,
    timeZone: 'UTC',
    clock: time.clock,
    matches: fitsModel,
    onStoreFailure: () => 'deny',
    timers: time.timers,
    log: { info: write, warn: write },
    onStanding: (_, standing) => void told.push(standing),
    ...changed,
  });
  const counts = async (allowance = ten) => {
    const { used, pending } = await peekMain(quota, ana, allowance);
    return { used, pending };
  };
  return { time, store, quota, counts, told, logged };
}

async function thrownBy(call: Promise<unknown>): Promise<GatewayError> {
  const error = await call.then(
    () => assert.fail('nothing was thrown'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof GatewayError, String(error));
  return error;
}

test('a reservation shows where its principal stands, itself included', async () => {
  const { quota } = start();
  const [standing] = (await quota.reserve(ana, ten, demandOf('r1'))).standings;
  assert.deepEqual(standing, {
    allowance: ten.allowances[0],
    limit: 10,
    used: 0,
    pending: 1,
    remaining: 9,
    resetsAt: MIDNIGHT,
  });
});

test('an answered request is charged once, however often that is said', async () => {
  const { quota, counts } = start();
  const reservation = await quota.reserve(ana, ten, demandOf('r1'));
  await Promise.all([reservation.commit(), reservation.commit()]);
  assert.deepEqual(await counts(), { used: 1, pending: 0 });
  await Promise.all([reservation.settle(completed), reservation.settle(failed), reservation.commit()]);
  assert.deepEqual(await counts(), { used: 1, pending: 0 });
});

test('a backend that fails in the middle of its answer gives the charge back', async () => {
  const { quota, counts } = start();
  const reservation = await quota.reserve(ana, ten, demandOf('r1'));
  await reservation.commit();
  await reservation.settle(failed);
  assert.deepEqual(await counts(), { used: 0, pending: 0 });
});

test('an answer cut by the backend and its replay are one charge', async () => {
  const { quota, counts } = start();
  const cut = await quota.reserve(ana, ten, demandOf('r1'));
  await cut.commit();
  await cut.settle(failed);
  const replay = await quota.reserve(ana, ten, demandOf('r2'));
  await replay.commit();
  await replay.settle(completed);
  assert.deepEqual(await counts(), { used: 1, pending: 0 });
});

test('a request refused before any backend was called costs nothing', async () => {
  const { quota, counts } = start();
  await (await quota.reserve(ana, ten, demandOf('r1'))).settle(refused);
  assert.deepEqual(await counts(), { used: 0, pending: 0 });
});

test('the request beyond the limit is refused, with the tier, the reset and what stops clients', async () => {
  const { quota, counts } = start();
  for (let count = 0; count < 10; count++) {
    await (await quota.reserve(ana, ten, demandOf(`r${count}`))).settle(completed);
  }
  const error = await thrownBy(quota.reserve(ana, ten, demandOf('r10')));
  assert.equal(error.code, 'quota_exhausted');
  assert.match(error.message, /10 requests.*"free" tier.*00:00 UTC, in 12 h/);
  assert.equal(error.details.retryAfterSeconds, 12 * 3_600);
  assert.equal(error.details.headers?.['x-should-retry'], 'false');
  assert.deepEqual(await counts(), { used: 10, pending: 0 });
});

test('requests under way count, so many at once do not overshoot', async () => {
  const { quota } = start();
  const answers = await Promise.allSettled(
    Array.from({ length: 50 }, (_, index) => quota.reserve(ana, ten, demandOf(`r${index}`))),
  );
  assert.equal(answers.filter((each) => each.status === 'fulfilled').length, 10);
});

test('the same request reserved twice is held once', async () => {
  const { quota, counts } = start();
  await quota.reserve(ana, ten, demandOf('r1'));
  await quota.reserve(ana, ten, demandOf('r1'));
  assert.deepEqual(await counts(), { used: 0, pending: 1 });
});

test('after midnight there is a new allowance', async () => {
  const { quota, time, counts } = start({}, MIDNIGHT - 1);
  for (let count = 0; count < 10; count++) await quota.reserve(ana, ten, demandOf(`r${count}`));
  assert.equal((await thrownBy(quota.reserve(ana, ten, demandOf('late')))).details.retryAfterSeconds, 1);
  await time.pass(1);
  const [standing] = (await quota.reserve(ana, ten, demandOf('early'))).standings;
  assert.equal(standing?.resetsAt, MIDNIGHT + 24 * 3_600_000);
  assert.deepEqual(await counts(), { used: 0, pending: 1 });
});

test('a request admitted before midnight is charged to its own day', async () => {
  const { quota, time, counts } = start({}, MIDNIGHT - 100);
  const reservation = await quota.reserve(ana, ten, demandOf('r1'));
  await time.pass(200);
  await reservation.settle(completed);
  assert.deepEqual(await counts(), { used: 0, pending: 0 });
  assert.equal(reservation.standings[0]?.resetsAt, MIDNIGHT);
});

for (const skew of [-11, -1, 1, 11]) {
  test(`a process whose clock is ${skew} h off still counts in the store's day`, async () => {
    const stores = createFakeTime(MIDNIGHT - 1_000);
    const processes = () => stores.clock() + skew * 3_600_000;
    const store = createMemoryStore(stores.clock);
    const { quota } = start({ store, clock: processes });
    assert.equal((await quota.reserve(ana, ten, demandOf('r1'))).standings[0]?.resetsAt, MIDNIGHT);
    await stores.pass(1_000);
    const [standing] = (await quota.reserve(ana, ten, demandOf('r2'))).standings;
    assert.deepEqual([standing?.resetsAt, standing?.pending], [MIDNIGHT + 24 * 3_600_000, 1]);
  });
}

test('a hold is renewed every third of its lease while its request runs, and not after', async () => {
  const { quota, time, store, counts } = start();
  const reservation = await quota.reserve(ana, ten, demandOf('r1'));
  await time.pass(300_000);
  assert.equal(store.tried.filter((step) => step === 'renew r1').length, 10);
  assert.deepEqual(await counts(), { used: 0, pending: 1 });
  await reservation.settle(refused);
  assert.equal(time.waiting(), 0);
});

test('a committed request needs no renewal', async () => {
  const { quota, time } = start();
  await (await quota.reserve(ana, ten, demandOf('r1'))).commit();
  assert.equal(time.waiting(), 0);
});

test('a renewal that fails is made up for by the next', async () => {
  const { quota, time, store, counts } = start();
  await quota.reserve(ana, ten, demandOf('r1'));
  store.breakDown(new Error('away'));
  await time.pass(31_000);
  store.breakDown(null);
  await time.pass(100_000);
  assert.deepEqual(await counts(), { used: 0, pending: 1 });
});

test('a request that nobody settles is free again when its lease ends', async () => {
  const { quota, time, counts, store } = start();
  await quota.reserve(ana, ten, demandOf('r1'));
  store.breakDown(new Error('the process that held it is gone'));
  await time.pass(90_000);
  store.breakDown(null);
  await time.pass(1_000);
  assert.deepEqual(await counts(), { used: 0, pending: 0 });
});

test('without a limit nothing is asked before the answer, and nobody waits for the count', async () => {
  const { quota, store, time, counts } = start();
  store.holdUp(new Promise(() => undefined));
  const reservation = await quota.reserve(ana, unlimited, demandOf('r1'));
  assert.deepEqual(store.tried, []);
  await reservation.commit();
  await reservation.settle(completed);
  assert.deepEqual(store.tried, ['commit r1']);
  assert.equal(time.waiting(), 1, 'only the watch over the silent store');
  store.holdUp(Promise.resolve());
  await (await quota.reserve(ana, unlimited, demandOf('r2'))).settle(completed);
  assert.deepEqual(await counts(unlimited), { used: 1, pending: 0 });
});

test('without a limit the standing has none', async () => {
  const { quota } = start();
  const [standing] = (await quota.reserve(ana, unlimited, demandOf('r1'))).standings;
  assert.deepEqual(standing, {
    allowance: unlimited.allowances[0],
    limit: null,
    used: 0,
    pending: 0,
    remaining: null,
    resetsAt: MIDNIGHT,
  });
  assert.equal((await peekMain(quota, ana, unlimited)).remaining, null);
});

test('without a limit a failed answer is given back, and one that never began asks nothing', async () => {
  const { quota, store, counts, time } = start();
  const begun = await quota.reserve(ana, unlimited, demandOf('r1'));
  await begun.commit();
  await begun.settle(failed);
  await time.settle();
  await (await quota.reserve(ana, unlimited, demandOf('r2'))).settle(failed);
  assert.deepEqual(await counts(unlimited), { used: 0, pending: 0 });
  assert.deepEqual(store.tried, ['commit r1', 'release r1', 'peek']);
});

test('while the store is away a limited user is denied, told so, and charged nothing', async () => {
  const { quota, store, counts, time } = start();
  store.breakDown(new Error('connect ECONNREFUSED 10.1.2.3:6379'));
  const error = await thrownBy(quota.reserve(ana, ten, demandOf('r1')));
  assert.equal(error.code, 'quota_unavailable');
  assert.equal(
    error.message,
    'The quota service does not answer now; nothing was started and nothing was charged; try again in 5 seconds.',
  );
  assert.deepEqual([error.details.retryAfterSeconds, error.details.headers], [5, undefined]);
  await time.settle();
  store.breakDown(null);
  assert.deepEqual(await counts(), { used: 0, pending: 0 });
});

test('a reservation whose answer was lost is taken back', async () => {
  const { store, counts, quota, time } = start();
  const reserve = store.reserve;
  Object.assign(store, {
    reserve: async (hold: Parameters<typeof reserve>[0]) => {
      await reserve(hold);
      throw new Error('Command timed out');
    },
  });
  assert.equal((await thrownBy(quota.reserve(ana, ten, demandOf('r1')))).code, 'quota_unavailable');
  await time.settle();
  assert.deepEqual(await counts(), { used: 0, pending: 0 });
});

test('while the store is away unlimited users pass and are counted afterwards', async () => {
  const { quota, store, time, counts } = start();
  store.breakDown(new Error('away'));
  for (const request of ['r1', 'r2']) {
    const reservation = await quota.reserve(ana, unlimited, demandOf(request));
    await reservation.commit();
    await reservation.settle(completed);
  }
  await time.pass(1_000);
  store.breakDown(null);
  await time.pass(10_000);
  assert.deepEqual(await counts(unlimited), { used: 2, pending: 0 });
});

test('with "allow" limited users pass without headers while the store is away and are charged afterwards', async () => {
  const { quota, store, time, counts } = start({ onStoreFailure: () => 'allow' });
  store.breakDown(new Error('away'));
  const reservation = await quota.reserve(ana, ten, demandOf('r1'));
  assert.equal(reservation.standings[0]?.limit, null);
  await reservation.settle(completed);
  await (await quota.reserve(ana, ten, demandOf('r2'))).settle(failed);
  store.breakDown(null);
  await time.pass(10_000);
  assert.deepEqual(await counts(), { used: 1, pending: 0 });
});

test('with "allow" a hold that was made although no answer came goes with its request', async () => {
  const { quota, store, time, counts } = start({ onStoreFailure: () => 'allow' });
  const reserve = store.reserve;
  Object.assign(store, {
    reserve: async (hold: Parameters<typeof reserve>[0]) => {
      await reserve(hold);
      throw new Error('Command timed out');
    },
  });
  await (await quota.reserve(ana, ten, demandOf('r1'))).settle(failed);
  await time.settle();
  assert.deepEqual(await counts(), { used: 0, pending: 0 });
});

test('what ends while the store is away is settled when it is back, once', async () => {
  const { quota, store, time, counts } = start();
  const reservations = await Promise.all(
    ['r1', 'r2', 'r3'].map((id) => quota.reserve(ana, ten, demandOf(id))),
  );
  await reservations[2]?.commit();
  store.breakDown(new Error('away'));
  await reservations[0]?.settle(completed);
  await reservations[1]?.settle(failed);
  await reservations[2]?.settle(failed);
  store.breakDown(null);
  await time.pass(10_000);
  assert.deepEqual(await counts(), { used: 1, pending: 0 });
});

test('a settlement that was done although its answer was lost is not done twice', async () => {
  const { quota, store, time, counts } = start();
  const reservation = await quota.reserve(ana, ten, demandOf('r1'));
  const commit = store.commit;
  let lost = 0;
  Object.assign(store, {
    commit: async (entry: Parameters<typeof commit>[0]) => {
      const tally = await commit(entry);
      if (lost++ < 3) throw new Error('Connection is closed');
      return tally;
    },
  });
  await reservation.commit();
  await time.pass(10_000);
  assert.equal(lost, 4);
  assert.deepEqual(await counts(), { used: 1, pending: 0 });
});

test('health tells since when the store is away', async () => {
  const { quota, store, time, logged } = start();
  assert.deepEqual(quota.health(), { state: 'ok', waiting: 0 });
  store.breakDown(new Error('away'));
  await thrownBy(peekMain(quota, ana, ten));
  assert.deepEqual(quota.health(), { state: 'degraded', since: NOON, waiting: 0 });
  store.breakDown(null);
  await time.pass(2_000);
  await peekMain(quota, ana, ten);
  assert.deepEqual(quota.health(), { state: 'ok', waiting: 0 });
  assert.deepEqual(logged, [
    'the quota store does not answer {"reason":"away"}',
    'the quota store answers again {"degradedMs":500}',
  ]);
});

test('looking at the quota creates nothing and says when it cannot be seen', async () => {
  const { quota, store } = start();
  const standing = await peekMain(quota, ana, ten);
  assert.deepEqual(standing, {
    allowance: ten.allowances[0],
    limit: 10,
    used: 0,
    pending: 0,
    remaining: 10,
    resetsAt: MIDNIGHT,
  });
  store.breakDown(new Error('away'));
  assert.equal((await thrownBy(peekMain(quota, ana, ten))).code, 'quota_unavailable');
});

test('a lowered limit leaves nothing rather than less than nothing', async () => {
  const { quota } = start();
  for (const request of ['r1', 'r2', 'r3']) await quota.reserve(ana, ten, demandOf(request));
  assert.equal((await peekMain(quota, ana, termsOf({ limit: 2 }))).remaining, 0);
});

test('metrics are told what the store counts after each step', async () => {
  const { quota, told } = start();
  await (await quota.reserve(ana, ten, demandOf('r1'))).settle(completed);
  const second = await quota.reserve(ana, unlimited, demandOf('r2'));
  await second.commit();
  await second.settle(failed);
  const seen = told.map(({ limit, used, pending }) => [limit, used, pending]);
  assert.deepEqual(seen.slice(0, 2), [
    [10, 0, 1],
    [10, 1, 0],
  ]);
  await quota.close();
  assert.deepEqual(
    told.slice(2).map(({ limit, used }) => [limit, used]),
    [
      [null, 2],
      [null, 1],
    ],
  );
});

test('closing settles what waits and closes the store', async () => {
  const { quota, store } = start();
  let closed = false;
  Object.assign(store, {
    close: async () => {
      closed = true;
    },
  });
  const reservation = await quota.reserve(ana, ten, demandOf('r1'));
  for (let count = 0; count < 4; count++) {
    store.breakDown(new Error('away'));
    await thrownBy(peekMain(quota, ana, ten));
  }
  await reservation.settle(completed);
  store.breakDown(null);
  await quota.close();
  assert.equal(closed, true);
  const after = await peekOne(store, ana.subject, {
    current: { id: '2026-11-22', endsAt: MIDNIGHT },
    next: { id: '2026-11-23', endsAt: MIDNIGHT + 24 * 3_600_000 },
  });
  assert.deepEqual([after.used, after.pending], [1, 0]);
});

test('a time zone that does not exist is an error at the start', () => {
  assert.throws(() => start({ timeZone: 'Mars/Olympus' }), /"Mars\/Olympus" is not a time zone/);
});

test('whatever happens to requests and store, used is what was answered and nothing stays pending', async () => {
  const endings = fc.constantFrom<Outcome>(
    completed,
    failed,
    refused,
    { ending: 'client-left', contentSent: true, usage: null },
    { ending: 'client-left', contentSent: false, usage: null },
  );
  const request = fc.record({ outcome: endings, begins: fc.boolean(), breaksBefore: fc.nat(3) });
  await fc.assert(
    fc.asyncProperty(fc.array(request, { maxLength: 25 }), async (requests) => {
      const { quota, store, time } = start();
      let answered = 0;
      for (const [index, { outcome, begins, breaksBefore }] of requests.entries()) {
        store.breakDown(breaksBefore === 0 ? new Error('away') : null);
        const reservation = await quota.reserve(ana, ten, demandOf(`r${index}`)).catch(() => null);
        if (reservation === null) continue;
        store.breakDown(breaksBefore === 1 ? new Error('away') : null);
        if (begins) await reservation.commit();
        store.breakDown(breaksBefore === 2 ? new Error('away') : null);
        await reservation.settle(outcome);
        const counted = outcome.ending === 'client-left' ? outcome.contentSent : outcome === completed;
        answered += counted ? 1 : 0;
        await time.pass(1_100);
      }
      store.breakDown(null);
      await time.pass(60_000);
      const { used, pending } = await peekMain(quota, ana, ten);
      assert.deepEqual({ used, pending }, { used: answered, pending: 0 });
      assert.equal(time.waiting(), 0);
    }),
  );
});
