/** The answers to a request beyond an allowance. PURE. */
import { GatewayError } from '../errors.ts';
import type { QuotaUnit, QuotaWindow, Standing } from '../types.ts';
import { secondsUntil, toRefusalHeaders, toShortRefusalHeaders } from './headers.ts';

export interface Refused {
  readonly standing: Standing;
  /** Name of the tier. */
  readonly tier: string;
  /** IANA name of the zone that the window is counted in. */
  readonly timeZone: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** What the request would have needed. */
  readonly needs: number;
}

/** Seconds after which to try again while the store is away: Claude Code and the SDKs then heal by themselves. */
const RETRY_AFTER = 5;
/** Seconds after which another request may have ended. */
const RETRY_CONCURRENT_AFTER = 5;

/** What the caller reads, in one sentence: the limit, the tier, when it resets, what to do. */
export function toQuotaRefusal(refused: Refused): GatewayError {
  const { standing, now } = refused;
  const retryAfterSeconds = secondsUntil(standing.resetsAt, now);
  const sentence = toSentence(refused);
  if (standing.allowance.window === 'minute' && standing.limit !== 0) {
    const headers = toShortRefusalHeaders(standing, now);
    return new GatewayError('rate_limited', sentence, { retryAfterSeconds, headers });
  }
  return new GatewayError('quota_exhausted', sentence, {
    retryAfterSeconds,
    resetsAt: standing.resetsAt,
    headers: {
      ...toRefusalHeaders(standing, now),
      // Codex shows it as "You've hit your usage limit. …, or try again at 2:07 AM." (codex.md §5).
      'x-codex-promo-message': sentence.replace(/\.$/, '').replace(/[^\x20-\x7e]/g, '?'),
    },
  });
}

/** Told to wait a little: one of the requests under way will have ended. */
export function toConcurrencyRefusal(tier: string, limit: number): GatewayError {
  const requests = limit === 1 ? 'request' : 'requests';
  return new GatewayError(
    'rate_limited',
    `The "${tier}" tier lets ${limit} ${requests} run at once, and so many of yours do: try again when one of them has ended.`,
    { retryAfterSeconds: RETRY_CONCURRENT_AFTER },
  );
}

/** The store does not answer. */
export function toUnavailable(cause: unknown): GatewayError {
  return new GatewayError(
    'quota_unavailable',
    `The quota service does not answer now; nothing was started and nothing was charged; try again in ${RETRY_AFTER} seconds.`,
    { retryAfterSeconds: RETRY_AFTER, cause },
  );
}

/** What is said where a request goes on with another model instead of being refused. */
export function toLandingNotice(standing: Standing, timeZone: string, now: number, model: string): string {
  const reset = toReset(standing.resetsAt, timeZone, now);
  return `${toQuotaName(standing)} used up; the model "${model}" answers, free of it, until ${reset}.`;
}

function toSentence({ standing, tier, timeZone, now, needs }: Refused): string {
  const { allowance, limit, used, pending } = standing;
  const whose = allowance.pool === null ? `"${tier}" tier` : `"${allowance.pool.name}" pool`;
  if (limit === null || limit === 0) {
    return `The ${whose} includes no ${WORDS[allowance.unit][1]}: ask your administrator for another tier.`;
  }
  const running = pending > 0 ? `, ${toCount(pending)} of them still running` : '';
  const left = limit - used - pending;
  const state = left > 0 ? `has ${toCount(left)} left, and this model counts ${toCount(needs)}` : 'used up';
  const next =
    allowance.window === 'minute'
      ? 'wait until then'
      : 'wait until then or ask your administrator for a higher tier';
  const reset = toReset(standing.resetsAt, timeZone, now);
  return `${toQuotaName(standing)} ${state} (${whose}${running}); it resets at ${reset}: ${next}.`;
}

/** `Daily quota of 10 requests`; one for certain models goes by its name as well. */
function toQuotaName({ allowance: { window, unit, models, name }, limit }: Standing): string {
  const [one, several] = WORDS[unit];
  const named = models === null ? '' : ` "${name}"`;
  return `${PERIODS[window]} quota${named} of ${toCount(limit ?? 0)} ${limit === 1 ? one : several}`;
}

const PERIODS: Readonly<Record<QuotaWindow, string>> = {
  minute: 'Minute',
  day: 'Daily',
  week: 'Weekly',
  month: 'Monthly',
};

const WORDS: Readonly<Record<QuotaUnit, readonly [one: string, several: string]>> = {
  request: ['request', 'requests'],
  turn: ['prompt', 'prompts'],
  token: ['token', 'tokens'],
};

const toCount = (count: number) => count.toLocaleString('en-US');

/** `00:00 UTC, in 4 h 12 min`; further away than a day also the day. */
function toReset(resetsAt: number, timeZone: string, now: number): string {
  const seconds = secondsUntil(resetsAt, now);
  const day = seconds > 25 * 3600 ? ` on ${toDay(resetsAt, timeZone)}` : '';
  return `${toClock(resetsAt, timeZone)}${day}, in ${toWords(seconds)}`;
}

/** `Monday 23 November`. */
function toDay(instant: number, timeZone: string): string {
  const date = new Intl.DateTimeFormat('en-GB', { timeZone, weekday: 'long', day: 'numeric', month: 'long' });
  return date.format(instant).replace(',', '');
}

/** `00:00 Europe/Berlin`. The zone goes by its name, because letters such as CST stand for several. */
function toClock(instant: number, timeZone: string): string {
  const time = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  return `${time.format(instant)} ${timeZone}`;
}

/** `4 h 12 min`, rounded up, because a time that is too short sends people back too early. */
function toWords(seconds: number): string {
  const minutes = Math.ceil(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (hours >= 48) return `${Math.floor(hours / 24)} d${hours % 24 === 0 ? '' : ` ${hours % 24} h`}`;
  if (hours === 0) return `${minutes} min`;
  return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
}
