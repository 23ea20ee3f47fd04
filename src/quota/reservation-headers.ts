/** What an answer says of the quota that it drew on. PURE. */
import type { Dialect } from '../types.ts';
import { toQuotaHeaders } from './headers.ts';
import { toLandingNotice } from './refusal.ts';
import type { Reservation } from './reservation.ts';

export interface Answered {
  readonly dialect: Dialect;
  /** The model that serves. */
  readonly served: string;
  /** IANA name of the zone that windows are counted in. */
  readonly timeZone: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Where the caller stands, and where quota changed what was asked for, that it did. */
export function toReservationHeaders(
  { standings, exhausted }: Pick<Reservation, 'standings' | 'exhausted'>,
  { dialect, served, timeZone, now }: Answered,
): Record<string, string> {
  const [first] = exhausted;
  const headers = toQuotaHeaders([...exhausted, ...standings], dialect, now);
  if (first === undefined) return headers;
  const notice = toLandingNotice(first, timeZone, now, served);
  return { ...headers, 'x-gateway-notice': notice.replace(/[^\x20-\x7e]/g, '?') };
}
