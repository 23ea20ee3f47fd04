/** What the gateway remembers of its backends while requests come and go, and over reloads. */
import { type Admission, createAdmission } from './admission.ts';
import { createReplicas, type ReplicaState, type Replicas } from './replicas.ts';
import { createRetryBudget, type RetryBudget } from './retry-budget.ts';

export interface Traffic {
  readonly replicas: Replicas;
  readonly admission: Admission;
  readonly retries: RetryBudget;
}

/**
 * @param now milliseconds, monotonic
 * @param onChange told when a replica, by its address, is left alone, and when it is back
 */
export function createTraffic(
  now: () => number,
  onChange?: (url: string, state: ReplicaState) => void,
): Traffic {
  return {
    replicas: createReplicas({ now, onChange }),
    admission: createAdmission(),
    retries: createRetryBudget(),
  };
}
