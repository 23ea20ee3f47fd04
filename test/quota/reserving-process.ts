/** A process of its own with a store of its own, for several-processes.test.ts: opens it, says so, does as told. */

import assert from 'node:assert/strict';
import { createSqliteStore } from '../../src/quota/sqlite-store.ts';
import type { QuotaStore } from '../../src/quota/store.ts';
import type { Windows } from '../../src/quota/windows.ts';
import { openValkeyStore } from '../support/valkey-store.ts';
import { plainClaim, plainEntry } from './plain-request.ts';

/** Reserves `count` requests at once and commits those that were admitted, where that is asked for. */
export interface Order {
  readonly name: string;
  readonly subject: string;
  readonly windows: Windows;
  readonly count: number;
  readonly limit: number;
  readonly lease: number;
  readonly commit: boolean;
}

/** Opens a new file at a given moment, as several processes do that are started together. */
export interface Opening {
  readonly file: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

export interface Report {
  readonly admitted: number;
  readonly refused: number;
}

async function open(place: string): Promise<QuotaStore> {
  if (!place.startsWith('redis://')) return createSqliteStore({ file: place, clock: Date.now });
  const store = openValkeyStore({ url: place, commandTimeout: 10_000 });
  await store.check();
  return store;
}

async function carryOut(store: QuotaStore, order: Order): Promise<Report> {
  const { name, subject, windows, count, limit, lease } = order;
  const verdicts = await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const requestId = `${name}-${index}`;
      const { admitted, tallies } = await store.reserve(
        plainClaim({ subject, requestId, windows, limit, lease }),
      );
      const window = tallies[0]?.window ?? windows.current;
      if (admitted && order.commit) await store.commit(plainEntry(subject, requestId, window));
      return admitted;
    }),
  );
  const admitted = verdicts.filter(Boolean).length;
  return { admitted, refused: count - admitted };
}

async function openAt({ file, at }: Opening): Promise<string> {
  // To the millisecond, which no timer is: the moment is the point.
  while (Date.now() < at);
  try {
    await createSqliteStore({ file, clock: Date.now }).close();
    return 'opened';
  } catch (error) {
    return String(error);
  }
}

const [, , place] = process.argv;
assert.ok(place !== undefined && process.send !== undefined, 'run by several-processes.test.ts');
const store = await open(place);
process.on('message', (told: Order | Opening) => {
  const done = 'file' in told ? openAt(told) : carryOut(store, told);
  void done.then((report) => process.send?.(report));
});
process.on('disconnect', () => process.exit());
process.send('open');
