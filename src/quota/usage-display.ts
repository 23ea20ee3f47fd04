/** A standing as Claude Code's own usage page reads it. PURE. */
import type { Allowance, Standing } from '../types.ts';

/** Window names of the display: "today", "this week", "this month". */
const GROUPS = { day: 'daily' } as const satisfies Record<Allowance['window'], string>;

/**
 * The answer to `GET /api/oauth/usage`, which Claude Code asks on `/usage` and for its status line when it runs with
 * `CLAUDE_CODE_USE_GATEWAY` or signed in (claude-code.md §4, measured with 2.1.330). It knows amounts of money only,
 * so a quota of requests is told as a share, without amounts.
 */
export function toUsageDisplay(standing: Standing, allowance: Allowance) {
  const { limit, remaining, resetsAt } = standing;
  if (limit === null || remaining === null) return { extra_usage: null, limits: [] };
  const percent = limit === 0 ? 100 : Math.round(((limit - remaining) / limit) * 100);
  return {
    extra_usage: { is_enabled: true, monthly_limit: null, used_credits: null, utilization: percent },
    limits: [
      {
        kind: 'spend',
        group: GROUPS[allowance.window],
        percent,
        resets_at: new Date(resetsAt).toISOString(),
        severity: percent >= 95 ? 'critical' : percent >= 75 ? 'warning' : 'normal',
        is_active: true,
      },
    ],
  };
}
