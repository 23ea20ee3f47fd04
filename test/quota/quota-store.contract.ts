/**
 * What every quota store does, run by each of them. No clock is passed: a lease of 0 has ended at once, and which
 * window counts follows from the ends that a test gives them.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Entry, Hold, QuotaStore } from '../../src/quota/store.ts';
import type { Windows } from '../../src/quota/windows.ts';
import { createMemoryStore } from './memory-store.ts';

const HOUR = 3_600_000;
const LONG = 90_000;

let subjects = 0;

/** A subject nobody has used; hashes look like this. */
function newSubject(): string {
  subjects += 1;
  return `${subjects}`.padStart(64, 'a');
}

/** Windows of which `current` counts, or has just ended. */
function windowsThat(state: 'run' | 'ended'): Windows {
  const endsAt = Date.now() + (state === 'run' ? HOUR : -1);
  return {
    current: { id: '2026-11-22', endsAt },
    next: { id: '2026-11-23', endsAt: endsAt + 24 * HOUR },
  };
}

const windows = windowsThat('run');

function hold(subject: string, requestId: string, changed: Partial<Hold> = {}): Hold {
  return { subject, requestId, windows, limit: 10, lease: LONG, ...changed };
}

function entry(subject: string, requestId: string, window = windows.current): Entry {
  return { subject, requestId, window };
}

