import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toShared } from '../../src/compose/shared.ts';

test('a part is closed by the last one who lets go, once', async () => {
  const closed: string[] = [];
  const part = toShared('pool', (name) => void closed.push(name));
  const second = part.take();
  await part.release();
  assert.deepEqual(closed, []);
  assert.equal(second.value, 'pool');
  await second.release();
  assert.deepEqual(closed, ['pool']);
});

test('whoever lets go last waits until it is closed', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  let done = false;
  const released = toShared(0, () => promise)
    .release()
    .then(() => {
      done = true;
    });
  await Promise.resolve();
  assert.equal(done, false);
  resolve();
  await released;
  assert.equal(done, true);
});
