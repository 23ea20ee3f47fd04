/** From a count to where a principal stands. PURE. */
import type { Allowance, Standing } from '../types.ts';
import type { Tally } from './store.ts';

/** @param planned limit without what was given beyond it; `null`: what is not known is not told */
export function toStanding(
  allowance: Allowance,
  { window, used, pending, extra }: Tally,
  planned: number | null = allowance.limit,
): Standing {
  const limit = planned === null ? null : planned + extra;
  const remaining = limit === null ? null : Math.max(0, limit - used - pending);
  return { allowance, limit, used, pending, remaining, resetsAt: window.endsAt };
}

/** The share of an allowance that is used or held, 0 to 1; nothing of one without a limit. */
export function shareOf({ limit, remaining }: Standing): number {
  if (limit === null || remaining === null) return 0;
  return limit === 0 ? 1 : (limit - remaining) / limit;
}
