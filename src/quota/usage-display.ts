/** Standings as Claude Code's own usage page reads them. PURE. */
import type { QuotaWindow, Standing } from '../types.ts';
import { tightestOf } from './headers.ts';
import { shareOf } from './standing.ts';

/** Window names of the display: "today", "this week", "this month". */
const GROUPS: Readonly<Record<QuotaWindow, string>> = {
  minute: 'daily',
  day: 'daily',
  week: 'weekly',
  month: 'monthly',
};

/**
 * The answer to `GET /api/oauth/usage`, which Claude Code asks on `/usage` and for its status line when it runs with
 * `CLAUDE_CODE_USE_GATEWAY` or signed in (claude-code.md §4, measured with 2.1.330). It knows amounts of money only,
 * so a quota is told as a share, without amounts; and it shows one row, so that of which most is used.
 */
export function toUsageDisplay(standings: readonly Standing[]) {
  const tightest = tightestOf(standings.filter(({ limit }) => limit !== null));
  if (tightest === null) return { extra_usage: null, limits: [] };
  const percent = Math.round(shareOf(tightest) * 100);
  return {
    extra_usage: { is_enabled: true, monthly_limit: null, used_credits: null, utilization: percent },
    limits: [
      {
        kind: 'spend',
        group: GROUPS[tightest.allowance.window],
        percent,
        resets_at: new Date(tightest.resetsAt).toISOString(),
        severity: percent >= 95 ? 'critical' : percent >= 75 ? 'warning' : 'normal',
        is_active: true,
      },
    ],
  };
}
