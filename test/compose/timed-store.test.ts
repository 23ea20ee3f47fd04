import assert from 'node:assert/strict';
import { test } from 'node:test';
import { timedStore } from '../../src/compose/timed-store.ts';
import { createMemoryStore } from '../quota/memory-store.ts';

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
