import { GatewayError } from '../errors.ts';
import type { Collection } from '../store/records.ts';
import type { Allowance, Principal } from '../types.ts';
import type { Quota } from './quota.ts';

/** What operators have given beyond the tiers' limits; the same for every replica. */
export interface Grants {
  /** What a user has beyond the limit in the present window; 0 where nothing was given. */
  extraOf(subject: string, allowance: string): Promise<number>;
  /**
   * Gives more, or takes some of it back, until the window ends.
   *
   * @param ttl milliseconds until then
   * @returns what the user has beyond the limit now, never less than 0
   */
  add(subject: string, allowance: string, extra: number, ttl: number): Promise<number>;
}

/** Writers that collide read again; more of them than this at once on one user is no person's doing. */
const TRIES = 20;

export function createGrants(collection: Collection): Grants {
  const keyOf = (subject: string, allowance: string) => `${subject}:${allowance}`;
  return {
    extraOf: async (subject, allowance) => Number((await collection.get(keyOf(subject, allowance))) ?? 0),

    async add(subject, allowance, extra, ttl) {
      const key = keyOf(subject, allowance);
      for (let tries = 0; tries < TRIES; tries++) {
        const expected = await collection.get(key);
        const sum = Math.max(0, Number(expected ?? 0) + extra);
        if (await collection.put(key, `${sum}`, { expected, ttl })) return sum;
      }
      throw new Error('a grant was changed by others again and again');
    },
  };
}

/**
 * A quota that asks for grants where the limit is reached, so that they cost nobody else anything and count from the
 * next request on. A store that cannot tell of grants refuses as if there were none.
 */
export function withGrants(quota: Quota, grants: Grants): Quota {
  async function raised({ subject }: Principal, allowance: Allowance): Promise<Allowance | null> {
    const { limit, name } = allowance;
    if (limit === null) return null;
    const extra = await grants.extraOf(subject, name).catch(() => 0);
    return extra === 0 ? null : { ...allowance, limit: limit + extra };
  }

  return {
    ...quota,
    async reserve(principal, allowance, requestId) {
      try {
        return await quota.reserve(principal, allowance, requestId);
      } catch (error) {
        if (!(error instanceof GatewayError) || error.code !== 'quota_exhausted') throw error;
        const more = await raised(principal, allowance);
        if (more === null) throw error;
        return quota.reserve(principal, more, requestId);
      }
    },
    peek: async (principal, allowance) =>
      quota.peek(principal, (await raised(principal, allowance)) ?? allowance),
  };
}
