/** One part of a request: held in the store, kept alive, and settled through the journal. */

import type { After } from '../after.ts';
import type { Standing } from '../types.ts';
import type { Draw } from './draws.ts';
import type { Journal, Settlement } from './journal.ts';
import type { OutageGrants } from './outage-grants.ts';
import { endsLater, needsStore, type Part, toEntry, toFinalEntry, toUnaskedTallies } from './parts.ts';
import { toUnavailable } from './refusal.ts';
import type { ReservationSteps } from './reservation.ts';
import { toStanding } from './standing.ts';
import type { Entry, QuotaStore, Tally, Verdict } from './store.ts';
import type { StoreHealth } from './store-health.ts';

/** A part that was admitted. */
export interface Held {
  readonly part: Part;
  /** What is charged when the answer begins. */
  readonly entry: Entry;
  readonly standings: readonly Standing[];
  /** Whether the store holds it. Where it was not asked or gave no answer, nothing is told of what is left. */
  readonly state: 'held' | 'unlimited' | 'passed';
  /** Whether the store may know it before it is charged. */
  readonly isKnown: boolean;
  /** Takes back what was granted without the store. */
  readonly giveBack?: () => Promise<void>;
}

/** What stood in the way. */
export interface Refused {
  readonly by: Draw | 'concurrency';
  readonly standings: readonly Standing[];
}

export interface HoldOptions {
  readonly store: QuotaStore;
  readonly health: StoreHealth;
  readonly journal: Journal;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly after: After;
  readonly leaseMs: number;
  readonly grants: OutageGrants;
  /** Asked each time, because a reload may change it. */
  readonly onStoreFailure: () => 'bounded' | 'deny' | 'allow';
  readonly onOutage?: ((outcome: 'granted' | 'allowed' | 'denied') => void) | undefined;
}

/** Told where a part's subject stands after a step. */
export type Tell = (standings: readonly Standing[]) => void;

export interface Holder {
  /** @throws GatewayError `quota_unavailable` when the store does not answer and such requests are denied */
  hold(part: Part): Promise<Held | Refused>;
  /** How a held part is settled. */
  stepsOf(held: Held, tell: Tell): ReservationSteps;
}

export function createHolder(options: HoldOptions): Holder {
  const { store, health, journal, clock, after, leaseMs } = options;

  return {
    async hold(part) {
      if (!needsStore(part)) return unlimited(part, clock());
      const verdict = await askStore(health, () => store.reserve({ ...part.claim, lease: leaseMs }));
      if ('failure' in verdict) return passOrDeny(options, unlimited(part, clock()), verdict);
      return toAnswer(part, verdict);
    },

    stepsOf(held, tell) {
      const { part, entry, state } = held;
      let known = held.isKnown;
      const settle = (step: Settlement['step'], settled: Entry): Promise<void> => {
        const told = (used: readonly number[]) => tell(toStandings(part, talliesOf(settled, used)));
        const done = journal.settle({ step, entry: settled, at: clock(), told });
        // Without a limit, charges are counted while the answer goes on.
        return state === 'unlimited' ? Promise.resolve() : done;
      };
      const commit = (settled: Entry) => {
        known = true;
        return settle('commit', settled);
      };
      const renew = () => health.run(() => store.renew(entry, leaseMs));
      return {
        commit: () => commit(entry),
        finish: endsLater(part) ? (usage) => commit(toFinalEntry(part, entry, usage)) : null,
        async release() {
          await held.giveBack?.();
          if (known) await settle('release', entry);
        },
        keepHeld: state === 'held' ? renewing(renew, leaseMs / 3, after) : () => () => undefined,
        runsOn: entry.running,
      };
    },
  };
}

/** While the store is away. */
async function passOrDeny(options: HoldOptions, held: Held, { asked, failure }: Failed): Promise<Held> {
  const { store, grants, onOutage } = options;
  const onStoreFailure = options.onStoreFailure();
  const grant = onStoreFailure === 'bounded' ? await grants.take(held.entry, limitsOf(held.part)) : null;
  if (grant !== null || onStoreFailure === 'allow') {
    onOutage?.(grant === null ? 'allowed' : 'granted');
    return { ...held, state: 'passed', isKnown: asked, ...grant };
  }
  onOutage?.('denied');
  // What was asked may have been done; a release of what was not changes nothing.
  if (asked) void store.release(held.entry).catch(() => undefined);
  throw toUnavailable(failure);
}

const limitsOf = ({ draws }: Part) => draws.map(({ hold }) => hold.limit);

function toAnswer(part: Part, { tallies, amounts, refusedBy }: Verdict): Held | Refused {
  const standings = toStandings(part, tallies);
  const by = typeof refusedBy === 'number' ? part.draws[refusedBy] : (refusedBy ?? undefined);
  if (by !== undefined) return { by, standings };
  const charges = tallies.map(({ window }, index) => ({ window, amount: amounts[index] ?? 0 }));
  return { part, standings, entry: toEntry(part, charges), state: 'held', isKnown: true };
}

/** As it is where the store has not been asked. */
function unlimited(part: Part, now: number): Held {
  const tallies = toUnaskedTallies(part, now);
  const charges = tallies.map(({ window }, index) => ({
    window,
    amount: part.draws[index]?.hold.amount ?? 0,
  }));
  const standings = part.draws.flatMap(({ allowance }, index) => {
    const tally = tallies[index];
    return tally === undefined ? [] : [toStanding(allowance, tally, null)];
  });
  return { part, standings, entry: toEntry(part, charges), state: 'unlimited', isKnown: false };
}

function toStandings({ draws }: Part, tallies: readonly Tally[]): readonly Standing[] {
  return tallies.flatMap((tally, index) => {
    const draw = draws[index];
    return draw === undefined ? [] : [toStanding(draw.allowance, tally)];
  });
}

function talliesOf({ charges }: Entry, used: readonly number[]): readonly Tally[] {
  return charges.map(({ window }, index) => ({ window, used: used[index] ?? 0, pending: 0, extra: 0 }));
}

interface Failed {
  readonly failure: unknown;
  /** Whether the store may have done it all the same. */
  readonly asked: boolean;
}

type Asked = Verdict | Failed;

async function askStore(health: StoreHealth, reserve: () => Promise<Verdict>): Promise<Asked> {
  let asked = false;
  try {
    return await health.run(() => {
      asked = true;
      return reserve();
    });
  } catch (failure) {
    return { failure, asked };
  }
}

function renewing(renew: () => Promise<unknown>, every: number, after: After): () => () => void {
  return () => {
    const again = () => {
      // A renewal that fails is made up for by the next one, which still comes before the lease has ended.
      void renew().catch(() => undefined);
      cancel = after(every, again);
    };
    let cancel = after(every, again);
    return () => cancel();
  };
}
