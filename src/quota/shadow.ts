import { GatewayError } from '../errors.ts';
import type { Principal } from '../types.ts';
import type { Quota } from './quota.ts';

/**
 * A quota that counts everything and refuses nothing: what would have been refused goes on and is charged, beyond the
 * limit, and its reservation says so. For a look at limits before they hold.
 */
export function withoutRefusals(quota: Quota, onWouldRefuse: (principal: Principal) => void): Quota {
  return {
    ...quota,
    async reserve(principal, allowance, requestId) {
      try {
        return await quota.reserve(principal, allowance, requestId);
      } catch (error) {
        if (!(error instanceof GatewayError) || error.code !== 'quota_exhausted') throw error;
        onWouldRefuse(principal);
        const reservation = await quota.reserve(principal, { ...allowance, limit: null }, requestId);
        return { ...reservation, wouldRefuse: true };
      }
    },
  };
}
