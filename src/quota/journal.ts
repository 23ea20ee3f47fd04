import { RECORDS_KEPT } from './retention.ts';
import type { Entry, Tally } from './store.ts';
import type { QuotaLog } from './store-health.ts';

/** How a request is to be settled. */
export interface Settlement {
  readonly step: 'commit' | 'release';
  readonly entry: Entry;
  /** When it was decided, milliseconds since the epoch. */
  readonly at: number;
  /** Told what the store counts once it is done. */
  readonly told: (tally: Tally) => void;
}

export interface Journal {
  /**
   * Has the settlement applied, now or later. Resolves after the first try, however it ended; never rejects.
   * A later settlement of the same request comes after an earlier one and, where that still waits, in its place.
   */
  settle(settlement: Settlement): Promise<void>;
  /** Tries what is left once more and then gives up on it. */
  close(): Promise<void>;
}

/** Runs something once, `ms` milliseconds from now; what it returns calls that off. */
export type After = (ms: number, run: () => void) => () => void;

export interface JournalOptions {
  /** Does a settlement in the store; may be called again for one that was done already. */
  readonly apply: (settlement: Settlement) => Promise<Tally>;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly after: After;
  readonly log?: QuotaLog | undefined;
  /** Settlements remembered at most; beyond that the oldest is given up. Default 10,000, some 4 MB. */
  readonly capacity?: number | undefined;
}

/** Milliseconds between two rounds of tries while the store is away: doubled from the first to the last. */
const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 5_000;

/**
 * Settles requests in the store and remembers, in memory, those that the store could not take, until it can.
 * Whether a failed step was done nobody knows, so everything is tried again; the store charges once per request.
 */
export function createJournal(options: JournalOptions): Journal {
  const { apply, clock, after, log, capacity = 10_000 } = options;
  const waiting = new Map<string, Settlement>();
  const underWay = new Map<string, Promise<void>>();
  let pause = FIRST_PAUSE;
  let cancelRound: (() => void) | null = null;
  let round: Promise<void> | null = null;
  let closed = false;

  async function applied(settlement: Settlement): Promise<boolean> {
    try {
      settlement.told(await apply(settlement));
      return true;
    } catch {
      return false;
    }
  }

  async function settleNow(key: string, settlement: Settlement): Promise<void> {
    waiting.delete(key);
    if (await applied(settlement)) return;
    if (waiting.size >= capacity) giveUpOldest();
    waiting.set(key, settlement);
    planRound();
  }

  function giveUpOldest(): void {
    const [oldest] = waiting.keys();
    if (oldest === undefined) return;
    waiting.delete(oldest);
    log?.warn({ capacity }, 'a quota settlement was given up: too many wait for the quota store');
  }

  function planRound(): void {
    if (closed || cancelRound !== null || round !== null || waiting.size === 0) return;
    cancelRound = after(pause, () => {
      cancelRound = null;
      round = playRound().finally(() => {
        round = null;
        planRound();
      });
    });
  }

  /** Oldest first, until one fails; that one goes to the end, so that it cannot hold up the others for ever. */
  async function playRound(): Promise<void> {
    for (const [key, settlement] of waiting) {
      const done = isForgotten(settlement) || (await applied(settlement));
      const superseded = waiting.get(key) !== settlement;
      if (!superseded) waiting.delete(key);
      if (done) continue;
      if (!superseded) waiting.set(key, settlement);
      pause = Math.min(pause * 2, LONGEST_PAUSE);
      return;
    }
    pause = FIRST_PAUSE;
  }

  /** Tried again this late, a commit that had been done after all would be charged twice. */
  function isForgotten({ at }: Settlement): boolean {
    return clock() - at >= RECORDS_KEPT;
  }

  return {
    settle(settlement) {
      const key = keyOf(settlement);
      const before = underWay.get(key);
      const now = () => settleNow(key, settlement);
      const done = (before === undefined ? now() : before.then(now)).finally(() => {
        if (underWay.get(key) === done) underWay.delete(key);
      });
      underWay.set(key, done);
      return done;
    },

    async close() {
      closed = true;
      cancelRound?.();
      await Promise.all([...underWay.values(), round]);
      await playRound();
      if (waiting.size > 0)
        log?.warn({ lost: waiting.size }, 'quota settlements were lost: the store is away');
    },
  };
}

function keyOf({ entry }: Settlement): string {
  return `${entry.subject} ${entry.window.id} ${entry.requestId}`;
}
