import assert from 'node:assert/strict';
import { test } from 'node:test';
import { timedRecords, timedStore } from '../../src/compose/timed-stores.ts';
import { createMemoryStore } from '../quota/memory-store.ts';
import { openTestRecords } from '../support/test-records.ts';

test('each step is told with its name, its end and its time; its answer is the store’s', async () => {
  const told: string[] = [];
  let now = 0;
  const store = createMemoryStore(() => 0);
  const timed = timedStore(
    {
      ...store,
      async peek(...given) {
        now += 20;
        return store.peek(...given);
      },
      ping() {
        now += 90;
        return Promise.reject(new Error('away'));
      },
    },
    (operation, outcome, seconds) => told.push(`${operation} ${outcome} ${seconds}`),
    () => now,
  );
  assert.deepEqual(await timed.peek('ada', []), []);
  await assert.rejects(timed.ping(), { message: 'away' });
  assert.deepEqual(told, ['peek ok 0.02', 'ping failed 0.09']);
});

test('each step of a collection is told as well', async () => {
  const told: string[] = [];
  const tell = (operation: string, outcome: string) => void told.push(`${operation} ${outcome}`);
  const records = timedRecords(
    openTestRecords(() => 0),
    tell,
    () => 0,
  );
  const keys = records.collection('keys');
  assert.equal(await keys.put('a', '1'), true);
  assert.equal(await keys.get('a'), '1');
  assert.deepEqual(await keys.list(), [{ key: 'a', value: '1' }]);
  assert.equal(await keys.take('a'), '1');
  assert.equal(await keys.delete('a'), false);
  assert.deepEqual(told, ['put ok', 'get ok', 'list ok', 'take ok', 'delete ok']);
});
