import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createReservation, isCharged } from '../../src/quota/reservation.ts';
import type { Outcome } from '../../src/types.ts';
import { allowanceOf } from './plain-terms.ts';

const standings = [{ allowance: allowanceOf(), limit: 10, used: 3, pending: 1, remaining: 6, resetsAt: 0 }];
const endings: readonly [name: string, outcome: Outcome, charged: boolean][] = [
  ['a whole answer', { ending: 'completed', usage: null }, true],
  ['a client that left after content', { ending: 'client-left', contentSent: true, usage: null }, true],
  ['a client that left before any', { ending: 'client-left', contentSent: false, usage: null }, false],
  ['a backend that failed', { ending: 'backend-failed', usage: null }, false],
  ['a request that was refused', { ending: 'refused' }, false],
];

function reserve() {
  const steps: string[] = [];
  const reservation = createReservation(
    { standings, exhausted: [] },
    {
      finish: null,
      runsOn: false,
      commit: async () => void steps.push('commit'),
      release: async () => void steps.push('release'),
      keepHeld: () => {
        steps.push('hold');
        return () => void steps.push('let go');
      },
    },
  );
  return { reservation, steps };
}

for (const [name, outcome, charged] of endings) {
  test(`${name} ${charged ? 'is charged' : 'is not charged'}`, async () => {
    assert.equal(isCharged(outcome), charged);
    const { reservation, steps } = reserve();
    await reservation.settle(outcome);
    assert.deepEqual(steps, ['hold', 'let go', charged ? 'commit' : 'release']);
  });

  test(`${name} ${charged ? 'stays charged' : 'gives the charge back'} once it was committed`, async () => {
    const { reservation, steps } = reserve();
    await reservation.commit();
    await reservation.settle(outcome);
    const done = steps.filter((step) => step === 'commit' || step === 'release');
    assert.deepEqual(done, charged ? ['commit'] : ['commit', 'release']);
  });
}

test('whatever is called how often, the first settlement decides and no step is taken twice', async () => {
  const calls = fc.array(fc.constantFrom<'commit' | Outcome>('commit', ...endings.map((each) => each[1])));
  await fc.assert(
    fc.asyncProperty(calls, async (called) => {
      const { reservation, steps } = reserve();
      await Promise.all(
        called.map((call) => (call === 'commit' ? reservation.commit() : reservation.settle(call))),
      );
      const at = called.findIndex((call) => call !== 'commit');
      const first = called[at];
      const committed = called.slice(0, at === -1 ? undefined : at).includes('commit');
      const charged = first !== undefined && first !== 'commit' && isCharged(first);
      const expected = [
        ...(committed || charged ? ['commit'] : []),
        ...(first !== undefined && !charged ? ['release'] : []),
      ];
      assert.deepEqual(
        steps.filter((step) => step === 'commit' || step === 'release'),
        expected,
      );
    }),
  );
});
