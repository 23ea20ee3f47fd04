/** When a backend wants to be asked again, from the several ways of saying it. */

/** Response headers by lower-case name, as undici gives them. */
export type ReplyHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

const UNIT_SECONDS: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86400 };

/**
 * Whole seconds to wait, rounded up: `retry-after-ms`, then `retry-after` (seconds or an HTTP date), then OpenAI's
 * `x-ratelimit-reset-*` durations such as `6m0s` (translation.md E-04).
 *
 * @param now milliseconds since the epoch, for an HTTP date where the reply has no `date` header of its own
 * @returns undefined when nothing usable was said
 */
export function readRetryAfter(headers: ReplyHeaders, now?: number): number | undefined {
  const milliseconds = toCount(header(headers, 'retry-after-ms'));
  const seconds =
    milliseconds === undefined
      ? (readRetryAfterHeader(headers, now) ?? readRateLimitReset(headers))
      : Math.ceil(milliseconds / 1000);
  // So many digits that they are no number any more.
  return Number.isSafeInteger(seconds) ? seconds : undefined;
}

function header(headers: ReplyHeaders, name: string): string {
  const value = headers[name];
  return (typeof value === 'string' ? value : (value?.[0] ?? '')).trim();
}

function toCount(text: string): number | undefined {
  return /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : undefined;
}

function readRetryAfterHeader(headers: ReplyHeaders, now: number | undefined): number | undefined {
  const text = header(headers, 'retry-after');
  const seconds = toCount(text);
  if (seconds !== undefined) return Math.ceil(seconds);
  const at = Date.parse(text);
  const sent = Date.parse(header(headers, 'date'));
  const from = Number.isNaN(sent) ? now : sent;
  return Number.isNaN(at) || from === undefined ? undefined : Math.max(0, Math.ceil((at - from) / 1000));
}

/** The reset of what is used up; where nothing is said to be, the nearest one. */
function readRateLimitReset(headers: ReplyHeaders): number | undefined {
  const resets = ['requests', 'tokens'].flatMap((kind) => {
    const seconds = readDuration(header(headers, `x-ratelimit-reset-${kind}`));
    const usedUp = header(headers, `x-ratelimit-remaining-${kind}`) === '0';
    return seconds === undefined ? [] : [{ seconds, usedUp }];
  });
  const usedUp = resets.filter((reset) => reset.usedUp).map((reset) => reset.seconds);
  if (usedUp.length > 0) return Math.max(...usedUp);
  return resets.length === 0 ? undefined : Math.min(...resets.map((reset) => reset.seconds));
}

function readDuration(text: string): number | undefined {
  if (!/^(?:\d+(?:\.\d+)?(?:ms|[smhd]))+$/.test(text)) return undefined;
  const parts = text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g);
  const seconds = parts.reduce(
    (sum, [, count, unit]) => sum + Number(count) * (UNIT_SECONDS[unit ?? ''] ?? 0),
    0,
  );
  return Math.ceil(seconds);
}
