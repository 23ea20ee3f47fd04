import type { Dialect, Usage } from '../types.ts';

/** One inference request that is over; nothing of its content. */
export interface UsageRecord {
  readonly requestId: string;
  /** When it ended, milliseconds since the epoch. */
  readonly at: number;
  /** Whom it is counted for, a hash. */
  readonly subject: string;
  /** The name for people. */
  readonly user: string;
  readonly tier: string;
  readonly dialect: Dialect;
  /** The model asked for; null where the request was refused before that was read. */
  readonly asked: string | null;
  /** The model that served, or would have. */
  readonly served: string | null;
  readonly backend: string | null;
  /** What the client got to see; 499 when it left first. */
  readonly status: number;
  /**
   * `charged`: answered and counted; `refunded`: held, and given back because no answer came of it; `refused`: turned
   * away by the gateway; `free`: answered without being counted.
   */
  readonly outcome: 'charged' | 'refunded' | 'refused' | 'free';
  readonly durationMs: number;
  readonly usage: Usage | null;
}

/** What many requests come to. */
export interface UsageTotals {
  /** Requests answered, counted or free. */
  readonly requests: number;
  readonly refusals: number;
  readonly refunds: number;
  /** Without both cache figures. */
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
}

/** Model and backend of a request that never got as far as to have one. */
export const NONE = 'none';

export const NOTHING_USED: UsageTotals = {
  requests: 0,
  refusals: 0,
  refunds: 0,
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
};

/** What requests come to together. */
export function sumOf(records: readonly UsageRecord[]): UsageTotals {
  return records.map(toTotals).reduce(plus, NOTHING_USED);
}

export function toTotals({ outcome, usage }: UsageRecord): UsageTotals {
  return {
    requests: outcome === 'charged' || outcome === 'free' ? 1 : 0,
    refusals: outcome === 'refused' ? 1 : 0,
    refunds: outcome === 'refunded' ? 1 : 0,
    inputTokens: usage?.inputTokens ?? 0,
    outputTokens: usage?.outputTokens ?? 0,
    cacheReadTokens: usage?.cacheReadTokens ?? 0,
    cacheWriteTokens: usage?.cacheWriteTokens ?? 0,
  };
}

function plus(one: UsageTotals, other: UsageTotals): UsageTotals {
  return {
    requests: one.requests + other.requests,
    refusals: one.refusals + other.refusals,
    refunds: one.refunds + other.refunds,
    inputTokens: one.inputTokens + other.inputTokens,
    outputTokens: one.outputTokens + other.outputTokens,
    cacheReadTokens: one.cacheReadTokens + other.cacheReadTokens,
    cacheWriteTokens: one.cacheWriteTokens + other.cacheWriteTokens,
  };
}
