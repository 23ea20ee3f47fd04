/** Standings as response headers. PURE. */
import type { Dialect, QuotaWindow, Standing } from '../types.ts';
import { shareOf } from './standing.ts';

/** From these shares of an allowance on Claude Code warns; it shows the highest that was passed. */
const WARNING_THRESHOLDS = [0.95, 0.75];

/** Seconds of a window, by its name. A day of 23 or 25 hours is announced as a day all the same, a month as 30. */
const WINDOW_SECONDS: Readonly<Record<QuotaWindow, number>> = {
  minute: 60,
  day: 86_400,
  week: 604_800,
  month: 2_592_000,
};

/** The window in the words of `overage-period`. */
const WINDOW_PERIODS: Readonly<Record<QuotaWindow, string>> = {
  minute: 'daily',
  day: 'daily',
  week: 'weekly',
  month: 'monthly',
};

/** Units that the dialects have headers for, with the names of these. */
const UNIT_HEADERS = [
  {
    unit: 'request',
    anthropic: [
      'anthropic-ratelimit-requests-limit',
      'anthropic-ratelimit-requests-remaining',
      'anthropic-ratelimit-requests-reset',
    ],
    openai: ['x-ratelimit-limit-requests', 'x-ratelimit-remaining-requests', 'x-ratelimit-reset-requests'],
  },
  {
    unit: 'token',
    anthropic: [
      'anthropic-ratelimit-tokens-limit',
      'anthropic-ratelimit-tokens-remaining',
      'anthropic-ratelimit-tokens-reset',
    ],
    openai: ['x-ratelimit-limit-tokens', 'x-ratelimit-remaining-tokens', 'x-ratelimit-reset-tokens'],
  },
] as const;

/** A standing that has a limit. */
interface Limited extends Standing {
  readonly limit: number;
  readonly remaining: number;
}

/**
 * What an answer says about the caller's quota: `RateLimit` with every limit (draft-ietf-httpapi-ratelimit-headers-10),
 * the dialect's own headers for requests and tokens, and on Anthropic routes what Claude Code shows as "You've used 82%
 * …" (claude-code.md §4), of the allowance of which most is used. Send them before the first byte of a stream.
 *
 * @param now milliseconds since the epoch
 * @returns lower-case names; nothing where there is no limit
 */
export function toQuotaHeaders(
  standings: readonly Standing[],
  dialect: Dialect,
  now: number,
): Record<string, string> {
  const limited = standings.filter(isLimited);
  const tightest = tightestOf(limited);
  if (tightest === null) return {};
  return {
    ...toRateLimit(limited, now),
    ...toUnitHeaders(limited, dialect, now),
    ...(dialect === 'anthropic' && toUnified(tightest)),
    ...(dialect === 'responses' && toCodex(tightest)),
  };
}

/**
 * What a refusal for an exhausted allowance says, so that Claude Code shows the message alone and neither it nor an
 * SDK tries again (claude-code.md §2b). `representative-claim` and `overage-status` must stay out: with either of
 * them Claude Code puts a text about claude.ai in the place of ours.
 *
 * @param now milliseconds since the epoch
 */
export function toRefusalHeaders(standing: Standing, now: number): Record<string, string> {
  const reset = toUnixSeconds(standing.resetsAt);
  return {
    'retry-after': `${secondsUntil(standing.resetsAt, now)}`,
    'x-should-retry': 'false',
    ...toShortRefusalHeaders(standing, now),
    'anthropic-ratelimit-unified-status': 'rejected',
    'anthropic-ratelimit-unified-reset': reset,
    'anthropic-ratelimit-unified-overage-reset': reset,
    'anthropic-ratelimit-unified-overage-utilization': '1',
    'anthropic-ratelimit-unified-overage-surpassed-threshold': '1',
    'anthropic-ratelimit-unified-overage-period': WINDOW_PERIODS[standing.allowance.window],
    'anthropic-ratelimit-unified-overage-disabled-reason': 'org_spend_cap_reached',
  };
}

