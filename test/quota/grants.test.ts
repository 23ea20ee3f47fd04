import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { GatewayError } from '../../src/errors.ts';
import { createGrants, withGrants } from '../../src/quota/grants.ts';
import { createQuota } from '../../src/quota/quota.ts';
import { withoutRefusals } from '../../src/quota/shadow.ts';
import { fitsModel } from '../../src/routing/match-model.ts';
import { createSqliteRecords } from '../../src/store/sqlite-records.ts';
import type { Principal } from '../../src/types.ts';
import { createFakeTime } from './fake-time.ts';
import { createMemoryStore } from './memory-store.ts';
import { demandOf, peekMain, termsOf } from './plain-terms.ts';

const NOON = Date.UTC(2026, 10, 22, 12);
const HALF_A_DAY = 12 * 3_600_000;
const ana: Principal = { subject: 'a'.repeat(64), user: 'ana', tier: 'free' };
const two = termsOf({ limit: 2 });

function start() {
  const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-grants-'));
  const time = createFakeTime(NOON);
  const store = createMemoryStore(time.clock);
  const openRecords = () => createSqliteRecords({ file: join(folder, 'records.db'), clock: time.clock });
  const [records, ofOtherReplica] = [openRecords(), openRecords()];
  const plain = createQuota({
    store,
    timeZone: 'UTC',
    clock: time.clock,
    matches: fitsModel,
    onStoreFailure: 'deny',
    timers: time.timers,
  });
  let requests = 0;
  return {
    time,
    records,
    plain,
    grants: createGrants(ofOtherReplica.collection('grants')),
    quota: withGrants(plain, createGrants(records.collection('grants'))),
    async ask(quota: typeof plain) {
      requests += 1;
      const reservation = await quota
        .reserve(ana, two, demandOf(`r${requests}`))
        .catch((error: GatewayError) => error.code);
      if (typeof reservation !== 'string') await reservation.commit();
      return reservation;
    },
    async [Symbol.asyncDispose]() {
      await records.close();
      await ofOtherReplica.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

test('what one replica is told to give counts for the next request on another, until the window ends', async () => {
  await using world = start();
  const { ask, quota, grants, time } = world;
  await ask(quota);
  await ask(quota);
  assert.equal(await ask(quota), 'quota_exhausted');
  assert.equal(await grants.add(ana.subject, 'daily', 1, HALF_A_DAY), 1);
  assert.equal((await peekMain(quota, ana, two)).remaining, 1);
  const more = await ask(quota);
  assert.deepEqual(typeof more === 'string' ? more : more.standings[0]?.limit, 3);
  assert.equal(await ask(quota), 'quota_exhausted');
  await time.pass(HALF_A_DAY);
  assert.equal((await peekMain(quota, ana, two)).limit, 2);
});

test('grants add up, whoever gives them at the same time, and taking back stops at nothing', async () => {
  await using world = start();
  const { grants, records } = world;
  const other = createGrants(records.collection('grants'));
  await Promise.all(
    [1, 2, 3].flatMap((extra) => [grants, other].map((one) => one.add('s', 'daily', extra, 1_000))),
  );
  assert.equal(await grants.extraOf('s', 'daily'), 12);
  assert.equal(await grants.add('s', 'daily', -100, 1_000), 0);
  assert.equal(await grants.extraOf('t', 'daily'), 0);
});

test('while nothing can be told of grants, the limit holds', async () => {
  await using world = start();
  await world.grants.add(ana.subject, 'daily', 5, HALF_A_DAY);
  await world.records.close();
  await world.ask(world.quota);
  await world.ask(world.quota);
  assert.equal(await world.ask(world.quota), 'quota_exhausted');
});

test('in shadow what would be refused goes on, is charged, and says so', async () => {
  await using world = start();
  const refusals: string[] = [];
  const quota = withoutRefusals(world.plain, ({ tier }) => void refusals.push(tier));
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
