/**
 * PURE. From the claims of a verified token to a tier of the plan.
 */
import type { Tier } from '../types.ts';

/** One line of `auth.tierRules`: where a claim sits and which of its values stand for which tier. */
export interface TierRule {
  /**
   * Path of the claim: `resource_access.llm-gateway.roles`, `realm_access.roles`, `groups`, or any other.
   * Written as an array where a segment contains a dot itself.
   */
  readonly claim: string | readonly string[];
  /** Claim value → tier name. */
  readonly values: Readonly<Record<string, string>>;
}

export interface TierChooserOptions {
  readonly rules: readonly TierRule[];
  /** The plan's tiers; a rule that names any other tier has no effect. */
  readonly tiers: readonly Pick<Tier, 'name' | 'rank'>[];
  /** For callers that no rule fits; `null` turns them away. */
  readonly defaultTier: string | null;
}

/**
 * Prepares the rules once.
 *
 * @returns a total function: claims of any shape → the highest-ranking tier that any rule grants, else the default
 */
export function createTierChooser(options: TierChooserOptions): (claims: unknown) => string | null {
  const rankOf = new Map(options.tiers.map((tier) => [tier.name, tier.rank]));
  const rules = options.rules.map((rule) => ({
    path: typeof rule.claim === 'string' ? rule.claim.split('.') : rule.claim,
    tierOf: new Map(Object.entries(rule.values)),
  }));

  return function chooseTier(claims) {
    let best: string | null = null;
    let bestRank = Number.NEGATIVE_INFINITY;
    for (const rule of rules) {
      for (const value of valuesAt(claims, rule.path)) {
        const tier = rule.tierOf.get(value);
        const rank = tier === undefined ? undefined : rankOf.get(tier);
        if (tier === undefined || rank === undefined || rank <= bestRank) continue;
        best = tier;
        bestRank = rank;
      }
    }
    return best ?? options.defaultTier;
  };
}

/**
 * Prepares a look at one claim for the groups that it names.
 *
 * @param claim path, as in {@link TierRule}; absent: nobody asks
 * @returns no field where there is no group
 */
export function createGroupReader(
  claim: TierRule['claim'] | undefined,
): (claims: unknown) => { readonly groups?: readonly string[] } {
  if (claim === undefined) return () => ({});
  const path = typeof claim === 'string' ? claim.split('.') : claim;
  return (claims) => {
    const groups = valuesAt(claims, path);
    return groups.length === 0 ? {} : { groups };
  };
}

/** The values of one claim: a text or number is one value, an array as many as it has of those, all else none. */
export function valuesAt(claims: unknown, path: readonly string[]): readonly string[] {
  let at: unknown = claims;
  for (const segment of path) {
    if (typeof at !== 'object' || at === null || Array.isArray(at)) return [];
    // Own properties only: every object has a `constructor`, and nobody is to be promoted by it.
    if (!Object.hasOwn(at, segment)) return [];
    at = (at as Readonly<Record<string, unknown>>)[segment];
  }
  const list: readonly unknown[] = Array.isArray(at) ? at : [at];
  return list.filter(isPlain).map(String);
}

function isPlain(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}
