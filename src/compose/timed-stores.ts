/** Stores that tell the metrics how long each of their steps takes, and whether it is done. */
import type { Metrics } from '../observe/metrics.ts';
import type { QuotaStore } from '../quota/store.ts';
import type { Collection, Records } from '../store/records.ts';

type Tell = Metrics['quotaStep'];

/** @param now milliseconds, monotonic */
export function timedStore(store: QuotaStore, tell: Tell, now: () => number): QuotaStore {
  const timed = createTimed(tell, now);
  return {
    ...store,
    reserve: timed('reserve', store.reserve),
    renew: timed('renew', store.renew),
    commit: timed('commit', store.commit),
    release: timed('release', store.release),
    peek: timed('peek', store.peek),
    grant: timed('grant', store.grant),
    ping: timed('ping', store.ping),
  };
}

/** @param now milliseconds, monotonic */
export function timedRecords(records: Records, tell: Tell, now: () => number): Records {
  const timed = createTimed(tell, now);
  const ofCollection = (collection: Collection): Collection => ({
    get: timed('get', collection.get),
    put: timed('put', collection.put),
    take: timed('take', collection.take),
    delete: timed('delete', collection.delete),
    list: timed('list', collection.list),
  });
  return { ...records, collection: (name) => ofCollection(records.collection(name)) };
}

const createTimed =
  (tell: Tell, now: () => number) =>
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
