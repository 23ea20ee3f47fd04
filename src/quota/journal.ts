import type { After } from '../after.ts';
import type { JournalFile } from './journal-file.ts';
import { RECORDS_KEPT, WINDOWS_KEPT } from './retention.ts';
import type { Entry } from './store.ts';
import { LeftAlone, type QuotaLog } from './store-health.ts';

/** How a request is to be settled. */
export interface Settlement {
  readonly step: 'commit' | 'release';
  readonly entry: Entry;
  /** When it was decided, milliseconds since the epoch. */
  readonly at: number;
  /** Told what is used of each charge's count once it is done. */
  readonly told: (used: readonly number[]) => void;
}

export interface Journal {
  /**
   * Has the settlement applied, now or later. Resolves after the first try or, where that failed, when the settlement
   * is on disk; never rejects. A later settlement of the same request comes after an earlier one and, where that still
   * waits, in its place.
   */
  settle(settlement: Settlement): Promise<void>;
  /** Tries what waits now rather than at the end of a pause: the store answers again. */
  retry(): void;
  /** Has what was settled of late applied once more: the store may have lost it in a restart. */
  repeatRecent(): void;
  /** How many wait for the store. */
  waiting(): number;
  /** Tries what is left once more; what then still waits is for the next start, where there is a file. */
  close(): Promise<void>;
}

export interface JournalOptions {
  /** Does a settlement in the store; may be called again for one that was done already. */
  readonly apply: (settlement: Settlement) => Promise<readonly number[]>;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly after: After;
  readonly log?: QuotaLog | undefined;
  /** Where settlements that wait outlive the process; closed together with this. Default: in memory alone. */
  readonly file?: JournalFile | undefined;
  /** Whether the store may lose in a restart what it has done, so that it is kept to be repeated. Default false. */
  readonly storeForgets?: boolean | undefined;
  /** Settlements that wait at most; beyond that the oldest is given up. Default 100,000, some 50 MB. */
  readonly capacity?: number | undefined;
}

/** Milliseconds between two rounds of tries while the store is away: doubled from the first to the last. */
const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 5_000;
/**
 * Settlements that were done and are kept to be repeated, some 10 MB: for as long as the store can tell that it has them,
 * so that one which keeps nothing on disk, or lost its last second, is given back what it forgot in a restart.
 */
const MOST_RECENT = 20_000;

interface Waiting {
  readonly settlement: Settlement;
  /** When the store may first have done it, for all that is known; null where it was never asked. */
  readonly askedAt: number | null;
}

/**
 * Settles requests in the store and keeps those that the store could not take until it can. Whether a failed step was
 * done nobody knows, so everything is tried again; the store charges once per request.
 */
export function createJournal(options: JournalOptions): Journal {
  const { apply, clock, after, log, file, storeForgets = false, capacity = 100_000 } = options;
  const waiting = new Map<string, Waiting>(file?.left.flatMap(({ key, text }) => fromText(key, text)));
  const notes = createNotes(file, waiting.keys(), log);
  const recent = createRecent(clock);
  const underWay = new Map<string, Promise<void>>();
  let pause = FIRST_PAUSE;
  let cancelRound: (() => void) | null = null;
  let round: Promise<void> | null = null;
  let closed = false;

  /** @returns null when it is done, else what waits now */
  async function applied(key: string, { settlement, askedAt }: Waiting): Promise<Waiting | null> {
    try {
      settlement.told(await apply(settlement));
      if (storeForgets) recent.add(key, settlement);
      return null;
    } catch (error) {
      return { settlement, askedAt: error instanceof LeftAlone ? askedAt : (askedAt ?? clock()) };
    }
  }

  async function settleNow(key: string, settlement: Settlement): Promise<void> {
    const askedAt = waiting.get(key)?.askedAt ?? null;
    waiting.delete(key);
    const left = await applied(key, { settlement, askedAt });
    if (left === null) return notes.strike(key);
    if (waiting.size >= capacity) giveUpOldest();
    waiting.set(key, left);
    planRound();
    await notes.note(key, left);
  }

  function giveUpOldest(): void {
    const [oldest] = waiting.keys();
    if (oldest === undefined) return;
    waiting.delete(oldest);
    notes.strike(oldest);
    log?.warn({ capacity }, 'a quota settlement was given up: too many wait for the quota store');
  }

  function planRound(): void {
    if (closed || cancelRound !== null || round !== null || waiting.size === 0) return;
    cancelRound = after(pause, beginRound);
  }

  function beginRound(): void {
    cancelRound = null;
    round = playRound().finally(() => {
      round = null;
      planRound();
    });
  }

  /** Oldest first, until one fails; that one goes to the end, so that it cannot hold up the others for ever. */
  async function playRound(): Promise<void> {
    for (const [key, one] of waiting) {
      const left = isForgotten(one, clock()) ? null : await applied(key, one);
      const superseded = waiting.get(key) !== one;
      if (!superseded) waiting.delete(key);
      if (left === null) {
        if (!superseded) notes.strike(key);
        continue;
      }
      if (!superseded) waiting.set(key, left);
      pause = Math.min(pause * 2, LONGEST_PAUSE);
      return;
    }
    pause = FIRST_PAUSE;
  }

  function retry(): void {
    if (closed || round !== null || waiting.size === 0) return;
    cancelRound?.();
    beginRound();
  }

  planRound();

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

    retry,

    repeatRecent() {
      for (const [key, one] of recent.take())
        if (!waiting.has(key) && !underWay.has(key)) waiting.set(key, one);
      retry();
    },

    waiting: () => waiting.size,

    async close() {
      closed = true;
      cancelRound?.();
      await Promise.all([...underWay.values(), round]);
      await playRound();
      if (waiting.size > 0 && file === undefined)
        log?.warn({ lost: waiting.size }, 'quota settlements were lost: the store is away');
      else if (waiting.size > 0)
        log?.info({ kept: waiting.size }, 'quota settlements wait for the next start: the store is away');
      file?.close();
    },
  };
}

