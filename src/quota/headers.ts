/** A standing as response headers. PURE. */
import type { Allowance, Dialect, Standing } from '../types.ts';

const UNIFIED = 'anthropic-ratelimit-unified';

/** From these shares of an allowance on Claude Code warns; it shows the highest that was passed. */
const WARNING_THRESHOLDS = [0.95, 0.75];

/** Seconds of a window, by its name. A day of 23 or 25 hours is announced as a day all the same. */
const WINDOW_SECONDS = { day: 86_400 } as const satisfies Record<Allowance['window'], number>;

/** The window in the words of `overage-period`. */
const WINDOW_PERIODS = { day: 'daily' } as const satisfies Record<Allowance['window'], string>;

/**
 * What an answer says about the caller's quota: `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10), the
 * dialect's own request headers, and on Anthropic routes what Claude Code shows as "You've used 82% …"
 * (claude-code.md §4). Send them before the first byte of a stream.
 *
 * @param now milliseconds since the epoch
 * @returns lower-case names; nothing where there is no limit
 */
export function toQuotaHeaders(
  standing: Standing,
  allowance: Allowance,
  dialect: Dialect,
  now: number,
): Record<string, string> {
  const { limit } = standing;
  if (limit === null) return {};
  const remaining = standing.remaining ?? 0;
  const common = toRateLimit(limit, remaining, standing.resetsAt, allowance, now);
  if (dialect !== 'anthropic') {
    return {
      ...common,
      ...(dialect === 'responses' && toCodex(limit, remaining, standing.resetsAt, allowance)),
      'x-ratelimit-limit-requests': `${limit}`,
      'x-ratelimit-remaining-requests': `${remaining}`,
      'x-ratelimit-reset-requests': toDuration(secondsUntil(standing.resetsAt, now)),
    };
  }
  return {
    ...common,
    'anthropic-ratelimit-requests-limit': `${limit}`,
    'anthropic-ratelimit-requests-remaining': `${remaining}`,
    'anthropic-ratelimit-requests-reset': new Date(standing.resetsAt).toISOString().replace(/\.\d+Z$/, 'Z'),
    ...toUnified(limit, remaining, standing.resetsAt),
  };
}

/**
 * What a refusal for an exhausted allowance says, so that Claude Code shows the message alone and neither it nor an
 * SDK tries again (claude-code.md §2b). `representative-claim` and `overage-status` must stay out: with either of
 * them Claude Code puts a text about claude.ai in the place of ours.
 *
 * @param now milliseconds since the epoch
 */
export function toRefusalHeaders(
  standing: Standing,
  allowance: Allowance,
  now: number,
): Record<string, string> {
  const reset = toUnixSeconds(standing.resetsAt);
  return {
    'retry-after': `${secondsUntil(standing.resetsAt, now)}`,
    'x-should-retry': 'false',
    ...toRateLimit(standing.limit ?? 0, 0, standing.resetsAt, allowance, now),
    [`${UNIFIED}-status`]: 'rejected',
    [`${UNIFIED}-reset`]: reset,
    [`${UNIFIED}-overage-reset`]: reset,
    [`${UNIFIED}-overage-utilization`]: '1',
    [`${UNIFIED}-overage-surpassed-threshold`]: '1',
    [`${UNIFIED}-overage-period`]: WINDOW_PERIODS[allowance.window],
    [`${UNIFIED}-overage-disabled-reason`]: 'org_spend_cap_reached',
  };
}

/** Whole seconds, at least 1: a client that is told 0 comes back at once. */
export function secondsUntil(instant: number, now: number): number {
  return Math.max(1, Math.ceil((instant - now) / 1000));
}

function toRateLimit(
  limit: number,
  remaining: number,
  resetsAt: number,
  allowance: Allowance,
  now: number,
): Record<string, string> {
  const name = toStructuredString(allowance.name);
  return {
    'ratelimit-policy': `${name};q=${limit};w=${WINDOW_SECONDS[allowance.window]}`,
    ratelimit: `${name};r=${remaining};t=${secondsUntil(resetsAt, now)}`,
  };
}

function toUnified(limit: number, remaining: number, resetsAt: number): Record<string, string> {
  const share = limit === 0 ? 1 : (limit - remaining) / limit;
  const passed = WARNING_THRESHOLDS.find((threshold) => share >= threshold);
  const status = passed === undefined ? 'allowed' : 'allowed_warning';
  const reset = toUnixSeconds(resetsAt);
  return {
    [`${UNIFIED}-status`]: status,
    [`${UNIFIED}-reset`]: reset,
    [`${UNIFIED}-representative-claim`]: 'overage',
    [`${UNIFIED}-overage-status`]: status,
    [`${UNIFIED}-overage-reset`]: reset,
    [`${UNIFIED}-overage-utilization`]: `${Math.round(share * 10_000) / 10_000}`,
    ...(passed === undefined ? {} : { [`${UNIFIED}-overage-surpassed-threshold`]: `${passed}` }),
  };
}

/** What Codex keeps of a limit: how much of it is used, how long its window is, when it ends (codex.md §5). */
function toCodex(
  limit: number,
  remaining: number,
  resetsAt: number,
  { window }: Allowance,
): Record<string, string> {
  const share = limit === 0 ? 1 : (limit - remaining) / limit;
  return {
    'x-codex-primary-used-percent': `${Math.round(share * 10_000) / 100}`,
    'x-codex-primary-window-minutes': `${WINDOW_SECONDS[window] / 60}`,
    'x-codex-primary-reset-at': toUnixSeconds(resetsAt),
  };
}

function toUnixSeconds(instant: number): string {
  return `${Math.ceil(instant / 1000)}`;
}

/** `8h55m11s`, as OpenAI writes it: no parts of 0 in front. */
function toDuration(seconds: number): string {
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  const tail = `${seconds % 60}s`;
  if (hours > 0) return `${hours}h${minutes}m${tail}`;
  return minutes > 0 ? `${minutes}m${tail}` : tail;
}

/** A string of RFC 9651 §3.3.3: visible ASCII, quotes and backslashes escaped. */
function toStructuredString(text: string): string {
  return `"${text.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&')}"`;
}
