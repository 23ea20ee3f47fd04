import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { toCsv } from '../../src/usage/csv.ts';
import { createSqliteUsage } from '../../src/usage/sqlite-usage.ts';
import { RECENT_KEPT } from '../../src/usage/usage-store.ts';
import { dayOf, NOON, record } from './records.ts';

const DAY = 86_400_000;
const ben = { subject: 'b'.repeat(64), user: '=ben, "the" 1st', tier: 'free' };
const today = { from: '2026-11-22', to: '2026-11-22' };

function open() {
  const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-usage-'));
  const file = join(folder, 'usage.db');
  const again = () => createSqliteUsage({ file, dayOf, exports: true });
  const store = again();
  return {
    file,
    store,
    again,
    async [Symbol.asyncDispose]() {
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

test('what each user, model, backend and day came to is told apart, and added up', async () => {
  await using place = open();
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

test('several processes share a file, and a restart keeps it; only its owner may read it', async () => {
  await using place = open();
  const second = place.again();
  await Promise.all([place.store.add([record()]), second.add([record()])]);
  await second.close();
  const third = place.again();
  assert.equal((await third.totals({ ...today, by: [] }))[0]?.requests, 2);
  await third.close();
  assert.equal(statSync(place.file).mode & 0o777, 0o600);
});

test('the latest requests of a user are kept one by one, the oldest making room', async () => {
  await using place = open();
  const all = Array.from({ length: RECENT_KEPT + 5 }, (_, index) => record({ requestId: `r${index}` }));
  await place.store.add(all);
  await place.store.add([record(ben)]);
  const recent = await place.store.recent('a'.repeat(64));
  assert.equal(recent.length, RECENT_KEPT);
  assert.deepEqual(recent[0], all.at(-1));
  assert.equal(recent.at(-1)?.requestId, 'r5');
});

test('users are found by a part of their name or the beginning of their hash, the latest first', async () => {
  await using place = open();
  await place.store.add([record(), record({ ...ben, at: NOON + 1 })]);
  const names = async (search: string) => (await place.store.users(search, 10)).map(({ user }) => user);
  assert.deepEqual(await names(''), [ben.user, 'ana']);
  assert.deepEqual(await names('AN'), ['ana']);
  assert.deepEqual(await names('bbbb'), [ben.user]);
  assert.deepEqual(await names('%'), []);
  assert.equal((await place.store.users('', 1)).length, 1);
});

test('what is older than it is to be kept is forgotten', async () => {
  await using place = open();
  await place.store.add([record({ ...ben, at: NOON - 2 * DAY }), record()]);
  await place.store.forgetBefore('2026-11-21', NOON - DAY);
  assert.deepEqual(
    (await place.store.totals({ from: '2026-01-01', to: '2026-12-31', by: ['day'] })).map(({ day }) => day),
    ['2026-11-22'],
  );
  assert.deepEqual(
    [(await place.store.users('', 10)).length, (await place.store.recent(ben.subject)).length],
    [1, 0],
  );
});

test('as a table for spreadsheets a name is text, whatever it looks like', async () => {
  await using place = open();
  await place.store.add([record(ben)]);
  assert.equal(
    toCsv(await place.store.totals({ ...today, by: ['subject'] })),
    'subject,user,requests,refusals,refunds,input_tokens,output_tokens,cache_read_tokens,cache_write_tokens\r\n' +
      `${ben.subject},"'=ben, ""the"" 1st",1,0,0,10,20,30,40\r\n`,
  );
});
