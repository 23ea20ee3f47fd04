import { GatewayError } from '../errors.ts';
import type { Collection } from '../store/records.ts';
import type { Allowance, Principal, Terms } from '../types.ts';
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
  const isGranted = ({ limit, pool }: Allowance) => limit !== null && pool === null;
  const extraOf = (subject: string, { name }: Allowance) => grants.extraOf(subject, name).catch(() => 0);

  /** Null where nothing was given. */
  async function raised({ subject }: Principal, terms: Terms): Promise<Terms | null> {
    let sum = 0;
    const raise = async (allowance: Allowance): Promise<Allowance> => {
      if (allowance.limit === null || !isGranted(allowance)) return allowance;
      const extra = await extraOf(subject, allowance);
      sum += extra;
      return extra === 0 ? allowance : { ...allowance, limit: allowance.limit + extra };
    };
    const [first, ...others] = terms.allowances;
    const [main, ...further] = await Promise.all([raise(first), ...others.map(raise)]);
    return sum === 0 ? null : { ...terms, allowances: [main, ...further] };
  }

  return {
    ...quota,
    async reserve(principal, terms, demand) {
      try {
        const reservation = await quota.reserve(principal, terms, demand);
        if (reservation.exhausted.length === 0) return reservation;
        const more = await raised(principal, terms);
        if (more === null) return reservation;
        await reservation.settle({ ending: 'refused' });
        return await quota.reserve(principal, more, demand);
      } catch (error) {
        if (!(error instanceof GatewayError) || error.code !== 'quota_exhausted') throw error;
        const more = await raised(principal, terms);
        if (more === null) throw error;
        return quota.reserve(principal, more, demand);
      }
    },
    peek: async (principal, terms) => quota.peek(principal, (await raised(principal, terms)) ?? terms),
  };
}