/** Tried again this late, a commit that had been done after all would be charged twice, or its window is over anyway. */
function isForgotten({ settlement, askedAt }: Waiting, now: number): boolean {
  const lastEnd = Math.max(...settlement.entry.charges.map(({ window }) => window.endsAt));
  const matters = now < lastEnd + WINDOWS_KEPT;
  return !matters || (askedAt !== null && now - askedAt >= RECORDS_KEPT);
}

/** Settlements on disk, where there is a file. */
function createNotes(file: JournalFile | undefined, keys: Iterable<string>, log: QuotaLog | undefined) {
  const onDisk = new Set(keys);
  return {
    async note(key: string, { settlement: { step, entry, at }, askedAt }: Waiting): Promise<void> {
      if (file === undefined) return;
      onDisk.add(key);
      await file
        .note(key, JSON.stringify({ step, entry, at, askedAt }))
        .catch(() =>
          log?.warn({}, 'a quota settlement is kept in memory alone: the journal cannot be written'),
        );
    },
    strike(key: string): void {
      if (file === undefined || !onDisk.delete(key)) return;
      // What stays there by accident is settled once more at the next start, which changes nothing.
      void file.strike(key).catch(() => undefined);
    },
  };
}

function createRecent(clock: () => number) {
  type Done = Waiting & { readonly askedAt: number };
  const done = new Map<string, Done>();
  // A walk that goes on where it was: a new one steps over all that was deleted at the start of the map, which took a
  // twelfth of an admission's time once the map was full.
  let walk = done.entries();
  let oldest: readonly [string, Done] | undefined;
  return {
    add(key: string, { step, entry, at }: Settlement): void {
      const now = clock();
      done.delete(key);
      // Without whom it was told to: that would keep what was asked in memory.
      done.set(key, { settlement: { step, entry, at, told: () => undefined }, askedAt: now });
      for (oldest ??= walk.next().value; oldest !== undefined; oldest = walk.next().value) {
        const [first, known] = oldest;
        if (done.get(first) !== known) continue;
        if (now - known.askedAt < RECORDS_KEPT && done.size <= MOST_RECENT) return;
        done.delete(first);
      }
      walk = done.entries();
    },
    take(): readonly (readonly [string, Waiting])[] {
      const all = [...done];
      done.clear();
      walk = done.entries();
      oldest = undefined;
      return all;
    },
  };
}

/** A text that is none of ours is left out. */
function fromText(key: string, text: string): [string, Waiting][] {
  const { step, entry, at, askedAt } = JSON.parse(text) as Settlement & Waiting;
  if ((step !== 'commit' && step !== 'release') || !Array.isArray(entry?.charges)) return [];
  return [[key, { settlement: { step, entry, at, told: () => undefined }, askedAt }]];
}

function keyOf({ entry }: Settlement): string {
  return `${entry.subject} ${entry.requestId}`;
}
