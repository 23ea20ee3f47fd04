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

/**
 * Turns that users of each tier have where requests wait in line: as configured, else twice as many as those of the
 * tier ranked below.
 */
export function toWeights({ tiers }: Pick<Config, 'tiers'>): (tier: string) => number {
  const ranked = Object.entries(tiers).toSorted(([, one], [, other]) => one.rank - other.rank);
  const weights = new Map(ranked.map(([name, { weight }], index) => [name, weight ?? 2 ** index]));
  return (tier) => weights.get(tier) ?? 1;
}
