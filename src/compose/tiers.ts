/** The plan. */
import type { Config } from '../config/schema.ts';
import type { Allowance, AtExhaustion, Pool, Terms, Tier } from '../types.ts';

type TierConfig = Config['tiers'][string];
type AllowanceConfig = TierConfig['allowances'][number];

export function toTiers(config: Config): ReadonlyMap<string, Tier> {
  return new Map(
    Object.entries(config.tiers).map(([name, tier]) => {
      const { rank, routes } = tier;
      return [name, { name, rank, routes, terms: toTerms(tier) }];
    }),
  );
}

function toTerms(tier: TierConfig): Terms {
  const { requestsPerDay, allowances, modelWeights, concurrency, turn, titles } = tier;
  const stated = allowances.map((one) => toAllowance(one));
  // The schema lets no tier be without any.
  const [main = toDaily(null), ...further] =
    requestsPerDay === undefined ? stated : [toDaily(requestsPerDay), ...stated];
  return {
    allowances: [main, ...further],
    concurrency,
    atExhaustion: toAtExhaustion(tier),
    weights: Object.entries(modelWeights).map(([match, counts]) => ({ match, counts })),
    turn,
    titles,
  };
}

/** What `requestsPerDay` stands for. */
export function toDaily(limit: number | null): Allowance {
  return { name: 'daily', unit: 'request', limit, window: 'day', models: null, pool: null };
}

export function toAllowance({ models, ...rest }: AllowanceConfig, pool: Pool | null = null): Allowance {
  return { ...rest, models: models ?? null, pool };
}

function toAtExhaustion({ atExhaustion: kind, overdraft, softLandTo }: TierConfig): AtExhaustion {
  if (kind === 'soft-land') return { kind, to: softLandTo };
  if (kind === 'deny') return { kind };
  const { requests, turns, tokens } = overdraft;
  return { kind, overdraft: { request: requests, turn: turns, token: tokens } };
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
