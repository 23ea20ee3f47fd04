/** What was used: kept in Valkey or the data folder, and handed to a metering system where there is one. */
import { join } from 'node:path';
import { afterTimeout } from '../after.ts';
import type { Config } from '../config/schema.ts';
import type { Log } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import { calendarWindows } from '../quota/windows.ts';
import type { Valkey } from '../store/valkey.ts';
import { createExporter, type Exporter } from '../usage/exporter.ts';
import { createLedger } from '../usage/ledger.ts';
import type { Outbox } from '../usage/outbox.ts';
import type { UsageRecord } from '../usage/record.ts';
import { createSqliteUsage } from '../usage/sqlite-usage.ts';
import type { UsageStore } from '../usage/usage-store.ts';
import type { ValkeyUsageOptions } from '../usage/valkey-usage.ts';

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
export async function openUsage(
  config: Config,
  valkey: Valkey | null,
  metrics: Metrics,
  log: Log,
  clock: () => number,
): Promise<UsageKept> {
  const { usage, quota, dataDir } = config;
  const dayOf = (at: number) => calendarWindows('day', at, quota.timeZone).current.id;
  const { retentionDays } = usage;
  const exports = usage.export !== undefined;
  const shared = valkey === null ? null : await openShared({ valkey, dayOf, retentionDays });
  // What waits for the sink is on the replica's own disk in any case.
  const local = createSqliteUsage({ file: join(dataDir, 'usage.db'), dayOf, exports });
  const store = shared === null ? local : exports ? inBoth(shared, local) : shared;
  const exporter = createExporterOf(config, local.outbox, metrics, log);
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
      await local.close();
    },
  };
}

async function openShared(options: ValkeyUsageOptions): Promise<UsageStore> {
  const { createValkeyUsage } = await import('../usage/valkey-usage.ts');
  return createValkeyUsage(options);
}

/** Read from the first. A batch that only the first took is given to both again: it knows that it has it. */
function inBoth(first: UsageStore, second: UsageStore): UsageStore {
  return {
    ...first,
    async add(records) {
      await first.add(records);
      await second.add(records);
    },
    async forgetBefore(day, at) {
      await first.forgetBefore(day, at);
      await second.forgetBefore(day, at);
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
