import { type ErrorCode, GatewayError } from '../errors.ts';
import type { Allowance, Principal, Terms } from '../types.ts';
import type { Quota } from './quota.ts';

/**
 * A quota that counts everything and refuses nothing: what would have been refused goes on and is charged, beyond the
 * limit, and its reservation says so. For a look at limits before they hold.
 */
export function withoutRefusals(quota: Quota, onWouldRefuse: (principal: Principal) => void): Quota {
  return {
    ...quota,
    async reserve(principal, terms, demand) {
      try {
        return await quota.reserve(principal, { ...terms, atExhaustion: { kind: 'deny' } }, demand);
      } catch (error) {
        if (!(error instanceof GatewayError) || !REFUSALS.has(error.code)) throw error;
        onWouldRefuse(principal);
        const reservation = await quota.reserve(principal, withoutLimits(terms), demand);
        return { ...reservation, wouldRefuse: true };
      }
    },
  };
}

const REFUSALS: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['quota_exhausted', 'rate_limited']);

function withoutLimits({ allowances: [main, ...further], ...rest }: Terms): Terms {
  const unlimited = (allowance: Allowance) => ({ ...allowance, limit: null });
  return { ...rest, concurrency: null, allowances: [unlimited(main), ...further.map(unlimited)] };
}
