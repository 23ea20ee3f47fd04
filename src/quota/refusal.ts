/** The answer to a request beyond the allowance. PURE. */
import { GatewayError } from '../errors.ts';
import type { Allowance, Standing } from '../types.ts';
import { secondsUntil, toRefusalHeaders } from './headers.ts';

export interface Refused {
  readonly standing: Standing;
  readonly allowance: Allowance;
  /** Name of the tier. */
  readonly tier: string;
  /** IANA name of the zone that the window is counted in. */
  readonly timeZone: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** What the caller reads, in one sentence: the limit, the tier, when it resets, what to do. */
export function toQuotaRefusal(refused: Refused): GatewayError {
  const { standing, allowance, now } = refused;
  return new GatewayError('quota_exhausted', toSentence(refused), {
    retryAfterSeconds: secondsUntil(standing.resetsAt, now),
    resetsAt: standing.resetsAt,
    headers: {
      ...toRefusalHeaders(standing, allowance, now),
      // Codex shows it as "You've hit your usage limit. …, or try again at 2:07 AM." (codex.md §5).
      'x-codex-promo-message': toSentence(refused)
        .replace(/\.$/, '')
        .replace(/[^\x20-\x7e]/g, '?'),
    },
  });
}

function toSentence({ standing, allowance, tier, timeZone, now }: Refused): string {
  const limit = standing.limit ?? 0;
  const quota = `${PERIODS[allowance.window]} quota`;
  if (limit === 0) {
    return `The "${tier}" tier includes no requests: ask your administrator for another tier.`;
  }
  const running = standing.pending > 0 ? `, ${standing.pending} of them still running` : '';
  const reset = `${toClock(standing.resetsAt, timeZone)}, in ${toWords(secondsUntil(standing.resetsAt, now))}`;
  const count = limit.toLocaleString('en-US');
  return `${quota} of ${count} ${limit === 1 ? 'request' : 'requests'} used up ("${tier}" tier${running}); it resets at ${reset}: wait until then or ask your administrator for a higher tier.`;
}

const PERIODS = { day: 'Daily' } as const satisfies Record<Allowance['window'], string>;

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
  if (hours === 0) return `${minutes} min`;
  return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
}
