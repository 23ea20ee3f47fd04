/** The plan. */
import type { Config } from '../config/schema.ts';
import type { Tier } from '../types.ts';

export function toTiers(config: Config): ReadonlyMap<string, Tier> {
  return new Map(
    Object.entries(config.tiers).map(([name, { rank, requestsPerDay, routes }]) => {
      const allowance = { name: 'daily', limit: requestsPerDay, window: 'day' } as const;
      return [name, { name, rank, allowance, routes }];
    }),
  );
}