/** @param open gives a store; the suite never closes it */
export function quotaStoreContract(name: string, open: () => QuotaStore): void {
  const at = (what: string) => `${name}: ${what}`;

  async function counts(subject: string): Promise<{ used: number; pending: number }> {
    const { used, pending } = await open().peek(subject, windows);
    return { used, pending };
  }

  test(at('an unknown subject has used nothing'), async () => {
    assert.deepEqual(await open().peek(newSubject(), windows), {
      window: windows.current,
      used: 0,
      pending: 0,
    });
  });

  test(at('a request is pending once reserved and used once committed'), async () => {
    const subject = newSubject();
    const verdict = await open().reserve(hold(subject, 'r1'));
    assert.deepEqual(verdict, { admitted: true, tally: { window: windows.current, used: 0, pending: 1 } });
    assert.deepEqual(await open().commit(entry(subject, 'r1')), {
      window: windows.current,
      used: 1,
      pending: 0,
    });
    assert.deepEqual(await counts(subject), { used: 1, pending: 0 });
  });

  test(at('held and charged requests both count against the limit'), async () => {
    const subject = newSubject();
    await open().reserve(hold(subject, 'r1', { limit: 2 }));
    await open().commit(entry(subject, 'r1'));
    await open().reserve(hold(subject, 'r2', { limit: 2 }));
    const refused = await open().reserve(hold(subject, 'r3', { limit: 2 }));
    assert.deepEqual(refused, { admitted: false, tally: { window: windows.current, used: 1, pending: 1 } });
    assert.deepEqual(await counts(subject), { used: 1, pending: 1 }, 'a refusal leaves no trace');
  });

  test(at('a limit of 0 admits nobody and no limit admits everybody'), async () => {
    const subject = newSubject();
    assert.equal((await open().reserve(hold(subject, 'r1', { limit: 0 }))).admitted, false);
    for (let count = 1; count <= 30; count++) {
      const { admitted, tally } = await open().reserve(hold(subject, `u${count}`, { limit: null }));
      assert.deepEqual([admitted, tally.pending], [true, count]);
    }
  });

  test(at('a raised limit counts with the next request, a lowered one refuses it'), async () => {
    const subject = newSubject();
    await open().reserve(hold(subject, 'r1', { limit: 1 }));
    assert.equal((await open().reserve(hold(subject, 'r2', { limit: 1 }))).admitted, false);
    assert.equal((await open().reserve(hold(subject, 'r2', { limit: 5 }))).admitted, true);
    assert.equal((await open().reserve(hold(subject, 'r3', { limit: 1 }))).admitted, false);
  });

  test(at('a reservation repeated is the same reservation, also at the limit'), async () => {
    const subject = newSubject();
    const first = await open().reserve(hold(subject, 'r1', { limit: 1 }));
    assert.deepEqual(await open().reserve(hold(subject, 'r1', { limit: 1 })), first);
    await open().commit(entry(subject, 'r1'));
    const again = await open().reserve(hold(subject, 'r1', { limit: 1 }));
    assert.deepEqual(again, { admitted: true, tally: { window: windows.current, used: 1, pending: 0 } });
  });

  test(at('a commit repeated charges once'), async () => {
    const subject = newSubject();
    await open().reserve(hold(subject, 'r1'));
    for (let count = 0; count < 3; count++) await open().commit(entry(subject, 'r1'));
    assert.deepEqual(await counts(subject), { used: 1, pending: 0 });
  });

  test(at('a commit of an unknown request charges it'), async () => {
    const subject = newSubject();
    await open().commit(entry(subject, 'never-reserved'));
    assert.deepEqual(await counts(subject), { used: 1, pending: 0 });
  });

  test(at('a release before the charge leaves nothing'), async () => {
    const subject = newSubject();
    await open().reserve(hold(subject, 'r1', { limit: 1 }));
    assert.deepEqual(await open().release(entry(subject, 'r1')), {
      window: windows.current,
      used: 0,
      pending: 0,
    });
    assert.equal((await open().reserve(hold(subject, 'r2', { limit: 1 }))).admitted, true);
  });

  test(at('a release after the charge gives it back once'), async () => {
    const subject = newSubject();
    for (const request of ['r1', 'r2', 'r3']) {
      await open().reserve(hold(subject, request));
      await open().commit(entry(subject, request));
    }
    for (let count = 0; count < 3; count++) await open().release(entry(subject, 'r2'));
    assert.deepEqual(await counts(subject), { used: 2, pending: 0 });
  });

  test(at('a release of an unknown request changes nothing'), async () => {
    const subject = newSubject();
    await open().commit(entry(subject, 'r1'));
    await open().release(entry(subject, 'never-reserved'));
    assert.deepEqual(await counts(subject), { used: 1, pending: 0 });
  });

  test(at('a commit that comes after the release does not undo it'), async () => {
    const subject = newSubject();
    await open().reserve(hold(subject, 'r1'));
    await open().release(entry(subject, 'r1'));
    await open().commit(entry(subject, 'r1'));
    assert.deepEqual(await counts(subject), { used: 0, pending: 0 });
  });

  test(at('a released request can be reserved and charged anew, within the limit'), async () => {
    const subject = newSubject();
    await open().reserve(hold(subject, 'r1', { limit: 1 }));
    await open().release(entry(subject, 'r1'));
    await open().reserve(hold(subject, 'r2', { limit: 1 }));
    assert.equal((await open().reserve(hold(subject, 'r1', { limit: 1 }))).admitted, false);
    await open().release(entry(subject, 'r2'));
    assert.equal((await open().reserve(hold(subject, 'r1', { limit: 1 }))).admitted, true);
    await open().commit(entry(subject, 'r1'));
    assert.deepEqual(await counts(subject), { used: 1, pending: 0 });
  });

  test(at('a lease that ended frees its place and is charged all the same when committed'), async () => {
    const subject = newSubject();
    await open().reserve(hold(subject, 'r1', { limit: 1, lease: 0 }));
    assert.deepEqual(await counts(subject), { used: 0, pending: 0 });
    assert.equal((await open().reserve(hold(subject, 'r2', { limit: 1 }))).admitted, true);
    await open().commit(entry(subject, 'r1'));
    assert.deepEqual(await counts(subject), { used: 1, pending: 1 });
  });

  test(at('renewing moves the end of a lease and revives none'), async () => {
    const subject = newSubject();
    await open().reserve(hold(subject, 'r1'));
    assert.equal(await open().renew(entry(subject, 'r1'), LONG), true);
    assert.deepEqual(await counts(subject), { used: 0, pending: 1 });
    assert.equal(await open().renew(entry(subject, 'r1'), 0), true);
    assert.deepEqual(await counts(subject), { used: 0, pending: 0 });
    assert.equal(await open().renew(entry(subject, 'r1'), LONG), false);
    assert.equal(await open().renew(entry(subject, 'never-reserved'), LONG), false);
    assert.deepEqual(await counts(subject), { used: 0, pending: 0 });
  });

  test(at('renewing after the charge or the release brings no hold back'), async () => {
    const subject = newSubject();
    await open().reserve(hold(subject, 'r1'));
    await open().commit(entry(subject, 'r1'));
    await open().reserve(hold(subject, 'r2'));
    await open().release(entry(subject, 'r2'));
    assert.equal(await open().renew(entry(subject, 'r1'), LONG), false);
    assert.equal(await open().renew(entry(subject, 'r2'), LONG), false);
    assert.deepEqual(await counts(subject), { used: 1, pending: 0 });
  });

  test(at('the store, not the caller, knows that the day is over'), async () => {
    const subject = newSubject();
    const ended = windowsThat('ended');
    const { admitted, tally } = await open().reserve(hold(subject, 'r1', { windows: ended }));
    assert.deepEqual([admitted, tally], [true, { window: ended.next, used: 0, pending: 1 }]);
    assert.equal((await open().peek(subject, ended)).window.id, ended.next.id);
  });

  test(at('a full day does not refuse the next one, and charges stay with their day'), async () => {
    const subject = newSubject();
    const ended = windowsThat('ended');
    await open().reserve(hold(subject, 'r1', { limit: 1 }));
    assert.equal((await open().reserve(hold(subject, 'r2', { limit: 1 }))).admitted, false);
    assert.equal((await open().reserve(hold(subject, 'r2', { limit: 1, windows: ended }))).admitted, true);
    await open().commit(entry(subject, 'r1'));
    assert.deepEqual(await counts(subject), { used: 1, pending: 0 });
    assert.deepEqual(await open().peek(subject, ended), { window: ended.next, used: 0, pending: 1 });
  });

  test(at('a reservation repeated after midnight stays in the day it was made in'), async () => {
    const subject = newSubject();
    await open().reserve(hold(subject, 'r1'));
    const ended = windowsThat('ended');
    const again = await open().reserve(hold(subject, 'r1', { windows: ended }));
    assert.deepEqual([again.tally.window.id, again.tally.pending], [ended.current.id, 1]);
    assert.equal((await open().peek(subject, ended)).pending, 0);
  });

  test(at('subjects do not touch each other'), async () => {
    const [one, other] = [newSubject(), newSubject()];
    await open().reserve(hold(one, 'same-id', { limit: 1 }));
    assert.equal((await open().reserve(hold(other, 'same-id', { limit: 1 }))).admitted, true);
    await open().commit(entry(one, 'same-id'));
    assert.deepEqual(await counts(other), { used: 0, pending: 1 });
  });

  test(at('200 at once are admitted exactly up to the limit'), async () => {
    const subject = newSubject();
    const verdicts = await Promise.all(
      Array.from({ length: 200 }, (_, index) => open().reserve(hold(subject, `r${index}`))),
    );
    assert.equal(verdicts.filter((verdict) => verdict.admitted).length, 10);
    assert.deepEqual(await counts(subject), { used: 0, pending: 10 });
  });

  test(at('it answers a ping'), () => open().ping());

  test(at('any run of steps leaves what the model says'), async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 1, maxLength: 60 }), async (steps) => {
        const names = [newSubject(), newSubject()];
        const model = createMemoryStore(Date.now);
        for (const step of steps) {
          const subject = names[step.subject] ?? '';
          const [expected, answer] = [await play(model, step, subject), await play(open(), step, subject)];
          assert.deepEqual(answer, expected, JSON.stringify(step));
        }
      }),
      { numRuns: 150 },
    );
  });
}

