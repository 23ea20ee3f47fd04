import { GatewayError } from '../errors.ts';
import type { Allowance, Principal, Standing } from '../types.ts';
import { type After, createJournal, type Settlement } from './journal.ts';
import type { JournalFile } from './journal-file.ts';
import { createOutageGrants } from './outage-grants.ts';
import { toQuotaRefusal } from './refusal.ts';
import { createReservation, type Reservation } from './reservation.ts';
import type { Entry, QuotaStore, Tally, Verdict } from './store.ts';
import { createStoreHealth, type QuotaHealth, type QuotaLog, type StoreHealth } from './store-health.ts';
import { dayWindows, type Window, type Windows } from './windows.ts';

export type { Reservation } from './reservation.ts';

/** How much is left, for whom. */
export interface Quota {
  /**
   * Holds one request of the allowance.
   *
   * Without a limit nothing is asked of the store now; the request is counted in the background when it is committed,
   * and `standing.used` is 0. The same standing, without a limit, is given to requests that are let through while the
   * store is away: what is not known is not told.
   *
   * @param requestId unique; asking twice with the same one holds one request
   * @throws GatewayError `quota_exhausted` with everything that makes clients stop; `quota_unavailable` when the
   * store does not answer and such requests are denied
   */
  reserve(principal: Principal, allowance: Allowance, requestId: string): Promise<Reservation>;
  /**
   * Where the principal stands; creates nothing.
   *
   * @throws GatewayError `quota_unavailable` when the store does not answer
   */
  peek(principal: Principal, allowance: Allowance): Promise<Standing>;
  /** Asks whether the store answers, so that the health is true before the first request. Never rejects. */
  probe(): Promise<void>;
  /** What the latest steps say about the store; asks nothing. */
  health(): QuotaHealth & {
    /** Requests that wait to be settled. */
    readonly waiting: number;
  };
  /** Hands over what is still to be settled and closes the store. Call it after the last request has ended. */
  close(): Promise<void>;
}

export interface QuotaOptions {
  /** Where requests are counted; closed together with this. */
  readonly store: QuotaStore;
  /** IANA name of the zone in which a day begins. */
  readonly timeZone: string;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /**
   * For users with a limit, while the store does not answer: `deny` refuses them (503, nothing charged), `allow` lets
   * them through, `bounded` lets through {@link QuotaOptions.outageGrant} of their limit and refuses the rest. Who was
   * let through is charged when it is back.
   */
  readonly onStoreFailure: 'bounded' | 'deny' | 'allow';
  /** With `bounded`: the share of a limit, rounded up, that this process grants a user in a window. Default 0.2. */
  readonly outageGrant?: number | undefined;
  /** Where what waits for the store outlives the process; without it nothing is granted by `bounded`. */
  readonly journalFile?: JournalFile | undefined;
  /** Milliseconds that a request counts after its process died. Renewed every third of it. Default 90,000. */
  readonly leaseMs?: number | undefined;
  /** Runs something later; default: a timer that keeps no process alive. */
  readonly timers?: { readonly after: After } | undefined;
  readonly log?: QuotaLog | undefined;
  /** Told what the store counts for a principal after each of its steps, for metrics. */
  readonly onStanding?: ((principal: Principal, standing: Standing) => void) | undefined;
  /** Told what became of a request of a user with a limit while the store was away, for metrics. */
  readonly onOutage?: ((outcome: 'granted' | 'allowed' | 'denied') => void) | undefined;
}

const LEASE = 90_000;
const OUTAGE_GRANT = 0.2;
/** Seconds after which to try again while the store is away: Claude Code and the SDKs then heal by themselves. */
const RETRY_AFTER = 5;
/**
 * The store is offered the day of 12 hours ago and the one after it, and takes the one of its own clock. So a process
 * whose clock is wrong by less than 11 hours, either way, still counts in the right day.
 */
const CLOCK_ALLOWANCE = 12 * 3_600_000;

