import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { toCsv } from '../../src/usage/csv.ts';
import { createSqliteUsage } from '../../src/usage/sqlite-usage.ts';
import { ben, DAY, dayOf, NOON, record, today } from './records.ts';
import { usageStoreContract } from './usage-store.contract.ts';

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

usageStoreContract('SQLite', async () => open());

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

test('as a table for spreadsheets a name is text, whatever it looks like', async () => {
  await using place = open();
  await place.store.add([record(ben)]);
  assert.equal(
    toCsv(await place.store.totals({ ...today, by: ['subject'] })),
    'subject,user,requests,refusals,refunds,input_tokens,output_tokens,cache_read_tokens,cache_write_tokens\r\n' +
      `${ben.subject},"'=ben, ""the"" 1st",1,0,0,10,20,30,40\r\n`,
  );
});

test('totals of days that are not to be kept are forgotten', async () => {
  await using place = open();
  await place.store.add([record({ at: NOON - 2 * DAY }), record()]);
  await place.store.forgetBefore('2026-11-21', NOON - DAY);
  const days = await place.store.totals({ from: '2026-01-01', to: '2026-12-31', by: ['day'] });
  assert.deepEqual(
    days.map(({ day }) => day),
    ['2026-11-22'],
  );
});