const DAYS = { today: windowsThat('run'), tomorrow: windowsThat('ended') };

const anyStep = fc.record({
  step: fc.constantFrom('reserve', 'reserve', 'renew', 'commit', 'release', 'peek'),
  subject: fc.constantFrom(0, 1),
  requestId: fc.constantFrom('r1', 'r2', 'r3', 'r4'),
  limit: fc.constantFrom(0, 1, 2, 3, null),
  // Either ended at once or not before the test has: nothing here depends on how fast the machine is.
  lease: fc.constantFrom(0, LONG, LONG),
  // The pair as it looks before midnight, and after it.
  day: fc.constantFrom('today', 'today', 'tomorrow'),
  window: fc.constantFrom('current', 'current', 'next'),
});

type Step = typeof anyStep extends fc.Arbitrary<infer S> ? S : never;

async function play(store: QuotaStore, step: Step, subject: string): Promise<unknown> {
  const { requestId, limit, lease } = step;
  const pair = DAYS[step.day as keyof typeof DAYS];
  const known = { subject, requestId, window: pair[step.window as 'current' | 'next'] };
  if (step.step === 'reserve') return store.reserve({ subject, requestId, windows: pair, limit, lease });
  if (step.step === 'renew') return store.renew(known, lease);
  if (step.step === 'commit') return store.commit(known);
  if (step.step === 'release') return store.release(known);
  return store.peek(subject, pair);
}
