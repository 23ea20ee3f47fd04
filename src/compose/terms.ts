/** What a caller may use: the terms of their tier, with what holds for them alone or for a group they are in. */
import { hash } from 'node:crypto';
import { subjectOf } from '../auth/digest.ts';
import type { Config } from '../config/schema.ts';
import { tierOf } from '../pipeline.ts';
import type { Allowance, Pool, Principal, Terms, Tier } from '../types.ts';
import { toAllowance, toDaily } from './tiers.ts';

type Limits = Readonly<Record<string, number | null>>;

interface Shared extends Pool {
  readonly groups: readonly string[];
  readonly members: ReadonlySet<string>;
  readonly allowances: readonly Allowance[];
}

/** What the sentence needs to know of quota beside the quota itself. */
export function createQuotaParts(config: Pick<Config, 'quota' | 'auth'>, tiers: ReadonlyMap<string, Tier>) {
  const termsOf = createTermsOf(config);
  return {
    termsOf: (principal: Principal) => termsOf(principal, tierOf({ tiers }, principal)),
    timeZone: config.quota.timeZone,
    digest: (text: string | Uint8Array) => hash('sha1', text, 'base64url'),
  };
}

export function createTermsOf({ quota, auth }: Pick<Config, 'quota' | 'auth'>) {
  const limitsOf = new Map<string, Limits>(
    quota.overrides.map(({ user, sub = '', issuer = auth.keycloak.url ?? '', limits }) => [
      user === undefined ? subjectOf(issuer, sub) : subjectOf('static', user),
      limits,
    ]),
  );
  const pools: readonly Shared[] = quota.pools.map(({ name, groups, users, allowances }) => {
    const pool = { name, subject: subjectOf('pool', name) };
    const members = new Set(users.map((user) => subjectOf('static', user)));
    return { ...pool, groups, members, allowances: allowances.map((one) => toAllowance(one, pool)) };
  });

  return function termsOf(principal: Principal, { terms }: Tier): Terms {
    const limits = limitsOf.get(principal.subject);
    const pool = poolOf(principal, pools);
    const { requestsPerDay } = principal;
    if (limits === undefined && pool === undefined && requestsPerDay === undefined) return terms;
    const own = terms.allowances.map((allowance) => withLimit(allowance, limits));
    const capped = requestsPerDay === undefined ? own : withCap(own, requestsPerDay);
    const [main = terms.allowances[0], ...further] = [...capped, ...(pool?.allowances ?? [])];
    return { ...terms, allowances: [main, ...further] };
  };
}

function poolOf({ subject, groups = [] }: Principal, pools: readonly Shared[]): Shared | undefined {
  return pools.find((pool) => pool.members.has(subject) || pool.groups.some((name) => groups.includes(name)));
}

function withLimit(allowance: Allowance, limits: Limits | undefined): Allowance {
  const limit = limits?.[allowance.name];
  return limit === undefined ? allowance : { ...allowance, limit };
}

/** A service key has requests a day of its own, whatever its owner's tier counts by. */
function withCap(allowances: readonly Allowance[], cap: number): readonly Allowance[] {
  const counts = ({ unit, window, models }: Allowance) =>
    unit === 'request' && window === 'day' && models === null;
  const daily = allowances.find(counts) ?? toDaily(cap);
  const capped = { ...daily, limit: Math.min(cap, daily.limit ?? cap) };
  return [capped, ...allowances.filter((allowance) => allowance !== daily)];
}
