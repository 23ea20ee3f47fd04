/**
 * How often a backend may be tried again: a share of what it is asked, so that one which fails is not asked twice as
 * much as one which works.
 */

export interface RetryBudget {
  /** A request came for the backend. */
  earn(backend: string): void;
  /** Takes one further try; false when there is none left. */
  spend(backend: string): boolean;
}

/** Further tries earned by each request. */
const SHARE = 0.2;
/** Further tries kept at most, and at the start: a replica can die with so many requests under way and lose none. */
const MOST = 100;

export function createRetryBudget(): RetryBudget {
  const left = new Map<string, number>();
  const leftOf = (backend: string) => left.get(backend) ?? MOST;
  return {
    earn(backend) {
      left.set(backend, Math.min(MOST, leftOf(backend) + SHARE));
    },
    spend(backend) {
      const tries = leftOf(backend);
      if (tries < 1) return false;
      left.set(backend, tries - 1);
      return true;
    },
  };
}
