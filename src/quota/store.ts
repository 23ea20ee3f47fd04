import type { Window, Windows } from './windows.ts';

/**
 * Where quota is counted. A count is a number in a window, of one subject, named by the window's id; a request draws
 * on any number of counts, decided in one step, all or none. Every method is idempotent by request id, because after
 * a broken connection nobody knows whether a step was done (2–3 were, in failover tests; platform.md A4). A request is
 *
 *     unknown ──reserve──▶ held ──commit──▶ charged ──release──▶ released ──reserve──▶ held
 *
 * and `held` falls back to unknown when its lease ends. `commit` also charges an unknown request, so that an
 * expired lease never loses a charge; it leaves a released one alone, so that a late commit cannot undo a refund; of
 * a charged one it corrects the amounts.
 *
 * Methods reject when the store cannot answer; they never answer from memory. One subject's keys share one slot.
 */
export interface QuotaStore {
  /** Holds what the request asks for, unless that is more than is left. A request held or charged is admitted again. */
  reserve(claim: Claim): Promise<Verdict>;
  /**
   * Makes the lease end `lease` milliseconds from now.
   *
   * @returns false when nothing is leased any more; nothing is changed then
   */
  renew(request: RequestKey, lease: number): Promise<boolean>;
  /**
   * Charges the request as the entry says, once, whether or not its lease still runs.
   *
   * @returns what is used of each charge's count
   */
  commit(entry: Entry): Promise<readonly number[]>;
  /** Ends the request uncharged; gives back what was charged, once. Answers as `commit` does. */
  release(entry: Entry): Promise<readonly number[]>;
  /** Reads without writing anything. */
  peek(subject: string, counts: readonly Windows[]): Promise<readonly Tally[]>;
  /**
   * Gives a count more than its limit until the window ends, once per request id; a negative number takes some back.
   *
   * @returns what is given beyond the limit now, never less than 0
   */
  grant(grant: Grant): Promise<number>;
  /** Resolves when the store answers. */
  ping(): Promise<void>;
  /** Tells each time when the store is reached anew and may lack its last moments; absent where that cannot be. */
  readonly onReconnect?: (listener: () => void) => void;
  /** Finishes what is under way and lets go of files and sockets. */
  close(): Promise<void>;
}

export interface RequestKey {
  readonly subject: string;
  readonly requestId: string;
}

/** A request that asks to be admitted. */
export interface Claim extends RequestKey {
  readonly holds: readonly Hold[];
  /** The turn that it belongs to; null where nothing is counted by turns. */
  readonly turn: TurnClaim | null;
  /** Most requests of the subject that may run at once, this one included; null is any number. */
  readonly concurrency: number | null;
  /** Milliseconds that the holds and the place among those that run count without being renewed. */
  readonly lease: number;
}

/** What a request asks of one count. */
export interface Hold {
  /** The store's own clock chooses: `current` until it ends, then `next`. So replicas need not agree on midnight. */
  readonly windows: Windows;
  /** `null` is unlimited. */
  readonly limit: number | null;
  /** What it takes, 0 or more. */
  readonly amount: number;
  /** What must be left for it: its amount, or 1 where what it will cost is only estimated. */
  readonly needs: number;
  /** Taken by the request that opens a turn and by no other of that turn. */
  readonly perTurn: boolean;
  /** How far beyond the limit a request may go that belongs to a turn already open. */
  readonly overdraft: number;
}

/**
 * Of a session at most one turn is open: from the request that opened it until another prompt comes, or until it has
 * had its fill, or until the request that opened it is given back.
 */
export interface TurnClaim {
  readonly session: string;
  /** What tells one prompt from another; null for a request that goes on with whatever turn is open. */
  readonly prompt: string | null;
  /** Beyond any of these the request opens a new turn. */
  readonly most: { readonly requests: number; readonly milliseconds: number; readonly tokens: number };
}

export interface Verdict {
  readonly admitted: boolean;
  /** What stood in the way: the index of a hold; null where the request is admitted. */
  readonly refusedBy: number | 'concurrency' | null;
  /** What each hold's count holds, the request included where it was admitted. */
  readonly tallies: readonly Tally[];
  /** What each hold has taken: nothing of a turn that was open. */
  readonly amounts: readonly number[];
}

/** What a count holds. */
export interface Tally {
  readonly window: Window;
  /** Charged. */
  readonly used: number;
  /** Held. */
  readonly pending: number;
  /** Given beyond whatever the limit is. */
  readonly extra: number;
}

/** What an operator gives beyond a limit. */
export interface Grant extends RequestKey {
  readonly windows: Windows;
  readonly extra: number;
}

/** An admitted request, as it is to be charged or released. */
export interface Entry extends RequestKey {
  readonly charges: readonly Charge[];
  /** Session of its turn. */
  readonly session: string | null;
  /** Tokens counted towards the turn's fill. */
  readonly tokens: number;
  /** Whether it goes on running, and so keeps its place among the requests that run at once. */
  readonly running: boolean;
}

export interface Charge {
  readonly window: Window;
  readonly amount: number;
}
