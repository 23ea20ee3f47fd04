/** How much is left: the store, the journal beside it, and what metrics are told. */
import type { Config } from '../config/schema.ts';
import type { Log } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import { openJournalFile } from '../quota/journal-file.ts';
import { createQuota, type Quota } from '../quota/quota.ts';
import type { QuotaStore } from '../quota/store.ts';

/** @throws Error when the journal cannot be opened or made in the data folder */
export function openQuota(
  { quota, dataDir }: Config,
  store: QuotaStore,
  metrics: Metrics,
  log: Log,
  clock: () => number,
): Quota {
  const { timeZone, onStoreFailure, outageGrant } = quota;
  const opened = createQuota({
    store,
    timeZone,
    onStoreFailure,
    outageGrant,
    journalFile: openJournalFile(dataDir, clock),
    clock,
    log,
    onStanding: ({ subject }, { used, resetsAt }) => metrics.quotaUsed(subject, used, resetsAt),
    onOutage: metrics.quotaOutage,
  });
  metrics.watchQuota(opened.health);
  return opened;
}
