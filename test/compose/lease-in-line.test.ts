/** Quota and line together: what a request holds is held for as long as it waits. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { GatewayError } from '../../src/errors.ts';
import { createQuota } from '../../src/quota/quota.ts';
import { createSqliteStore } from '../../src/quota/sqlite-store.ts';
import { fitsModel } from '../../src/routing/match-model.ts';
import type { Principal } from '../../src/types.ts';
import { createAdmission, type Gate } from '../../src/upstream/admission.ts';
import { createFakeTime } from '../quota/fake-time.ts';
import { demandOf, peekMain, termsOf } from '../quota/plain-terms.ts';

const NOON = Date.UTC(2026, 10, 22, 12);
const LEASE_MS = 3000;
const ana: Principal = { subject: 'a'.repeat(64), user: 'ana', tier: 'free' };
const one = termsOf({ limit: 1 });
const guest = { user: 'ana', weight: 1, isBackground: () => false };
const stays = new AbortController().signal;

test('who waits in line for twenty leases still holds their only request, and is charged once', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-lease-'));
  const time = createFakeTime(NOON);
  const store = createSqliteStore({ file: join(folder, 'quota.db'), clock: time.clock });
  const quota = createQuota({
    store,
    timeZone: 'UTC',
    clock: time.clock,
    matches: fitsModel,
    onStoreFailure: () => 'deny',
    timers: time.timers,
    leaseMs: LEASE_MS,
  });
  const line = createAdmission(time.timers.after);
  const gate: Gate = { places: () => 1, maxWaiting: 10, patienceMs: 1_000_000 };
  const counts = async () => {
    const { used, pending } = await peekMain(quota, ana, one);
    return { used, pending };
  };
  try {
    const leave = await line.enter('vllm', gate, { ...guest, user: 'bob' }, stays);
    const reservation = await quota.reserve(ana, one, demandOf('waits'));
    const entering = line.enter('vllm', gate, guest, stays);

    for (let lease = 0; lease < 20; lease++) {
      await time.pass(LEASE_MS);
      assert.deepEqual(await counts(), { used: 0, pending: 1 }, `after ${lease + 1} leases`);
      await assert.rejects(
        quota.reserve(ana, one, demandOf(`second-${lease}`)),
        (error) => error instanceof GatewayError && error.message.includes('1 of them still running'),
      );
    }
    leave();
    const leaveToo = await entering;
    await reservation.commit();
    await reservation.settle({ ending: 'completed', usage: null });
    leaveToo();
    await time.pass(2 * LEASE_MS);
    assert.deepEqual(await counts(), { used: 1, pending: 0 });
  } finally {
    await quota.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
