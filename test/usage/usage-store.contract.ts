/** What every usage store does. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RECENT_KEPT, type UsageStore } from '../../src/usage/usage-store.ts';
import { ben, DAY, NOON, record, today } from './records.ts';

export interface OpenedUsage extends AsyncDisposable {
  readonly store: UsageStore;
}

/** @param open gives an empty store */
export function usageStoreContract(name: string, open: () => Promise<OpenedUsage>): void {
  test(`${name}: what each user, model, backend and day came to is told apart, and added up`, async () => {
    await using place = await open();
    const { store } = place;
    await store.add([
      record(),
      record({ usage: null }),
      record({ outcome: 'refunded', usage: null, status: 502 }),
      record({ outcome: 'refused', usage: null, status: 429, served: null, backend: null }),
      record({ at: NOON - DAY }),
      record({ ...ben, served: 'qwen3-32b', backend: 'internal' }),
    ]);
    const none = { requests: 0, refusals: 0, refunds: 0, inputTokens: 0, outputTokens: 0 };
    const noCache = { cacheReadTokens: 0, cacheWriteTokens: 0 };
    const one = { inputTokens: 10, outputTokens: 20, cacheReadTokens: 30, cacheWriteTokens: 40 };
    assert.deepEqual(await store.totals({ ...today, by: ['model', 'backend'], subject: 'a'.repeat(64) }), [
      { model: 'claude-haiku-5-5', backend: 'claude', ...none, ...one, requests: 2, refunds: 1 },
      { model: 'none', backend: 'none', ...none, ...noCache, refusals: 1 },
    ]);
    assert.deepEqual(await store.totals({ from: '2026-11-01', to: '2026-11-30', by: ['day', 'subject'] }), [
      { day: '2026-11-21', subject: 'a'.repeat(64), user: 'ana', ...none, ...one, requests: 1 },
      {
        day: '2026-11-22',
        subject: 'a'.repeat(64),
        user: 'ana',
        ...none,
        ...one,
        requests: 2,
        refusals: 1,
        refunds: 1,
      },
      { day: '2026-11-22', subject: ben.subject, user: ben.user, ...none, ...one, requests: 1 },
    ]);
    assert.deepEqual(
      (await store.totals({ ...today, by: [] })).map(({ requests }) => requests),
      [3],
    );
    assert.deepEqual(await store.totals({ from: '2020-01-01', to: '2020-12-31', by: [] }), []);
  });

  test(`${name}: the latest requests of a user are kept one by one, the oldest making room`, async () => {
    await using place = await open();
    const all = Array.from({ length: RECENT_KEPT + 5 }, (_, index) => record({ requestId: `r${index}` }));
    await place.store.add(all);
    await place.store.add([record(ben)]);
    const recent = await place.store.recent('a'.repeat(64));
    assert.equal(recent.length, RECENT_KEPT);
    assert.deepEqual(recent[0], all.at(-1));
    assert.equal(recent.at(-1)?.requestId, 'r5');
  });

  test(`${name}: users are found by a part of their name or the beginning of their hash, the latest first`, async () => {
    await using place = await open();
    await place.store.add([record(), record({ ...ben, at: NOON + 1 })]);
    const names = async (search: string) => (await place.store.users(search, 10)).map(({ user }) => user);
    assert.deepEqual(await names(''), [ben.user, 'ana']);
    assert.deepEqual(await names('AN'), ['ana']);
    assert.deepEqual(await names('bbbb'), [ben.user]);
    assert.deepEqual(await names('%'), []);
    assert.equal((await place.store.users('', 1)).length, 1);
  });

  test(`${name}: who was last seen before what is to be kept is forgotten`, async () => {
    await using place = await open();
    await place.store.add([record({ ...ben, at: NOON - 2 * DAY }), record()]);
    await place.store.forgetBefore('2026-11-21', NOON - DAY);
    assert.deepEqual(
      [(await place.store.users('', 10)).length, (await place.store.recent(ben.subject)).length],
      [1, 0],
    );
  });
}
