import type { Outcome, Standing } from '../types.ts';

/** Quota held for one request. */
export interface Reservation {
  /** Where the principal stood when the request was admitted, the request included. */
  readonly standing: Standing;
  /** The limit would have refused it; it goes on because limits are only being tried. */
  readonly wouldRefuse?: true | undefined;
  /** Charges the request. Call it when the backend has begun to answer. Never rejects; only the first call counts. */
  commit(): Promise<void>;
  /** Ends the request, charged or not as {@link isCharged} says. Never rejects; only the first call counts. */
  settle(outcome: Outcome): Promise<void>;
}

/** How a reservation reaches the store. None of these rejects, and what is begun first is done first. */
export interface ReservationSteps {
  readonly commit: () => Promise<void>;
  readonly release: () => Promise<void>;
  /** Begins to keep the hold alive; what it returns ends that. */
  readonly keepHeld: () => () => void;
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
export function createReservation(standing: Standing, steps: ReservationSteps): Reservation {
  const stopHolding = steps.keepHeld();
  let state: 'held' | 'charged' | 'settled' = 'held';
  let latest: Promise<void> = Promise.resolve();

  function charge(): Promise<void> {
    if (state !== 'held') return latest;
    state = 'charged';
    stopHolding();
    latest = steps.commit();
    return latest;
  }

  function giveBack(): Promise<void> {
    stopHolding();
    latest = steps.release();
    return latest;
  }

  return {
    standing,
    commit: charge,
    settle(outcome) {
      if (state === 'settled') return latest;
      const done = isCharged(outcome) ? charge() : giveBack();
      state = 'settled';
      return done;
    },
  };
}
