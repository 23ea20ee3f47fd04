/** `onStoreFailure: bounded`: what each process grants while the store is away, and that it is charged once. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { GatewayError } from '../../src/errors.ts';
import { openJournalFile } from '../../src/quota/journal-file.ts';
import { createQuota, type Quota } from '../../src/quota/quota.ts';
import { fitsModel } from '../../src/routing/match-model.ts';
import type { Outcome, Principal } from '../../src/types.ts';
import { createFakeTime } from './fake-time.ts';
import { createMemoryStore } from './memory-store.ts';
import { demandOf, peekMain, termsOf } from './plain-terms.ts';

const NOON = Date.UTC(2026, 10, 22, 12);
const ana: Principal = { subject: 'a'.repeat(64), user: 'ana', tier: 'free' };
const ben: Principal = { subject: 'b'.repeat(64), user: 'ben', tier: 'free' };
const ten = termsOf();
const completed: Outcome = { ending: 'completed', usage: null };
const failed: Outcome = { ending: 'backend-failed', usage: null };

/** One store, and processes that come and go, each with a disk of its own. */
function start() {
  const time = createFakeTime(NOON);
  const store = createMemoryStore(time.clock);
  const folders = new Set<string>();
  const outages: string[] = [];
  const newDisk = () => {
    const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-outage-'));
    folders.add(folder);
    return folder;
  };
  function startProcess(disk: string) {
    const file = openJournalFile(disk, time.clock);
    const quota = createQuota({
      store: { ...store, close: async () => undefined },
      timeZone: 'UTC',
      clock: time.clock,
      matches: fitsModel,
      onStoreFailure: () => 'bounded',
      outageGrant: () => 0.2,
      journalFile: file,
      timers: time.timers,
      onOutage: (outcome) => void outages.push(outcome),
    });
    return { quota, kill: () => file.close() };
  }
  return {
    time,
    store,
    outages,
    newDisk,
    startProcess,
    goAway: () => store.breakDown(new Error('away')),
    async comeBack() {
      store.breakDown(null);
      await time.pass(10_000);
    },
    async used(principal = ana) {
      const looking = createQuota({
        store,
        timeZone: 'UTC',
        clock: time.clock,
        matches: fitsModel,
        onStoreFailure: () => 'deny',
      });
      const { used, pending } = await peekMain(looking, principal, ten);
      return [used, pending];
    },
    [Symbol.dispose]() {
      for (const folder of folders) rmSync(folder, { recursive: true, force: true });
    },
  };
}

let requests = 0;

/** Tries so many requests, each ending as told; answers how many were let through. */
async function letThrough(
  quota: Quota,
  count: number,
  outcome = completed,
  principal = ana,
): Promise<number> {
  let passed = 0;
  for (let index = 0; index < count; index++) {
    requests += 1;
    const reservation = await quota
      .reserve(principal, ten, demandOf(`r${requests}`))
      .catch((error: unknown) => {
        assert.ok(error instanceof GatewayError && error.code === 'quota_unavailable', String(error));
        return null;
      });
    if (reservation === null) continue;
    passed += 1;
    if (outcome.ending === 'completed') await reservation.commit();
    await reservation.settle(outcome);
  }
  return passed;
}

test('while the store is away each user is granted a fifth of the limit, and charged for it when it is back', async () => {
  using world = start();
  const { quota } = world.startProcess(world.newDisk());
  world.goAway();
  assert.deepEqual([await letThrough(quota, 5), await letThrough(quota, 5, completed, ben)], [2, 2]);
  assert.equal(quota.health().waiting, 4);
  await world.comeBack();
  assert.deepEqual(
    [await world.used(), await world.used(ben)],
    [
      [2, 0],
      [2, 0],
    ],
  );
  assert.equal(quota.health().waiting, 0);
  assert.deepEqual(world.outages.slice(0, 5), ['granted', 'granted', 'denied', 'denied', 'denied']);
});

test('a second outage of the day grants nothing more, the next day does', async () => {
  using world = start();
  const { quota } = world.startProcess(world.newDisk());
  world.goAway();
  assert.equal(await letThrough(quota, 3), 2);
  await world.comeBack();
  world.goAway();
  assert.equal(await letThrough(quota, 3), 0);
  await world.time.pass(12 * 3_600_000);
  assert.equal(await letThrough(quota, 3), 2);
});

test('two replicas and a restart of one overspend by two grants, all charged, none twice', async () => {
  using world = start();
  const [disk, otherDisk] = [world.newDisk(), world.newDisk()];
  const first = world.startProcess(disk);
  const other = world.startProcess(otherDisk);
  assert.equal(await letThrough(first.quota, 10), 10);
  world.goAway();
  assert.equal(await letThrough(first.quota, 5), 2);
  first.kill();
  const restarted = world.startProcess(disk);
  assert.equal(await letThrough(restarted.quota, 5), 0);
  assert.equal(await letThrough(other.quota, 5), 2);
  await world.comeBack();
  assert.deepEqual(await world.used(), [14, 0]);
  const last = world.startProcess(world.newDisk());
  assert.equal(
    await last.quota.reserve(ana, ten, demandOf('beyond')).catch((error: GatewayError) => error.code),
    'quota_exhausted',
  );
});

test('an answer that the backend failed to give takes nothing of the grant', async () => {
  using world = start();
  const { quota } = world.startProcess(world.newDisk());
  world.goAway();
  assert.equal(await letThrough(quota, 5, failed), 5);
  assert.equal(await letThrough(quota, 5), 2);
  await world.comeBack();
  assert.deepEqual(await world.used(), [2, 0]);
});

test('a request that the store held without saying so is charged once', async () => {
  using world = start();
  const { store } = world;
  const { reserve } = store;
  const { quota } = (() => {
    Object.assign(store, {
      reserve: async (...args: Parameters<typeof reserve>) => {
        await reserve(...args);
        throw new Error('Command timed out');
      },
    });
    return world.startProcess(world.newDisk());
  })();
  assert.equal(await letThrough(quota, 1), 1);
  assert.deepEqual(await world.used(), [1, 0]);
});

test('where the disk cannot be written nothing is granted', async () => {
  using world = start();
  const { quota, kill } = world.startProcess(world.newDisk());
  kill();
  world.goAway();
  assert.equal(await letThrough(quota, 3), 0);
});
