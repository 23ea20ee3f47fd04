/** What was used: kept in the data folder, and handed to a metering system where there is one. */
import { join } from 'node:path';
import type { Config } from '../config/schema.ts';
import type { Log } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import { calendarWindows } from '../quota/windows.ts';
import { createExporter, type Exporter } from '../usage/exporter.ts';
import { createLedger } from '../usage/ledger.ts';
import type { Outbox } from '../usage/outbox.ts';
import type { UsageRecord } from '../usage/record.ts';
import { createSqliteUsage } from '../usage/sqlite-usage.ts';
import type { UsageStore } from '../usage/usage-store.ts';

export interface UsageKept {
  /** Takes a record; never throws and costs the request nothing more. */
  record(record: UsageRecord): void;
  readonly store: Pick<UsageStore, 'totals' | 'recent' | 'users'>;
  /** The local day of an instant, by the time zone of the quota. */
  dayOf(at: number): string;
  /** Writes what is left. */
  close(): Promise<void>;
}

/** @throws Error when the file cannot be opened or made in the data folder */
export function openUsage(config: Config, metrics: Metrics, log: Log, clock: () => number): UsageKept {
  const { usage, quota, dataDir } = config;
  const dayOf = (at: number) => calendarWindows('day', at, quota.timeZone).current.id;
  const exports = usage.export !== undefined;
  const store = createSqliteUsage({ file: join(dataDir, 'usage.db'), dayOf, exports });
  const exporter = createExporterOf(config, store.outbox, metrics, log);
  const { retentionDays } = usage;
  const onWritten = () => exporter?.wake();
  const ledger = createLedger({ store, retentionDays, dayOf, clock, after: afterTimeout, log, onWritten });
  exporter?.wake();
  return {
    record: ledger.record,
    store,
    dayOf,
    async close() {
      await ledger.close();
      await exporter?.close();
      await store.close();
    },
  };
}

function createExporterOf({ usage }: Config, outbox: Outbox, metrics: Metrics, log: Log): Exporter | null {
  if (usage.export === undefined) return null;
  const { token, ...sink } = usage.export;
  return createExporter({
    ...sink,
    token: token?.reveal(),
    outbox,
    source: '/llm-gateway',
    fetch,
    after: afterTimeout,
    log,
    onDelivery: metrics.usageDelivered,
  });
}

function afterTimeout(ms: number, run: () => void): () => void {
  const timer = setTimeout(run, ms);
  timer.unref();
  return () => clearTimeout(timer);
}