/** What a refusal says that is over within the minute: clients wait that long by themselves. */
export function toShortRefusalHeaders(standing: Standing, now: number): Record<string, string> {
  return toRateLimit([{ ...standing, limit: standing.limit ?? 0, remaining: 0 }], now);
}

/** Of the allowances that last longer than a minute the one of which most is used; the first of equal ones. */
export function tightestOf<S extends Standing>(standings: readonly S[]): S | null {
  let tightest: S | null = null;
  for (const one of standings) if (tightest === null || isTighter(one, tightest)) tightest = one;
  return tightest;
}

function isTighter(one: Standing, other: Standing): boolean {
  const isBrief = one.allowance.window === 'minute';
  if (isBrief !== (other.allowance.window === 'minute')) return !isBrief;
  return shareOf(one) > shareOf(other);
}

function isLimited(standing: Standing): standing is Limited {
  return standing.limit !== null;
}

/** Whole seconds, at least 1: a client that is told 0 comes back at once. */
export function secondsUntil(instant: number, now: number): number {
  return Math.max(1, Math.ceil((instant - now) / 1000));
}

/** A list of policies and one of what is left, in the same order; units other than requests are named (§3.1.3). */
function toRateLimit(limited: readonly Limited[], now: number): Record<string, string> {
  const policies: string[] = [];
  const left: string[] = [];
  for (const { allowance, limit, remaining, resetsAt } of limited) {
    const { name, window, unit } = allowance;
    const named = unit === 'request' ? '' : `;qu="${unit}s"`;
    const quoted = toStructuredString(name);
    policies.push(`${quoted};q=${limit};w=${WINDOW_SECONDS[window]}${named}`);
    left.push(`${quoted};r=${remaining};t=${secondsUntil(resetsAt, now)}`);
  }
  return { 'ratelimit-policy': policies.join(', '), ratelimit: left.join(', ') };
}

/** The dialect's own headers: of several allowances of a unit the one of which most is used. */
function toUnitHeaders(limited: readonly Limited[], dialect: Dialect, now: number): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const { unit, anthropic, openai } of UNIT_HEADERS) {
    const tightest = tightestOf(limited.filter(({ allowance }) => allowance.unit === unit));
    if (tightest === null) continue;
    const { limit, remaining, resetsAt } = tightest;
    const [limitName, remainingName, resetName] = dialect === 'anthropic' ? anthropic : openai;
    headers[limitName] = `${limit}`;
    headers[remainingName] = `${remaining}`;
    headers[resetName] =
      dialect === 'anthropic' ? toIsoSeconds(resetsAt) : toDuration(secondsUntil(resetsAt, now));
  }
  return headers;
}

const toIsoSeconds = (instant: number): string => `${new Date(instant).toISOString().slice(0, -5)}Z`;

function toUnified(standing: Limited): Record<string, string> {
  const share = shareOf(standing);
  const passed = WARNING_THRESHOLDS.find((threshold) => share >= threshold);
  const status = passed === undefined ? 'allowed' : 'allowed_warning';
  const reset = toUnixSeconds(standing.resetsAt);
  return {
    'anthropic-ratelimit-unified-status': status,
    'anthropic-ratelimit-unified-reset': reset,
    'anthropic-ratelimit-unified-representative-claim': 'overage',
    'anthropic-ratelimit-unified-overage-status': status,
    'anthropic-ratelimit-unified-overage-reset': reset,
    'anthropic-ratelimit-unified-overage-utilization': `${Math.round(share * 10_000) / 10_000}`,
    ...(passed === undefined
      ? {}
      : { 'anthropic-ratelimit-unified-overage-surpassed-threshold': `${passed}` }),
  };
}

/** What Codex keeps of a limit: how much of it is used, how long its window is, when it ends (codex.md §5). */
function toCodex(standing: Limited): Record<string, string> {
  return {
    'x-codex-primary-used-percent': `${Math.round(shareOf(standing) * 10_000) / 100}`,
    'x-codex-primary-window-minutes': `${WINDOW_SECONDS[standing.allowance.window] / 60}`,
    'x-codex-primary-reset-at': toUnixSeconds(standing.resetsAt),
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
