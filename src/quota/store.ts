import type { Window, Windows } from './windows.ts';

/**
 * Where requests are counted. Every method is idempotent by request id, because after a broken connection nobody
 * knows whether a step was done (2–3 were, in failover tests; platform.md A4). A request of a subject in a window is
 *
 *     unknown ──reserve──▶ held ──commit──▶ charged ──release──▶ released ──reserve──▶ held
 *
 * and `held` falls back to unknown when its lease ends. `commit` also charges an unknown request, so that an
 * expired lease never loses a charge; it leaves a released one alone, so that a late commit cannot undo a refund.
 *
 * Methods reject when the store cannot answer; they never answer from memory. Names and shapes speak of one
 * allowance a request. A request that draws on several (turns, tokens, weeks) becomes a list of {@link Hold}s
 * decided in one step: window ids of different lengths do not collide, and one subject's keys share one slot.
 */
export interface QuotaStore {
  /** Holds one request unless `used + pending` has reached the limit. A request held or charged is admitted again. */
  reserve(hold: Hold): Promise<Verdict>;
  /**
   * Makes the lease end `lease` milliseconds from now.
   *
   * @returns false when the request is not held any more; nothing is changed then
   */
  renew(entry: Entry, lease: number): Promise<boolean>;
  /** Charges the request, once, whether or not its lease still runs. */
  commit(entry: Entry): Promise<Tally>;
  /** Ends the request uncharged; gives the charge back, once, where there was one. */
  release(entry: Entry): Promise<Tally>;
  /** Reads without writing anything. */
  peek(subject: string, windows: Windows): Promise<Tally>;
  /** Resolves when the store answers. */
  ping(): Promise<void>;
  /** Tells each time when the store is reached anew and may lack its last moments; absent where that cannot be. */
  readonly onReconnect?: (listener: () => void) => void;
  /** Finishes what is under way and lets go of files and sockets. */
  close(): Promise<void>;
}

/** One request of one subject in the window it was admitted to. */
export interface Entry {
  readonly subject: string;
  readonly requestId: string;
  readonly window: Window;
}

/** A request that asks to be admitted. */
export interface Hold {
  readonly subject: string;
  readonly requestId: string;
  /** The store's own clock chooses: `current` until it ends, then `next`. So replicas need not agree on midnight. */
  readonly windows: Windows;
  /** Requests per window; `null` is unlimited. */
  readonly limit: number | null;
  /** Milliseconds that the hold counts without being renewed. */
  readonly lease: number;
}

/** What a window holds. */
export interface Tally {
  readonly window: Window;
  /** Requests charged. */
  readonly used: number;
  /** Requests held. */
  readonly pending: number;
}

export interface Verdict {
  readonly admitted: boolean;
  /** Includes the request where it was admitted. */
  readonly tally: Tally;
}
