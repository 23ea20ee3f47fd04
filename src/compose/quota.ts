/** How much is left: the store, the journal beside it, and what metrics are told. */
import type { Config } from '../config/schema.ts';
import type { Log } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import { openJournalFile } from '../quota/journal-file.ts';
import { createQuota, type Quota } from '../quota/quota.ts';
import { withoutRefusals } from '../quota/shadow.ts';
import type { QuotaStore } from '../quota/store.ts';
import { fitsModel } from '../routing/match-model.ts';
import { timedStore } from './timed-stores.ts';

/** @throws Error when the journal cannot be opened or made in the data folder */
export function openQuota(
  { quota: { mode, timeZone, onStoreFailure, outageGrant }, dataDir }: Config,
  store: QuotaStore,
  metrics: Metrics,
  log: Log,
  clock: () => number,
): Quota {
  const quota = createQuota({
    store: timedStore(store, metrics.quotaStep, () => performance.now()),
    timeZone,
    onStoreFailure: mode === 'shadow' ? 'allow' : onStoreFailure,
    outageGrant,
    journalFile: openJournalFile(dataDir, clock),
    clock,
    matches: fitsModel,
    log,
    onStanding: ({ subject }, { used, resetsAt }) => metrics.quotaUsed(subject, used, resetsAt),
    onOutage: metrics.quotaOutage,
  });
  metrics.watch({ quota: quota.health });
  return mode === 'enforce' ? quota : withoutRefusals(quota, ({ tier }) => metrics.quotaWouldRefuse(tier));
}
