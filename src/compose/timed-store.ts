import type { Metrics } from '../observe/metrics.ts';
import type { QuotaStore } from '../quota/store.ts';

/** Tells the metrics how long each step of the store takes, and whether it is done. @param now milliseconds, monotonic */
export function timedStore(store: QuotaStore, tell: Metrics['quotaStep'], now: () => number): QuotaStore {
  const timed =
    <A extends unknown[], T>(operation: string, step: (...given: A) => Promise<T>) =>
    async (...given: A): Promise<T> => {
      const begun = now();
      let outcome: 'ok' | 'failed' = 'failed';
      try {
        const result = await step(...given);
        outcome = 'ok';
        return result;
      } finally {
        tell(operation, outcome, (now() - begun) / 1000);
      }
    };
  return {
    ...store,
    reserve: timed('reserve', store.reserve),
    renew: timed('renew', store.renew),
    commit: timed('commit', store.commit),
    release: timed('release', store.release),
    peek: timed('peek', store.peek),
    ping: timed('ping', store.ping),
  };
}
