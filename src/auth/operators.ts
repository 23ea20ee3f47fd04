/**
 * PURE. Who runs the gateway: members of certain tiers, holders of a role, users of the static keys by name.
 */
import { type TierRule, valuesAt } from './tiers.ts';

export interface OperatorRules {
  readonly tiers: readonly string[];
  /** Values of the claim. */
  readonly roles: readonly string[];
  /** Path of the claim, as in {@link TierRule}. */
  readonly rolesClaim: TierRule['claim'];
  /** Users of the static keys. */
  readonly users: readonly string[];
}

/** What is known of somebody whose credential is genuine. */
export interface Someone {
  readonly owner: { readonly issuer: string; readonly sub: string };
  readonly tier: string | null;
  /** What the realm says of them; null for users of the static keys. */
  readonly claims: unknown;
}

export const hasOperators = ({ tiers, roles, users }: OperatorRules): boolean =>
  tiers.length + roles.length + users.length > 0;

/** A user of a realm is never taken for one of the static keys who has the same name. */
export function createOperatorCheck({ tiers, roles, rolesClaim, users }: OperatorRules) {
  const path = typeof rolesClaim === 'string' ? rolesClaim.split('.') : rolesClaim;
  return ({ owner, tier, claims }: Someone): boolean =>
    (tier !== null && tiers.includes(tier)) ||
    (owner.issuer === 'static' ? users.includes(owner.sub) : hasOne(valuesAt(claims, path), roles));
}

const hasOne = (held: readonly string[], wanted: readonly string[]) =>
  held.some((one) => wanted.includes(one));
