/** `GET /quota`: the caller's own standing. Reading it costs nothing and creates nothing. */
import { toQuotaHeaders } from '../quota/headers.ts';
import type { Quota } from '../quota/quota.ts';
import { toUsageDisplay } from '../quota/usage-display.ts';
import type { Principal, Tier } from '../types.ts';
import { sendJson } from './reply.ts';
import type { Scope } from './request-scope.ts';

export interface QuotaParts {
  readonly authenticate: (rawHeaders: readonly string[]) => Promise<Principal>;
  readonly tierOf: (principal: Principal) => Tier;
  readonly quota: Quota;
  readonly clock: () => number;
}

export function createQuotaHandler(parts: QuotaParts) {
  return async (scope: Scope): Promise<void> => {
    const principal = await parts.authenticate(scope.request.rawHeaders);
    const { allowance } = parts.tierOf(principal);
    const standing = await parts.quota.peek(principal, allowance);
    const body = {
      user: principal.user,
      tier: principal.tier,
      unit: 'request',
      limit: standing.limit,
      used: standing.used,
      pending: standing.pending,
      remaining: standing.remaining,
      resets_at: new Date(standing.resetsAt).toISOString(),
    };
    sendJson(scope, 200, body, toQuotaHeaders(standing, allowance, scope.dialect, parts.clock()));
  };
}

/** `GET /api/oauth/usage`: the same standing for Claude Code's own usage page and status line. */
export function createUsageDisplayHandler(parts: QuotaParts) {
  return async (scope: Scope): Promise<void> => {
    const principal = await parts.authenticate(scope.request.rawHeaders);
    const { allowance } = parts.tierOf(principal);
    sendJson(scope, 200, toUsageDisplay(await parts.quota.peek(principal, allowance), allowance));
  };
}
