import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEveryonesTotals } from '../../src/console/everyones-totals.ts';
import type { TotalsQuery } from '../../src/usage/usage-store.ts';

const DAYS = ['2026-11-19', '2026-11-20', '2026-11-21', '2026-11-22'];

function setUp() {
  const asked: TotalsQuery[] = [];
  const turns: number[] = [];
  let now = 0;
  const totals = createEveryonesTotals({
    usage: {
      async totals(query) {
        asked.push(query);
        return [];
      },
    },
    breathe: async () => {
      turns.push(asked.length);
    },
    clock: () => now,
  });
  return { totals, asked, turns, wait: (ms: number) => (now += ms) };
}

test('a day is asked for at a time, and others have their turn between', async () => {
  const { totals, asked, turns } = setUp();
  await totals.byModel(DAYS);
  assert.deepEqual(
    asked.map(({ from, to }) => [from, to]),
    DAYS.map((day) => [day, day]),
  );
  assert.deepEqual(turns, [0, 1, 2, 3]);
});

test('days that are over are not asked for again within the hour; the latest are', async () => {
  const { totals, asked, wait } = setUp();
  await totals.byModel(DAYS);
  await totals.byModel(DAYS);
  assert.equal(asked.length, 4);
  wait(10_000);
  await totals.byModel(DAYS);
  assert.deepEqual(
    asked.slice(4).map(({ from }) => from),
    ['2026-11-21', '2026-11-22'],
  );
  wait(3_600_000);
  await totals.byModel(DAYS);
  assert.equal(asked.length, 10);
});

test('everything there is comes day by day as well', async () => {
  const { totals, asked, turns } = setUp();
  for await (const rows of totals.inFull(DAYS)) assert.deepEqual(rows, []);
  assert.equal(asked.length, 4);
  assert.deepEqual(turns, [0, 1, 2, 3]);
});
