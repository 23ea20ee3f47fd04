import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createStoreHealth } from '../../src/quota/store-health.ts';

function start() {
  const time = { now: 1_000_000 };
  const logged: string[] = [];
  const write = (_: unknown, message: string) => void logged.push(message);
  const health = createStoreHealth(() => time.now, { info: write, warn: write });
  let asked = 0;
  const succeed = () =>
    health.run(async () => {
      asked += 1;
      return 'answer';
    });
  const fail = () =>
    health.run(async () => {
      asked += 1;
      throw new Error('away');
    });
  return { health, time, logged, succeed, fail, asked: () => asked };
}

test('a store that answers is well and its answers pass through', async () => {
  const { health, succeed, logged } = start();
  assert.equal(await succeed(), 'answer');
  assert.deepEqual([health.current(), logged], [{ state: 'ok' }, []]);
});

test('from the first failure to the next answer the store is degraded, said once each', async () => {
  const { health, time, fail, succeed, logged } = start();
  await assert.rejects(fail(), /away/);
  time.now += 700;
  await assert.rejects(fail(), /away/);
  assert.deepEqual(health.current(), { state: 'degraded', since: 1_000_000 });
  await succeed();
  assert.deepEqual(health.current(), { state: 'ok' });
  assert.deepEqual(logged, ['the quota store does not answer', 'the quota store answers again']);
});

test('after three failures in a row nobody waits for the store for a second, then one tries', async () => {
  const { time, fail, asked } = start();
  for (let count = 0; count < 3; count++) await assert.rejects(fail(), /away/);
  await assert.rejects(fail(), /left alone/);
  assert.equal(asked(), 3);
  time.now += 1_000;
  const tries = await Promise.allSettled([fail(), fail(), fail()]);
  assert.equal(asked(), 4);
  assert.deepEqual(
    tries.map((each) => each.status === 'rejected' && each.reason.message),
    ['away', ...Array(2).fill('the quota store is left alone after repeated failures')],
  );
});

test('the first answer after a pause ends it for all', async () => {
  const { time, fail, succeed } = start();
  for (let count = 0; count < 3; count++) await assert.rejects(fail(), /away/);
  time.now += 1_000;
  await succeed();
  assert.equal(await succeed(), 'answer');
});

test('failures with answers between them do not add up', async () => {
  const { fail, succeed } = start();
  for (let count = 0; count < 10; count++) {
    await assert.rejects(fail(), /away/);
    await assert.rejects(fail(), /away/);
    assert.equal(await succeed(), 'answer');
  }
});
