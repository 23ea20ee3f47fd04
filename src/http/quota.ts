/** `GET /quota`: the caller's own standing. Reading it costs nothing and creates nothing. */
import { toQuotaHeaders } from '../quota/headers.ts';
import type { Quota } from '../quota/quota.ts';
import { toUsageDisplay } from '../quota/usage-display.ts';
import type { Principal, Standing, Terms } from '../types.ts';
import { sendJson } from './reply.ts';
import type { Scope } from './request-scope.ts';

export interface QuotaParts {
  readonly authenticate: (rawHeaders: readonly string[]) => Promise<Principal>;
  readonly termsOf: (principal: Principal) => Terms;
  readonly quota: Quota;
  readonly clock: () => number;
}

export function createQuotaHandler(parts: QuotaParts) {
  return async (scope: Scope): Promise<void> => {
    const principal = await parts.authenticate(scope.request.rawHeaders);
    const terms = parts.termsOf(principal);
    const standings = await parts.quota.peek(principal, terms);
    const [main] = standings;
    const body = {
      user: principal.user,
      tier: principal.tier,
      ...(main !== undefined && toCounts(main)),
      ...(terms.concurrency !== null && { concurrency: terms.concurrency }),
      allowances: standings.map(toAllowanceBody),
    };
    sendJson(scope, 200, body, toQuotaHeaders(standings, scope.dialect, parts.clock()));
  };
}

function toAllowanceBody(standing: Standing) {
  const { name, window, models, pool } = standing.allowance;
  return {
    name,
    window,
    ...(models !== null && { models }),
    ...(pool !== null && { pool: pool.name }),
    ...toCounts(standing),
  };
}

function toCounts({ allowance, limit, used, pending, remaining, resetsAt }: Standing) {
  const resets_at = new Date(resetsAt).toISOString();
  return { unit: allowance.unit, limit, used, pending, remaining, resets_at };
}

/** `GET /api/oauth/usage`: the same standings for Claude Code's own usage page and status line. */
export function createUsageDisplayHandler(parts: QuotaParts) {
  return async (scope: Scope): Promise<void> => {
    const principal = await parts.authenticate(scope.request.rawHeaders);
    sendJson(scope, 200, toUsageDisplay(await parts.quota.peek(principal, parts.termsOf(principal))));
  };
}
