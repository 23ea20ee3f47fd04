/** What a quota remembers of requests that are over keeps their bodies out of memory. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createQuota, type Quota } from '../../src/quota/quota.ts';
import { fitsModel } from '../../src/routing/match-model.ts';
import type { Outcome, Principal } from '../../src/types.ts';
import { createFakeTime } from './fake-time.ts';
import { createMemoryStore } from './memory-store.ts';
import { demandOf, termsOf } from './plain-terms.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const ana: Principal = { subject: 'a'.repeat(64), user: 'ana', tier: 'free' };
const completed: Outcome = { ending: 'completed', usage: null };

/** Plays one request to its end and gives its body, held by nobody but whom it was told to. */
async function play(quota: Quota): Promise<WeakRef<Uint8Array>> {
  const body = new Uint8Array(1_000_000);
  const demand = demandOf('r1', { tokens: () => body.length, isTitle: () => body.length === 0 });
  const reservation = await quota.reserve(ana, termsOf({ unit: 'token', limit: 5_000_000 }), demand);
  await reservation.commit();
  await reservation.settle(completed);
  return new WeakRef(body);
}

function start() {
  const time = createFakeTime(Date.UTC(2026, 10, 22, 12));
  const store = { ...createMemoryStore(time.clock), onReconnect: () => undefined };
  const quota = createQuota({
    store,
    timeZone: 'UTC',
    clock: time.clock,
    matches: fitsModel,
    onStoreFailure: () => 'allow',
    timers: time.timers,
    onStanding: () => undefined,
  });
  return { store, quota };
}

for (const [title, breaks] of [
  ['a settled request is remembered without its body', false],
  ['a request that waits for the store to come back waits without its body', true],
] as const) {
  test(title, async () => {
    const { store, quota } = start();
    if (breaks) store.breakDown(new Error('away'));
    const body = await play(quota);
    await new Promise((resolve) => setImmediate(resolve));
    collectGarbage();
    assert.ok(body.deref() === undefined, 'the body is still in memory');
    assert.equal(quota.health().waiting, breaks ? 1 : 0);
  });
}
