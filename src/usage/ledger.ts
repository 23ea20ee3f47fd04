import type { After } from '../after.ts';
import type { UsageRecord } from './record.ts';
import type { UsageStore } from './usage-store.ts';

/** Writes usage down behind the requests' backs. */
export interface Ledger {
  /** Takes a record; costs the caller nothing more and never throws. */
  record(record: UsageRecord): void;
  /** Writes what is left. Call it after the last request has ended. */
  close(): Promise<void>;
}

export interface LedgerLog {
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
}

export interface LedgerOptions {
  readonly store: Pick<UsageStore, 'add' | 'forgetBefore'>;
  /** Days that totals are kept, today included. */
  readonly retentionDays: number;
  readonly dayOf: (at: number) => string;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** Runs something once, so many milliseconds from now; what it returns calls that off. */
  readonly after: After;
  readonly log: LedgerLog;
  /** Told after each batch that was written. */
  readonly onWritten?: (() => void) | undefined;
}

/** Milliseconds that records are collected for: what a process that is killed loses at most. */
const COLLECT = 200;
/** Milliseconds between two tries while the store cannot be written. */
const RETRY = 5_000;
/** Records of one transaction, which the event loop waits for: some 3 ms in SQLite. */
const BATCH = 100;
/** Records that wait in memory at most, some 50 MB. */
const CAPACITY = 100_000;
const DAY = 86_400_000;
const FORGET_EVERY = 3_600_000;

export function createLedger(options: LedgerOptions): Ledger {
  const { store, retentionDays, dayOf, clock, after, log, onWritten } = options;
  const waiting: UsageRecord[] = [];
  /** What is being written: the same again after a failure, so that a store can tell that it has it already. */
  let batch: readonly UsageRecord[] = [];
  let cancel: (() => void) | null = null;
  let writing: Promise<void> | null = null;
  let isFailing = false;
  let nextForgetting = 0;

  async function write(): Promise<void> {
    try {
      while (batch.length > 0 || waiting.length > 0) {
        if (batch.length === 0) batch = waiting.splice(0, BATCH);
        await store.add(batch);
        batch = [];
        onWritten?.();
      }
      isFailing = false;
      await forgetOld();
    } catch (error) {
      if (!isFailing)
        log.warn(
          { err: error, waiting: batch.length + waiting.length },
          'usage cannot be written; it waits in memory',
        );
      isFailing = true;
    }
  }

  async function forgetOld(): Promise<void> {
    const now = clock();
    if (now < nextForgetting) return;
    nextForgetting = now + FORGET_EVERY;
    const oldest = now - (retentionDays - 1) * DAY;
    await store.forgetBefore(dayOf(oldest), oldest);
  }

  function plan(): void {
    if (cancel !== null || writing !== null || batch.length + waiting.length === 0) return;
    cancel = after(isFailing ? RETRY : COLLECT, () => {
      cancel = null;
      writing = write().finally(() => {
        writing = null;
        plan();
      });
    });
  }

  return {
    record(record) {
      if (waiting.length >= CAPACITY) {
        waiting.shift();
        log.warn({ capacity: CAPACITY }, 'a usage record was lost: too many wait for the store');
      }
      waiting.push(record);
      plan();
    },

    async close() {
      cancel?.();
      await writing;
      await write();
      const lost = batch.length + waiting.length;
      if (lost > 0) log.warn({ lost }, 'usage records were lost: they cannot be written');
    },
  };
}
