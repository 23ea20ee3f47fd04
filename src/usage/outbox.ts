import type { UsageRecord } from './record.ts';

/** Records that wait for the sink, on disk. */
export interface Outbox {
  /** The oldest ones. */
  first(count: number): Promise<readonly Posted[]>;
  remove(numbers: readonly number[]): Promise<void>;
  /** Drops the oldest beyond so many; answers how many. */
  trim(most: number): Promise<number>;
}

export interface Posted {
  readonly number: number;
  readonly record: UsageRecord;
}
