import { type After, afterTimeout } from '../after.ts';
import type { Allowance, Principal, QuotaWindow, Standing, Terms } from '../types.ts';
import { type Demand, type Draw, subjectOf, toCounts, toDraws, toTitleDraw } from './draws.ts';
import { createHolder, type Held, type Holder, type HoldOptions } from './hold.ts';
import { createJournal } from './journal.ts';
import type { JournalFile } from './journal-file.ts';
import { createOutageGrants } from './outage-grants.ts';
import { toParts } from './parts.ts';
import { toConcurrencyRefusal, toQuotaRefusal, toUnavailable } from './refusal.ts';
import { combineSteps, createReservation, type Reservation } from './reservation.ts';
import { toStanding } from './standing.ts';
import type { QuotaStore } from './store.ts';
import { createStoreHealth, type QuotaHealth, type QuotaLog, type StoreHealth } from './store-health.ts';
import { calendarWindows, type Windows } from './windows.ts';

export type { Demand } from './draws.ts';
export type { Reservation } from './reservation.ts';

/** How much is left, for whom. */
export interface Quota {
  /**
   * Holds what the request draws on the allowances of its terms.
   *
   * Without any limit nothing is asked of the store now; the request is counted in the background when it is
   * committed, and its standings have no limit and nothing used. The same standings are given to requests that are let
   * through while the store is away: what is not known is not told.
   *
   * @throws GatewayError `quota_exhausted` with everything that makes clients stop; `rate_limited` beyond a limit that
   * is over soon (a minute, requests at once); `quota_unavailable` when the store does not answer and such requests
   * are denied
   */
  reserve(principal: Principal, terms: Terms, demand: Demand): Promise<Reservation>;
  /**
   * Where the principal stands, in the order of the allowances; creates nothing.
   *
   * @throws GatewayError `quota_unavailable` when the store does not answer
   */
  peek(principal: Principal, terms: Terms): Promise<readonly Standing[]>;
  /**
   * Gives more of an allowance, until its window ends, to whoever it is counted for: the principal, or all of a pool. It
   * counts from the next request on, on every replica, and is part of the limit that standings tell.
   *
   * @param extra units; a negative number takes back what was given
   * @param requestId repeated, it gives once
   * @throws GatewayError `quota_unavailable` when the store does not answer
   */
  grant(principal: Principal, allowance: Allowance, extra: number, requestId: string): Promise<void>;
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
  /** Whether a model's name fits a pattern of the plan. */
  readonly matches: (pattern: string, model: string) => boolean;
  /**
   * For users with a limit, while the store does not answer: `deny` refuses them (503, nothing charged), `allow` lets
   * them through, `bounded` lets through {@link QuotaOptions.outageGrant} of their limit and refuses the rest. Who was
   * let through is charged when it is back.
   */
  readonly onStoreFailure: HoldOptions['onStoreFailure'];
  /** With `bounded`: the share of a limit, rounded up, that this process grants a user in a window. Default 0.2. */
  readonly outageGrant?: (() => number) | undefined;
  /** Where what waits for the store outlives the process; without it nothing is granted by `bounded`. */
  readonly journalFile?: JournalFile | undefined;
  /** Milliseconds that a request counts after its process died. Renewed every third of it. Default 90,000. */
  readonly leaseMs?: number | undefined;
  /** Runs something later; default: a timer that keeps no process alive. */
  readonly timers?: { readonly after: After } | undefined;
  readonly log?: QuotaLog | undefined;
  /** Told what the store counts of a principal's main allowance after each of its steps, for metrics. */
  readonly onStanding?: ((principal: Principal, standing: Standing) => void) | undefined;
  /** Told what became of a request of a user with a limit while the store was away, for metrics. */
  readonly onOutage?: HoldOptions['onOutage'];
}

const OUTAGE_GRANT = 0.2;
const LEASE = 90_000;
/**
 * The store is offered the day of 12 hours ago and the one after it, and takes the one of its own clock. So a process
 * whose clock is wrong by less than 11 hours, either way, still counts in the right day; of minutes, by half a one.
 */
const CLOCK_ALLOWANCE = 12 * 3_600_000;
const MINUTE_CLOCK_ALLOWANCE = 30_000;

