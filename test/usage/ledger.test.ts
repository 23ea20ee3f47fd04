import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLedger } from '../../src/usage/ledger.ts';
import type { UsageRecord } from '../../src/usage/record.ts';
import { createFakeTime } from '../quota/fake-time.ts';
import { dayOf, NOON, record } from './records.ts';

function start() {
  const time = createFakeTime(NOON);
  const batches: (readonly UsageRecord[])[] = [];
  const forgotten: string[] = [];
  const warned: string[] = [];
  const store = { broken: false };
  const ledger = createLedger({
    store: {
      async add(records) {
        if (store.broken) throw new Error('database or disk is full');
        batches.push(records);
      },
      forgetBefore: async (day) => void forgotten.push(day),
    },
    retentionDays: 30,
    dayOf,
    clock: time.clock,
    after: time.timers.after,
    log: { warn: (_, message) => void warned.push(message) },
  });
  return { time, batches, forgotten, warned, store, ledger };
}

test('records are written a second later, together, a bounded number at a time', async () => {
  const { ledger, batches, time } = start();
  for (let count = 0; count < 250; count++) ledger.record(record());
  assert.equal(batches.length, 0);
  await time.pass(1_000);
  assert.deepEqual(
    batches.map((batch) => batch.length),
    [100, 100, 50],
  );
  assert.equal(time.waiting(), 0);
});

test('what cannot be written is written later, once, and said once', async () => {
  const { ledger, batches, time, store, warned } = start();
  store.broken = true;
  ledger.record(record({ requestId: 'r1' }));
  await time.pass(20_000);
  ledger.record(record({ requestId: 'r2' }));
  store.broken = false;
  await time.pass(5_000);
  assert.deepEqual(
    batches.flat().map(({ requestId }) => requestId),
    ['r1', 'r2'],
  );
  assert.deepEqual(warned, ['usage cannot be written; it waits in memory']);
});

test('an orderly end writes everything', async () => {
  const { ledger, batches } = start();
  ledger.record(record());
  await ledger.close();
  assert.equal(batches.flat().length, 1);
});

test('days beyond those that are kept are forgotten, once an hour at most', async () => {
  const { ledger, forgotten, time } = start();
  for (let half = 0; half < 4; half++) {
    ledger.record(record());
    await time.pass(1_800_000);
  }
  assert.deepEqual(forgotten, ['2026-10-24', '2026-10-24']);
});
