/** The plan, and where requests are counted. */
import { join } from 'node:path';
import type { Config } from '../config/schema.ts';
import type { Log } from '../observe/log.ts';
import { createSqliteStore } from '../quota/sqlite-store.ts';
import { createValkeyStore } from '../quota/valkey-store.ts';
import type { Tier } from '../types.ts';

export function toTiers(config: Config): ReadonlyMap<string, Tier> {
  return new Map(
    Object.entries(config.tiers).map(([name, { rank, requestsPerDay, routes }]) => {
      const allowance = { name: 'daily', limit: requestsPerDay, window: 'day' } as const;
      return [name, { name, rank, allowance, routes }];
    }),
  );
}

/** Waits for Valkey, at most two seconds: users with a limit would be refused until it is connected. */
export async function createStore(config: Config, log: Log) {
  const { redisUrl } = config.quota;
  if (redisUrl === undefined)
    return createSqliteStore({ file: join(config.dataDir, 'quota.db'), clock: Date.now });
  const store = createValkeyStore({ url: redisUrl.reveal() });
  for (const warning of await store.check()) log.warn({ dependency: 'quota store' }, warning);
  return store;
}
