import type { Outcome, Standing, Usage } from '../types.ts';

/** Quota held for one request. */
export interface Reservation {
  /** Where the principal stood in each allowance drawn on when the request was admitted, the request included. */
  readonly standings: readonly Standing[];
  /** Allowances that were used up and are not drawn on, because the tier goes on with another model then. */
  readonly exhausted: readonly Standing[];
  /** The limit would have refused it; it goes on because limits are only being tried. */
  readonly wouldRefuse?: true | undefined;
  /** Charges the request. Call it when the backend has begun to answer. Never rejects; only the first call counts. */
  commit(): Promise<void>;
  /** Ends the request, charged or not as {@link isCharged} says. Never rejects; only the first call counts. */
  settle(outcome: Outcome): Promise<void>;
}

/** How a reservation reaches the store. None of these rejects, and what is begun first is done first. */
export interface ReservationSteps {
  /** Charges what is known when the answer begins. */
  readonly commit: () => Promise<void>;
  /** Charges what is known at the end; null where nothing more is known then and nothing else ends with it. */
  readonly finish: ((usage: Usage | null) => Promise<void>) | null;
  readonly release: () => Promise<void>;
  /** Begins to keep the lease alive; what it returns ends that. */
  readonly keepHeld: () => () => void;
  /** Whether the lease outlives the charge, because it counts what runs. */
  readonly runsOn: boolean;
}

/**
 * Whether a request that ended so counts. What the backend did not deliver is never charged, so that a stream cut
 * by the backend and Claude Code's replay of it are one charge; what a client walked away from is, else quota would
 * be free by pressing Esc.
 */
export function isCharged(outcome: Outcome): boolean {
  if (outcome.ending === 'client-left') return outcome.contentSent;
  return outcome.ending === 'completed';
}

/** Each step is taken once, in order, whatever is called how often. */
export function createReservation(
  { standings, exhausted }: Pick<Reservation, 'standings' | 'exhausted'>,
  steps: ReservationSteps,
): Reservation {
  const stopHolding = once(steps.keepHeld());
  let state: 'held' | 'charged' | 'settled' = 'held';
  let latest: Promise<void> = Promise.resolve();

  function charge(): Promise<void> {
    if (state !== 'held') return latest;
    state = 'charged';
    if (!steps.runsOn) stopHolding();
    latest = steps.commit();
    return latest;
  }

  function finish(usage: Usage | null): Promise<void> {
    stopHolding();
    if (steps.finish === null) return charge();
    latest = steps.finish(usage);
    return latest;
  }

  function giveBack(): Promise<void> {
    stopHolding();
    latest = steps.release();
    return latest;
  }

  return {
    standings,
    exhausted,
    commit: charge,
    settle(outcome) {
      if (state === 'settled') return latest;
      const usage = 'usage' in outcome ? outcome.usage : null;
      const done = isCharged(outcome) ? finish(usage) : giveBack();
      state = 'settled';
      return done;
    },
  };
}

function once(run: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) run();
    isDone = true;
  };
}

/** The steps of several parts of a request as one. */
export function combineSteps(all: readonly ReservationSteps[]): ReservationSteps {
  const [only, ...others] = all;
  if (only !== undefined && others.length === 0) return only;
  const each = async (step: (one: ReservationSteps) => Promise<void>) => {
    await Promise.all(all.map(step));
  };
  return {
    commit: () => each((one) => one.commit()),
    finish: all.some(({ finish }) => finish !== null)
      ? (usage) => each((one) => (one.finish === null ? one.commit() : one.finish(usage)))
      : null,
    release: () => each((one) => one.release()),
    keepHeld() {
      const stops = all.map((one) => one.keepHeld());
      return () => {
        for (const stop of stops) stop();
      };
    },
    runsOn: all.some(({ runsOn }) => runsOn),
  };
}
