import type { UsageRecord, UsageTotals } from './record.ts';

/** What totals can be told apart by. */
export type Grouping = 'day' | 'subject' | 'model' | 'backend';

export interface TotalsQuery {
  /** First and last day, `2026-11-22`, both included. */
  readonly from: string;
  readonly to: string;
  readonly subject?: string | undefined;
  readonly by: readonly Grouping[];
  /** Most rows; default 10,000. */
  readonly limit?: number | undefined;
}

/** Totals of one group; fields that are not grouped by are absent. The model is the one that served. */
export interface TotalsRow extends UsageTotals {
  readonly day?: string;
  readonly subject?: string;
  /** The name for people, beside `subject`. */
  readonly user?: string;
  readonly model?: string;
  readonly backend?: string;
}

/** Someone who has made a request within the time that is kept. */
export interface KnownUser {
  readonly subject: string;
  readonly user: string;
  /** Name of the tier at the latest request. */
  readonly tier: string;
  /** Milliseconds since the epoch. */
  readonly seenAt: number;
}

/** Where usage is kept. Methods reject when the store cannot answer. */
export interface UsageStore {
  /** Adds records, all or none. */
  add(records: readonly UsageRecord[]): Promise<void>;
  /** Most requests first; by day: oldest day first. */
  totals(query: TotalsQuery): Promise<readonly TotalsRow[]>;
  /** Latest first, {@link RECENT_KEPT} of a user at most. */
  recent(subject: string): Promise<readonly UsageRecord[]>;
  /** Whose name contains the text, whatever its case, or whose subject begins with it; latest seen first. */
  users(search: string, limit: number): Promise<readonly KnownUser[]>;
  /** Forgets all that happened before the day. */
  forgetBefore(day: string, at: number): Promise<void>;
  close(): Promise<void>;
}

/** Requests of one user that are kept one by one. */
export const RECENT_KEPT = 100;