/** @throws RangeError when there is no such time zone */
export function createQuota(options: QuotaOptions): Quota {
  const { store, timeZone, clock, onStoreFailure, leaseMs = LEASE, log, onStanding, onOutage } = options;
  const after = options.timers?.after ?? afterTimeout;
  const onBack = () => journal.retry();
  const health = createStoreHealth({ clock, after, ping: () => store.ping(), log, onBack });
  const grants = createOutageGrants(options.journalFile, options.outageGrant ?? OUTAGE_GRANT);
  const windowsNow = (): Windows => dayWindows(clock() - CLOCK_ALLOWANCE, timeZone);
  // A wrong zone is a mistake in the configuration and is said at the start.
  windowsNow();

  let closing = false;
  const journal = createJournal({
    apply({ step, entry }) {
      const settle = () => store[step](entry);
      // The last try, at closing, is made whatever is known of the store.
      return closing ? settle() : health.run(settle);
    },
    clock,
    after,
    log,
    file: options.journalFile,
  });
  store.onReconnect?.(() => journal.repeatRecent());

  function settlerOf(principal: Principal, limit: number | null, entry: Entry): Settler {
    const told = (tally: Tally) => onStanding?.(principal, toStanding(tally, limit));
    return (step) => journal.settle({ step, entry, at: clock(), told });
  }

  async function reserve(
    principal: Principal,
    allowance: Allowance,
    requestId: string,
  ): Promise<Reservation> {
    const { subject } = principal;
    const { limit } = allowance;
    const windows = windowsNow();
    const entry = { subject, requestId, window: windowAt(windows, clock()) };
    const settle = settlerOf(principal, limit, entry);
    if (limit === null) return reserveUncounted(entry, settle);

    const verdict = await askStore(health, () =>
      store.reserve({ subject, requestId, windows, limit, lease: leaseMs }),
    );
    if ('failure' in verdict) return passOrDeny(entry, limit, verdict, settle);

    const standing = toStanding(verdict.tally, limit);
    onStanding?.(principal, standing);
    if (!verdict.admitted) {
      throw toQuotaRefusal({ standing, allowance, tier: principal.tier, timeZone, now: clock() });
    }
    const held = { subject, requestId, window: verdict.tally.window };
    const renew = () => health.run(() => store.renew(held, leaseMs));
    return reserveHeld(standing, settlerOf(principal, limit, held), renewing(renew, leaseMs / 3, after));
  }

  async function passOrDeny(entry: Entry, limit: number, { asked, failure }: Failed, settle: Settler) {
    const grant = onStoreFailure === 'bounded' ? await grants.take(entry, limit) : null;
    if (grant !== null || onStoreFailure === 'allow') {
      onOutage?.(grant === null ? 'allowed' : 'granted');
      return reservePassed(entry, settle, asked, grant?.giveBack);
    }
    onOutage?.('denied');
    // What was asked may have been done; a release of what was not changes nothing.
    if (asked) void store.release(entry).catch(() => undefined);
    throw toUnavailable(failure);
  }

  return {
    reserve,

    async peek(principal, allowance) {
      try {
        const tally = await health.run(() => store.peek(principal.subject, windowsNow()));
        return toStanding(tally, allowance.limit);
      } catch (cause) {
        throw toUnavailable(cause);
      }
    },

    probe: () => health.run(() => store.ping()).catch(() => undefined),
    health: () => ({ ...health.current(), waiting: journal.waiting() }),

    async close() {
      closing = true;
      health.close();
      await journal.close();
      await store.close();
    },
  };
}

type Settler = (step: Settlement['step']) => Promise<void>;

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

function reserveHeld(standing: Standing, settle: Settler, keepHeld: () => () => void): Reservation {
  return createReservation(standing, {
    commit: () => settle('commit'),
    release: () => settle('release'),
    keepHeld,
  });
}

/** Nothing is held in the store, so there is nothing to renew; charges are counted while the answer goes on. */
function reserveUncounted(entry: Entry, settle: Settler): Reservation {
  let begun = false;
  return createReservation(unlimitedStanding(entry), {
    async commit() {
      begun = true;
      void settle('commit');
    },
    async release() {
      if (begun) void settle('release');
    },
    keepHeld: () => () => undefined,
  });
}

/** Let through while the store is away. Where it was asked and gave no answer, it may have a hold to release. */
function reservePassed(
  entry: Entry,
  settle: Settler,
  asked: boolean,
  giveBack: () => Promise<void> = async () => undefined,
): Reservation {
  let known = asked;
  return createReservation(unlimitedStanding(entry), {
    commit() {
      known = true;
      return settle('commit');
    },
    async release() {
      await giveBack();
      if (known) await settle('release');
    },
    keepHeld: () => () => undefined,
  });
}

const unlimitedStanding = ({ window }: Entry) => toStanding({ window, used: 0, pending: 0 }, null);

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

function windowAt(windows: Windows, now: number): Window {
  return now < windows.current.endsAt ? windows.current : windows.next;
}

function toStanding({ window, used, pending }: Tally, limit: number | null): Standing {
  const remaining = limit === null ? null : Math.max(0, limit - used - pending);
  return { limit, used, pending, remaining, resetsAt: window.endsAt };
}

function toUnavailable(cause: unknown): GatewayError {
  return new GatewayError(
    'quota_unavailable',
    `The quota service does not answer now; nothing was started and nothing was charged; try again in ${RETRY_AFTER} seconds.`,
    { retryAfterSeconds: RETRY_AFTER, cause },
  );
}

const afterTimeout: After = (ms, run) => {
  const timer = setTimeout(run, ms);
  timer.unref();
  return () => clearTimeout(timer);
};
