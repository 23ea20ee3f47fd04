/**
 * What every quota store does, run by each of them. No clock is passed: a lease of 0 has ended at once, and which
 * window counts follows from the ends that a test gives them.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Claim, Entry, Hold, QuotaStore, Tally } from '../../src/quota/store.ts';
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

type Changed = Partial<Hold> & Partial<Pick<Claim, 'lease' | 'turn' | 'concurrency'>>;

const PLAIN: Hold = { windows, limit: 10, amount: 1, needs: 1, perTurn: false, overdraft: 0 };

/** A request that draws on one count. */
function hold(subject: string, requestId: string, changed: Changed = {}): Claim {
  const { lease = LONG, turn = null, concurrency = null, ...rest } = changed;
  return { subject, requestId, lease, turn, concurrency, holds: [{ ...PLAIN, ...rest }] };
}

function entry(subject: string, requestId: string, changed: Partial<Entry> = {}): Entry {
  const charges = [{ window: windows.current, amount: 1 }];
  return { subject, requestId, charges, session: null, tokens: 0, running: false, ...changed };
}

/** @param open gives a store; the suite never closes it */
export function quotaStoreContract(name: string, open: () => QuotaStore): void {
  const at = (what: string) => `${name}: ${what}`;

  async function counts(subject: string): Promise<{ used: number; pending: number }> {
    const { used, pending } = await peek(subject, windows);
    return { used, pending };
  }

  async function peek(subject: string, pair: Windows): Promise<Tally> {
    const [tally] = await open().peek(subject, [pair]);
    assert.ok(tally !== undefined);
    return tally;
  }

  async function reserve(claim: Claim): Promise<{ admitted: boolean; tally: Tally }> {
    const { admitted, tallies, refusedBy } = await open().reserve(claim);
    assert.equal(admitted, refusedBy === null);
    const [tally] = tallies;
    assert.ok(tally !== undefined);
    return { admitted, tally };
  }

  test(at('an unknown subject has used nothing'), async () => {
    assert.deepEqual(await peek(newSubject(), windows), {
      window: windows.current,
      used: 0,
      pending: 0,
      extra: 0,
    });
  });

  test(at('a request is pending once reserved and used once committed'), async () => {
    const subject = newSubject();
    const verdict = await reserve(hold(subject, 'r1'));
    assert.deepEqual(verdict, {
      admitted: true,
      tally: { window: windows.current, used: 0, pending: 1, extra: 0 },
    });
    assert.deepEqual(await open().commit(entry(subject, 'r1')), [1]);
    assert.deepEqual(await counts(subject), { used: 1, pending: 0 });
  });

  test(at('held and charged requests both count against the limit'), async () => {
    const subject = newSubject();
    await reserve(hold(subject, 'r1', { limit: 2 }));
    await open().commit(entry(subject, 'r1'));
    await reserve(hold(subject, 'r2', { limit: 2 }));
    const refused = await reserve(hold(subject, 'r3', { limit: 2 }));
    assert.deepEqual(refused, {
      admitted: false,
      tally: { window: windows.current, used: 1, pending: 1, extra: 0 },
    });
    assert.deepEqual(await counts(subject), { used: 1, pending: 1 }, 'a refusal leaves no trace');
  });

  test(at('a limit of 0 admits nobody and no limit admits everybody'), async () => {
    const subject = newSubject();
    assert.equal((await reserve(hold(subject, 'r1', { limit: 0 }))).admitted, false);
    for (let count = 1; count <= 30; count++) {
      const { admitted, tally } = await reserve(hold(subject, `u${count}`, { limit: null }));
      assert.deepEqual([admitted, tally.pending], [true, count]);
    }
  });

  test(at('a raised limit counts with the next request, a lowered one refuses it'), async () => {
    const subject = newSubject();
    await reserve(hold(subject, 'r1', { limit: 1 }));
    assert.equal((await reserve(hold(subject, 'r2', { limit: 1 }))).admitted, false);
    assert.equal((await reserve(hold(subject, 'r2', { limit: 5 }))).admitted, true);
    assert.equal((await reserve(hold(subject, 'r3', { limit: 1 }))).admitted, false);
  });

  test(
    at(
      'what is given beyond a limit counts with the next request, once however often it is told, until the window ends',
    ),
    async () => {
      const subject = newSubject();
      const store = open();
      const give = (requestId: string, extra: number) => store.grant({ subject, requestId, windows, extra });
      assert.equal((await reserve(hold(subject, 'r1', { limit: 0 }))).admitted, false);
      assert.deepEqual([await give('g1', 2), await give('g1', 2)], [2, 2]);
      const { admitted, tally } = await reserve(hold(subject, 'r2', { limit: 0 }));
      assert.deepEqual([admitted, tally.extra, tally.pending], [true, 2, 1]);
      assert.equal(await give('g2', -1), 1);
      assert.equal((await reserve(hold(subject, 'r3', { limit: 0 }))).admitted, false);
      assert.deepEqual(
        [await give('g3', -5), await give('g4', 3)],
        [0, 3],
        'less than nothing is not taken back',
      );
      assert.deepEqual(await peek(subject, windows), {
        window: windows.current,
        used: 0,
        pending: 1,
        extra: 3,
      });
      const tomorrow = { current: { ...windows.current, endsAt: Date.now() - 1 }, next: windows.next };
      assert.equal((await peek(subject, tomorrow)).extra, 0);
    },
  );

  test(at('a reservation repeated is the same reservation, also at the limit'), async () => {
    const subject = newSubject();
    const first = await reserve(hold(subject, 'r1', { limit: 1 }));
    assert.deepEqual(await reserve(hold(subject, 'r1', { limit: 1 })), first);
    await open().commit(entry(subject, 'r1'));
    const again = await reserve(hold(subject, 'r1', { limit: 1 }));
    assert.deepEqual(again, {
      admitted: true,
      tally: { window: windows.current, used: 1, pending: 0, extra: 0 },
    });
  });

  test(at('a commit repeated charges once'), async () => {
    const subject = newSubject();
    await reserve(hold(subject, 'r1'));
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
    await reserve(hold(subject, 'r1', { limit: 1 }));
    assert.deepEqual(await open().release(entry(subject, 'r1')), [0]);
    assert.equal((await reserve(hold(subject, 'r2', { limit: 1 }))).admitted, true);
  });

  test(at('a release after the charge gives it back once'), async () => {
    const subject = newSubject();
    for (const request of ['r1', 'r2', 'r3']) {
      await reserve(hold(subject, request));
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
    await reserve(hold(subject, 'r1'));
    await open().release(entry(subject, 'r1'));
    await open().commit(entry(subject, 'r1'));
    assert.deepEqual(await counts(subject), { used: 0, pending: 0 });
  });

  test(at('a released request can be reserved and charged anew, within the limit'), async () => {
    const subject = newSubject();
    await reserve(hold(subject, 'r1', { limit: 1 }));
    await open().release(entry(subject, 'r1'));
    await reserve(hold(subject, 'r2', { limit: 1 }));
    assert.equal((await reserve(hold(subject, 'r1', { limit: 1 }))).admitted, false);
    await open().release(entry(subject, 'r2'));
    assert.equal((await reserve(hold(subject, 'r1', { limit: 1 }))).admitted, true);
    await open().commit(entry(subject, 'r1'));
    assert.deepEqual(await counts(subject), { used: 1, pending: 0 });
  });

  test(at('a lease that ended frees its place and is charged all the same when committed'), async () => {
    const subject = newSubject();
    await reserve(hold(subject, 'r1', { limit: 1, lease: 0 }));
    assert.deepEqual(await counts(subject), { used: 0, pending: 0 });
    assert.equal((await reserve(hold(subject, 'r2', { limit: 1 }))).admitted, true);
    await open().commit(entry(subject, 'r1'));
    assert.deepEqual(await counts(subject), { used: 1, pending: 1 });
  });

  test(at('renewing moves the end of a lease and revives none'), async () => {
    const subject = newSubject();
    await reserve(hold(subject, 'r1'));
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
    await reserve(hold(subject, 'r1'));
    await open().commit(entry(subject, 'r1'));
    await reserve(hold(subject, 'r2'));
    await open().release(entry(subject, 'r2'));
    assert.equal(await open().renew(entry(subject, 'r1'), LONG), false);
    assert.equal(await open().renew(entry(subject, 'r2'), LONG), false);
    assert.deepEqual(await counts(subject), { used: 1, pending: 0 });
  });

  test(at('the store, not the caller, knows that the day is over'), async () => {
    const subject = newSubject();
    const ended = windowsThat('ended');
    const { admitted, tally } = await reserve(hold(subject, 'r1', { windows: ended }));
    assert.deepEqual([admitted, tally], [true, { window: ended.next, used: 0, pending: 1, extra: 0 }]);
    assert.equal((await peek(subject, ended)).window.id, ended.next.id);
  });

  test(at('a full day does not refuse the next one, and charges stay with their day'), async () => {
    const subject = newSubject();
    const ended = windowsThat('ended');
    await reserve(hold(subject, 'r1', { limit: 1 }));
    assert.equal((await reserve(hold(subject, 'r2', { limit: 1 }))).admitted, false);
    assert.equal((await reserve(hold(subject, 'r2', { limit: 1, windows: ended }))).admitted, true);
    await open().commit(entry(subject, 'r1'));
    assert.deepEqual(await counts(subject), { used: 1, pending: 0 });
    assert.deepEqual(await peek(subject, ended), { window: ended.next, used: 0, pending: 1, extra: 0 });
  });

  test(at('a reservation repeated after midnight stays in the day it was made in'), async () => {
    const subject = newSubject();
    await reserve(hold(subject, 'r1'));
    const ended = windowsThat('ended');
    const again = await reserve(hold(subject, 'r1', { windows: ended }));
    assert.deepEqual([again.tally.window.id, again.tally.pending], [ended.current.id, 1]);
    assert.equal((await peek(subject, ended)).pending, 0);
  });

  test(at('subjects do not touch each other'), async () => {
    const [one, other] = [newSubject(), newSubject()];
    await reserve(hold(one, 'same-id', { limit: 1 }));
    assert.equal((await reserve(hold(other, 'same-id', { limit: 1 }))).admitted, true);
    await open().commit(entry(one, 'same-id'));
    assert.deepEqual(await counts(other), { used: 0, pending: 1 });
  });

  test(at('200 at once are admitted exactly up to the limit'), async () => {
    const subject = newSubject();
    const verdicts = await Promise.all(
      Array.from({ length: 200 }, (_, index) => reserve(hold(subject, `r${index}`))),
    );
    assert.equal(verdicts.filter((verdict) => verdict.admitted).length, 10);
    assert.deepEqual(await counts(subject), { used: 0, pending: 10 });
  });

  test(at('a request draws on all of its counts or on none'), async () => {
    const subject = newSubject();
    const claim = (requestId: string, limits: readonly number[]): Claim => ({
      ...hold(subject, requestId),
      holds: limits.map((limit, index) => ({ ...PLAIN, windows: countNamed(`c${index}`), limit })),
    });
    assert.equal((await open().reserve(claim('r1', [5, 5, 1]))).refusedBy, null);
    const refused = await open().reserve(claim('r2', [5, 5, 1]));
    assert.deepEqual([refused.admitted, refused.refusedBy], [false, 2]);
    assert.deepEqual(
      (
        await open().peek(
          subject,
          [0, 1, 2].map((index) => countNamed(`c${index}`)),
        )
      ).map(({ pending }) => pending),
      [1, 1, 1],
    );
  });

  test(at('a request may take more than one, and needs all of it'), async () => {
    const subject = newSubject();
    assert.equal((await reserve(hold(subject, 'r1', { amount: 5, needs: 5 }))).tally.pending, 5);
    assert.equal((await reserve(hold(subject, 'r2', { amount: 6, needs: 6 }))).admitted, false);
    assert.equal((await reserve(hold(subject, 'r3', { amount: 5, needs: 5 }))).tally.pending, 10);
    assert.equal((await reserve(hold(subject, 'r4', { amount: 0, needs: 0 }))).admitted, true);
  });

  test(at('what is estimated needs a place of 1 and is corrected once it is known'), async () => {
    const subject = newSubject();
    const tokens = { limit: 1_000, amount: 800, needs: 1 };
    const exactly = (amount: number) => ({ charges: [{ window: windows.current, amount }] });
    await reserve(hold(subject, 'r1', tokens));
    assert.equal((await reserve(hold(subject, 'r2', tokens))).tally.pending, 1_600);
    assert.equal((await reserve(hold(subject, 'r3', tokens))).admitted, false);
    for (const amount of [800, 1_234, 1_234, 90])
      assert.deepEqual(await open().commit(entry(subject, 'r1', exactly(amount))), [amount]);
    assert.deepEqual(await counts(subject), { used: 90, pending: 800 });
    assert.deepEqual(await open().release(entry(subject, 'r1', exactly(5))), [0]);
  });

  test(at('a turn is charged to the request that opened it, the others of it are free'), async () => {
    const subject = newSubject();
    const turn = { session: 's', prompt: 'p1', most: MANY };
    const ask = (requestId: string, prompt: string | null) =>
      open().reserve(hold(subject, requestId, { limit: 1, perTurn: true, turn: { ...turn, prompt } }));
    assert.deepEqual((await ask('r1', 'p1')).amounts, [1]);
    assert.deepEqual((await ask('r2', null)).amounts, [0], 'a tool result goes on with the turn');
    assert.deepEqual((await ask('r3', 'p1')).amounts, [0], 'the same prompt again is no other turn');
    assert.equal((await ask('r4', 'p2')).admitted, false, 'another prompt is another turn');
    await open().commit(entry(subject, 'r1', { session: 's' }));
    assert.deepEqual((await ask('r5', null)).amounts, [0]);
    assert.deepEqual(await counts(subject), { used: 1, pending: 0 });
  });

  test(at('a turn whose first request is given back is charged to the next one'), async () => {
    const subject = newSubject();
    const claim = (requestId: string) =>
      hold(subject, requestId, { limit: 1, perTurn: true, turn: { session: 's', prompt: 'p', most: MANY } });
    await open().reserve(claim('r1'));
    await open().commit(entry(subject, 'r1', { session: 's' }));
    await open().release(entry(subject, 'r1', { session: 's' }));
    assert.deepEqual((await open().reserve(claim('r2'))).amounts, [1]);
    await open().commit(entry(subject, 'r2', { session: 's' }));
    assert.deepEqual(await counts(subject), { used: 1, pending: 0 });
  });

  for (const [what, most] of [
    ['requests', { ...MANY, requests: 2 }],
    ['tokens', { ...MANY, tokens: 100 }],
    ['time', { ...MANY, milliseconds: 0 }],
  ] as const) {
    test(at(`a turn that had its fill of ${what} is followed by another`), async () => {
      const subject = newSubject();
      const ask = (requestId: string) =>
        open().reserve(
          hold(subject, requestId, { perTurn: true, turn: { session: 's', prompt: 'p', most } }),
        );
      const amounts: (number | undefined)[] = [];
      for (const requestId of ['r1', 'r2', 'r3']) {
        amounts.push((await ask(requestId)).amounts[0]);
        await open().commit(
          entry(subject, requestId, {
            charges: [{ window: windows.current, amount: amounts.at(-1) ?? 0 }],
            session: 's',
            tokens: 60,
          }),
        );
      }
      assert.deepEqual(amounts, what === 'time' ? [1, 1, 1] : [1, 0, 1]);
    });
  }

  test(at('an open turn may go beyond the limit as far as it is told, a new one may not'), async () => {
    const subject = newSubject();
    const ask = async (requestId: string, prompt: string | null) => {
      const turn = { session: 's', prompt, most: MANY };
      return (await reserve(hold(subject, requestId, { limit: 1, overdraft: 2, turn }))).admitted;
    };
    assert.deepEqual(
      [await ask('r1', 'p1'), await ask('r2', 'p2'), await ask('r3', null), await ask('r4', null)],
      [true, false, true, true],
    );
    assert.equal(await ask('r5', null), false);
  });

  test(at('no more run at once than may, until one ends or its lease does'), async () => {
    const subject = newSubject();
    const ask = (requestId: string, lease = LONG) =>
      open().reserve(hold(subject, requestId, { concurrency: 2, lease }));
    await ask('r1');
    await ask('r2');
    assert.equal((await ask('r3')).refusedBy, 'concurrency');
    assert.equal((await ask('r1')).admitted, true, 'the same request takes no second place');
    await open().commit(entry(subject, 'r1', { running: true }));
    assert.equal((await ask('r3')).refusedBy, 'concurrency', 'charged, and its answer still runs');
    assert.equal(await open().renew(entry(subject, 'r1'), LONG), true);
    await open().commit(entry(subject, 'r1'));
    assert.equal((await ask('r3')).admitted, true);
    await open().release(entry(subject, 'r2'));
    assert.equal((await ask('r4', 0)).admitted, true);
    assert.equal((await ask('r5')).admitted, true, 'a lease that ended has freed its place');
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

const MANY = { requests: 1_000, milliseconds: HOUR, tokens: 1_000_000 };

function countNamed(name: string, pair = windows): Windows {
  const { current, next } = pair;
  return {
    current: { ...current, id: `${name}/${current.id}` },
    next: { ...next, id: `${name}/${next.id}` },
  };
}

const DAYS = { today: windowsThat('run'), tomorrow: windowsThat('ended') };
const COUNTS = ['request', 'turn', 'token'] as const;

const anyStep = fc.record({
  step: fc.constantFrom('reserve', 'reserve', 'reserve', 'renew', 'commit', 'release', 'peek'),
  subject: fc.constantFrom(0, 1),
  requestId: fc.constantFrom('r1', 'r2', 'r3', 'r4', 'r5'),
  limit: fc.constantFrom(0, 1, 2, 3, 8, null),
  amount: fc.constantFrom(0, 1, 1, 1, 3),
  needs: fc.constantFrom(1, 1, 3),
  overdraft: fc.constantFrom(0, 0, 2),
  // Either ended at once or not before the test has: nothing here depends on how fast the machine is.
  lease: fc.constantFrom(0, LONG, LONG),
  concurrency: fc.constantFrom(null, null, 1, 2),
  session: fc.constantFrom(null, 's1', 's1', 's2'),
  prompt: fc.constantFrom(null, 'p1', 'p2'),
  mostRequests: fc.constantFrom(1, 2, 1_000),
  mostTokens: fc.constantFrom(50, 1_000),
  tokens: fc.constantFrom(0, 0, 40),
  running: fc.boolean(),
  draws: fc.subarray([...COUNTS], { minLength: 1 }),
  // The pair as it looks before midnight, and after it.
  day: fc.constantFrom('today', 'today', 'tomorrow'),
  window: fc.constantFrom('current', 'current', 'next'),
});

type Step = typeof anyStep extends fc.Arbitrary<infer S> ? S : never;

async function play(store: QuotaStore, step: Step, subject: string): Promise<unknown> {
  const { requestId, lease, session, draws } = step;
  const pair = DAYS[step.day as keyof typeof DAYS];
  const charges = draws.map((name) => ({
    window: countNamed(name, pair)[step.window as 'current' | 'next'],
    amount: step.amount,
  }));
  const known: Entry = { subject, requestId, charges, session, tokens: step.tokens, running: step.running };
  if (step.step === 'reserve') return store.reserve(toClaim(step, subject));
  if (step.step === 'renew') return store.renew(known, lease);
  if (step.step === 'commit') return store.commit(known);
  if (step.step === 'release') return store.release(known);
  return store.peek(
    subject,
    draws.map((name) => countNamed(name, pair)),
  );
}

function toClaim(step: Step, subject: string): Claim {
  const { requestId, limit, amount, needs, overdraft, lease, concurrency, session, prompt } = step;
  const pair = DAYS[step.day as keyof typeof DAYS];
  const most = { requests: step.mostRequests, milliseconds: HOUR, tokens: step.mostTokens };
  const holds = step.draws.map((name) => ({
    windows: countNamed(name, pair),
    limit,
    amount,
    needs,
    overdraft,
    perTurn: name === 'turn',
  }));
  const turn = session === null ? null : { session, prompt, most };
  return { subject, requestId, lease, concurrency, turn, holds };
}
