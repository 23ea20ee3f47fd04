/** Numbers, times and spans as people read them. */
import { type Html, html } from '../http/html.ts';

export interface Words {
  /** `22 Nov, 14:05`, in the zone of the quota. */
  time(at: number): Html;
  /** `Mon 23 Nov, 00:00 Europe/Berlin, in 9 h 55 min`. */
  reset(at: number): Html;
}

/**
 * @param timeZone IANA name
 * @param clock milliseconds since the epoch
 */
export function createWords(timeZone: string, clock: () => number): Words {
  const options = { timeZone, day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' } as const;
  const moment = new Intl.DateTimeFormat('en-GB', { ...options, hourCycle: 'h23' });
  const end = new Intl.DateTimeFormat('en-GB', { ...options, weekday: 'short', hourCycle: 'h23' });
  const stamp = (at: number, text: string) =>
    html`<time datetime="${new Date(at).toISOString()}">${text}</time>`;
  return {
    time: (at) => stamp(at, moment.format(at)),
    reset: (at) => stamp(at, `${end.format(at)} ${timeZone}, in ${toSpan(at - clock())}`),
  };
}

const counts = new Intl.NumberFormat('en-US');
const short = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 });

/** `12,345`. */
export const toCount = (count: number): string => counts.format(count);

/** `12.3K`. */
export const toShort = (count: number): string => short.format(count);

/** `3 requests`, `1 request`. */
export const toAmount = (count: number, one: string): string =>
  `${toCount(count)} ${one}${count === 1 ? '' : 's'}`;

/** `9 h 55 min`, rounded up, because a time that is too short sends people back too early. */
export function toSpan(ms: number): string {
  const minutes = Math.max(1, Math.ceil(ms / 60_000));
  const hours = Math.floor(minutes / 60);
  if (hours >= 48) return `${Math.floor(hours / 24)} d ${hours % 24} h`;
  return hours === 0 ? `${minutes} min` : `${hours} h ${minutes % 60} min`;
}

/** `840 ms`, `12.3 s`. */
export const toDuration = (ms: number): string =>
  ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