/** @throws RangeError when there is no such time zone */
export function createQuota(options: QuotaOptions): Quota {
  const { store, timeZone, clock, matches, leaseMs = LEASE, log } = options;
  const after = options.timers?.after ?? afterTimeout;
  const onBack = () => journal.retry();
  const health = createStoreHealth({ clock, after, ping: () => store.ping(), log, onBack });
  const grants = createOutageGrants(options.journalFile, options.outageGrant ?? (() => OUTAGE_GRANT));
  const windowsOf = (kind: QuotaWindow): Windows =>
    calendarWindows(kind, clock() - (kind === 'minute' ? MINUTE_CLOCK_ALLOWANCE : CLOCK_ALLOWANCE), timeZone);
  const rules = { windowsOf, matches };
  // A wrong zone is a mistake in the configuration and is said at the start.
  windowsOf('day');

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
    storeForgets: store.onReconnect !== undefined,
  });
  store.onReconnect?.(() => journal.repeatRecent());
  const holder = createHolder({ ...options, health, journal, grants, after, leaseMs });
  const admission = createAdmission({ ...options, holder });

  return {
    async reserve(principal, terms, demand) {
      const request = { principal, terms, demand };
      const isFree = terms.titles !== 'charge' && demand.isTitle();
      const title = isFree ? await admission.admitTitle(request, toTitleDraw(principal, terms, rules)) : null;
      return title ?? admission.admit(request, toDraws(principal, terms, demand, rules));
    },

    peek: (principal, { allowances }) => peekAll(store, health, windowsOf, principal, allowances),
    async grant(principal, allowance, extra, requestId) {
      const windows = toCounts(allowance, windowsOf(allowance.window));
      const wanted = { subject: subjectOf(principal, allowance), windows, extra, requestId };
      await health.run(() => store.grant(wanted)).catch(throwUnavailable);
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

interface AdmissionOptions extends Pick<QuotaOptions, 'timeZone' | 'clock' | 'onStanding'> {
  readonly holder: Holder;
}

interface Asking {
  readonly principal: Principal;
  readonly terms: Terms;
  readonly demand: Demand;
}

/** All parts of a request are held, or none. */
function createAdmission({ holder, timeZone, clock, onStanding }: AdmissionOptions) {
  /** Of the main allowance; the others are not measured. */
  function tell(principal: Principal, main: Allowance | undefined, standings: readonly Standing[]): void {
    const standing = standings.find(({ allowance }) => allowance === main);
    if (standing !== undefined) onStanding?.(principal, standing);
  }

  // Of what was asked no more than this is kept: steps outlive the request where a store is away, its body must not.
  const stepsOf = ({ principal, terms: { allowances } }: Asking, held: Held) => {
    const [main] = allowances;
    return holder.stepsOf(held, (standings) => tell(principal, main, standings));
  };

  /** @param exhausted allowances that are left out because the terms say how it goes on without them */
  async function admit(
    asking: Asking,
    draws: readonly Draw[],
    exhausted: readonly Standing[] = [],
  ): Promise<Reservation> {
    const { principal, terms, demand } = asking;
    const taken: Held[] = [];
    const giveBack = () => taken.forEach((held) => void stepsOf(asking, held).release());
    for (const part of toParts(principal, terms, demand, draws)) {
      const answer = await holder.hold(part).catch((error: unknown) => {
        giveBack();
        throw error;
      });
      if ('by' in answer || answer.state === 'held') tell(principal, terms.allowances[0], answer.standings);
      if (!('by' in answer)) {
        taken.push(answer);
        continue;
      }
      giveBack();
      if (answer.by === 'concurrency') throw toConcurrencyRefusal(principal.tier, terms.concurrency ?? 0);
      const standing = answer.standings[part.draws.indexOf(answer.by)] ?? noStanding();
      if (!landsSoftly(terms, standing)) {
        const { needs } = answer.by.hold;
        throw toQuotaRefusal({ standing, tier: principal.tier, timeZone, now: clock(), needs });
      }
      const others = draws.filter((draw) => draw !== answer.by);
      return admit(asking, others, [...exhausted, standing]);
    }
    const standings = taken.flatMap((held) => held.standings);
    const steps = combineSteps(taken.map((held) => stepsOf(asking, held)));
    return createReservation({ standings, exhausted }, steps);
  }

  return {
    admit,

    /** A title that the terms leave free; null where it is to be charged like any request. */
    async admitTitle(asking: Asking, draw: Draw): Promise<Reservation | null> {
      const { principal, terms, demand } = asking;
      const free = { standings: [], exhausted: [] };
      if (terms.titles === 'free') return createReservation(free, combineSteps([]));
      const [part] = toParts(principal, { ...terms, concurrency: null }, demand, [draw]);
      const answer = part === undefined ? null : await holder.hold(part).catch(() => null);
      if (answer === null || 'by' in answer) return null;
      return createReservation(free, stepsOf(asking, answer));
    },
  };
}

function noStanding(): never {
  throw new Error('a quota store refused by an allowance that it was not asked about');
}

/** A limit that is over within the minute is waited for. */
function landsSoftly({ atExhaustion }: Terms, { allowance }: Standing): boolean {
  return atExhaustion.kind === 'soft-land' && allowance.window !== 'minute';
}

async function peekAll(
  store: QuotaStore,
  health: StoreHealth,
  windowsOf: (kind: QuotaWindow) => Windows,
  principal: Principal,
  allowances: readonly Allowance[],
): Promise<readonly Standing[]> {
  const asked = Map.groupBy(allowances, (allowance) => subjectOf(principal, allowance));
  const standings = new Map<Allowance, Standing>();
  try {
    for (const [subject, own] of asked) {
      const counts = own.map((allowance) => toCounts(allowance, windowsOf(allowance.window)));
      const tallies = await health.run(() => store.peek(subject, counts));
      for (const [index, allowance] of own.entries()) {
        const tally = tallies[index];
        if (tally !== undefined) standings.set(allowance, toStanding(allowance, tally));
      }
    }
  } catch (cause) {
    throwUnavailable(cause);
  }
  return allowances.flatMap((allowance) => standings.get(allowance) ?? []);
}

function throwUnavailable(cause: unknown): never {
  throw toUnavailable(cause);
}
