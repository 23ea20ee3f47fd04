/**
 * Where things are kept: everything in one Valkey, or in SQLite files of the data folder. What speaks to Valkey is loaded
 * only where there is one.
 */
import { join } from 'node:path';
import type { Config } from '../config/schema.ts';
import type { Log } from '../observe/log.ts';
import { createSqliteStore } from '../quota/sqlite-store.ts';
import type { QuotaStore } from '../quota/store.ts';
import type { Records } from '../store/records.ts';
import { createSqliteRecords } from '../store/sqlite-records.ts';
import type { Valkey } from '../store/valkey.ts';

export interface Stores {
  readonly quotaStore: QuotaStore;
  readonly records: Records;
  /** The connection that they share; closed together with either. */
  readonly valkey: Valkey | null;
}

/** Waits for Valkey, at most two seconds: users with a limit would be refused until it is connected. */
export async function openStores({ quota, dataDir }: Config, log: Log): Promise<Stores> {
  if (quota.redisUrl === undefined) {
    const clock = Date.now;
    return {
      quotaStore: createSqliteStore({ file: join(dataDir, 'quota.db'), clock }),
      records: createSqliteRecords({ file: join(dataDir, 'records.db'), clock }),
      valkey: null,
    };
  }
  const [{ openValkey }, { createValkeyStore }, { createValkeyRecords }] = await Promise.all([
    import('../store/valkey.ts'),
    import('../quota/valkey-store.ts'),
    import('../store/valkey-records.ts'),
  ]);
  const valkey = openValkey({ url: quota.redisUrl.reveal() });
  for (const warning of await valkey.check()) log.warn({ dependency: 'quota store' }, warning);
  return { quotaStore: createValkeyStore(valkey), records: createValkeyRecords(valkey), valkey };
}
