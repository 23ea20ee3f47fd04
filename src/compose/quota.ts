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

export interface OpenedQuota {
  readonly quota: Quota;
  /** Takes over `mode`, `onStoreFailure` and `outageGrant`, for the next request. */
  configure(section: Config['quota']): void;
}

/** @throws Error when the journal cannot be opened or made in the data folder */
export function openQuota(
  config: Config,
  store: QuotaStore,
  metrics: Metrics,
  log: Log,
  clock: () => number,
): OpenedQuota {
  let section = config.quota;
  const isShadow = () => section.mode === 'shadow';
  const enforced = createQuota({
    store: timedStore(store, metrics.quotaStep, () => performance.now()),
    timeZone: section.timeZone,
    onStoreFailure: () => (isShadow() ? 'allow' : section.onStoreFailure),
    outageGrant: () => section.outageGrant,
    journalFile: openJournalFile(config.dataDir, clock),
    clock,
    matches: fitsModel,
    log,
    onStanding: ({ subject }, { used, resetsAt }) => metrics.quotaUsed(subject, used, resetsAt),
    onOutage: metrics.quotaOutage,
  });
  metrics.watch({ quota: enforced.health });
  const shadow = withoutRefusals(enforced, ({ tier }) => metrics.quotaWouldRefuse(tier));
  return {
    quota: { ...enforced, reserve: (...asked) => (isShadow() ? shadow : enforced).reserve(...asked) },
    configure(next) {
      section = next;
    },
  };
}
