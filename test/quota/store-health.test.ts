import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createStoreHealth, LeftAlone, SILENCE } from '../../src/quota/store-health.ts';
import { createFakeTime } from './fake-time.ts';

const START = 1_000_000;

function start() {
  const time = createFakeTime(START);
  const logged: string[] = [];
  const write = (_: unknown, message: string) => void logged.push(message);
  const seen = { asked: 0, pinged: 0, back: 0, answersPing: false };
  const health = createStoreHealth({
    clock: time.clock,
    after: time.timers.after,
    log: { info: write, warn: write },
    async ping() {
      seen.pinged += 1;
      if (!seen.answersPing) throw new Error('away');
    },
    onBack: () => void seen.back++,
  });
  const run = <T>(answer: () => Promise<T>) =>
    health.run(() => {
      seen.asked += 1;
      return answer();
    });
  const succeed = () => run(async () => 'answer');
  const fail = () => run(() => Promise.reject(new Error('away')));
  return { health, time, logged, seen, run, succeed, fail };
}

const never = () => new Promise<string>(() => undefined);

test('a store that answers is well, its answers pass through and no timer is left', async () => {
  const { health, succeed, logged, time } = start();
  assert.equal(await succeed(), 'answer');
  assert.deepEqual([health.current(), logged, time.waiting()], [{ state: 'ok' }, [], 0]);
});

test('from the first failure to the next answer the store is degraded, said once each', async () => {
  const { health, time, fail, succeed, logged } = start();
  await assert.rejects(fail(), /away/);
  await time.pass(400);
  await assert.rejects(fail(), /away/);
  assert.deepEqual(health.current(), { state: 'degraded', since: START });
  await succeed();
  assert.deepEqual(health.current(), { state: 'ok' });
  assert.deepEqual(logged, ['the quota store does not answer', 'the quota store answers again']);
  assert.equal(time.waiting(), 0);
});

test('after three failures in a row requests do not ask, and a question in the background finds it back', async () => {
  const { time, fail, succeed, seen } = start();
  for (let count = 0; count < 3; count++) await assert.rejects(fail(), /away/);
  await assert.rejects(fail(), LeftAlone);
  assert.equal(seen.asked, 3);
  await time.pass(5_000);
  await assert.rejects(fail(), LeftAlone);
  assert.deepEqual([seen.asked, seen.pinged, seen.back], [3, 10, 0]);
  seen.answersPing = true;
  await time.pass(500);
  assert.equal(await succeed(), 'answer');
  assert.deepEqual([seen.back, time.waiting()], [1, 0]);
});

test('a store from which nothing comes costs one request a tenth of a second, and the next ones nothing', async () => {
  const { time, run, seen, health } = start();
  const first = run(never).catch((error: Error) => error.message);
  await time.pass(SILENCE + 1);
  assert.equal(await first, 'nothing came from it for 90 ms');
  await assert.rejects(run(never), LeftAlone);
  assert.equal(seen.asked, 1);
  assert.deepEqual(health.current(), { state: 'degraded', since: START + SILENCE + 1 });
});

test('a step that takes long while others are answered is waited for', async () => {
  const { time, run, succeed } = start();
  const { promise, resolve } = Promise.withResolvers<string>();
  const slow = run(() => promise);
  for (let count = 0; count < 8; count++) {
    await time.pass(SILENCE - 10);
    await succeed();
  }
  resolve('late');
  assert.equal(await slow, 'late');
  assert.equal(time.waiting(), 0);
});

test('a step is waited for again after the others have been answered', async () => {
  const { time, run, succeed } = start();
  const slow = run(never).catch((error: Error) => error.message);
  await time.pass(SILENCE - 10);
  await succeed();
  await time.pass(SILENCE - 1);
  assert.equal(await Promise.race([slow, time.settle()]), undefined);
  await time.pass(2);
  assert.match((await slow) ?? '', /nothing came/);
});

test('failures with answers between them do not add up', async () => {
  const { fail, succeed } = start();
  for (let count = 0; count < 10; count++) {
    await assert.rejects(fail(), /away/);
    await assert.rejects(fail(), /away/);
    assert.equal(await succeed(), 'answer');
  }
});

test('once closed it asks no more', async () => {
  const { fail, health, time, seen } = start();
  await assert.rejects(fail(), /away/);
  health.close();
  await time.pass(60_000);
  assert.deepEqual([seen.pinged, time.waiting()], [0, 0]);
});
