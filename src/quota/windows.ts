/** Calendar windows in a time zone. PURE: the instant is a parameter; what is cached is derived from it alone. */

/** A stretch of time that an allowance counts in. */
export interface Window {
  /** Name that every process agrees on: the local date for a day, `2026-11-22`. */
  readonly id: string;
  /** Its end and the next one's beginning, milliseconds since the epoch. */
  readonly endsAt: number;
}

/** Two windows that follow each other. Which of them counts is for the store's clock to say. */
export interface Windows {
  readonly current: Window;
  readonly next: Window;
}

/** Longer than any local day: 25 h where the clocks go back, 48 h once where the date line moved. */
const LONGEST_DAY = 49 * 3_600_000;

const formatters = new Map<string, Intl.DateTimeFormat>();
const latest = new Map<string, { readonly from: number; readonly windows: Windows }>();

/**
 * The local calendar day that holds `now`, and the day after it. A day lasts from its first instant to the first
 * instant of the next local date: 23 or 25 hours where the clocks change, from 01:00 where midnight is skipped.
 *
 * @param now milliseconds since the epoch
 * @param timeZone IANA name such as `Europe/Berlin`
 * @throws RangeError when there is no such time zone
 */
export function dayWindows(now: number, timeZone: string): Windows {
  const known = latest.get(timeZone);
  if (known !== undefined && now >= known.from && now < known.windows.current.endsAt) return known.windows;
  const current = dayOf(now, timeZone);
  const windows = { current, next: dayOf(current.endsAt, timeZone) };
  latest.set(timeZone, { from: now, windows });
  return windows;
}

function dayOf(instant: number, timeZone: string): Window {
  const formatter = formatterOf(timeZone);
  const id = localDate(formatter, instant);
  let inside = instant;
  let beyond = instant + LONGEST_DAY;
  while (beyond - inside > 1) {
    const middle = Math.floor((inside + beyond) / 2);
    if (localDate(formatter, middle) === id) inside = middle;
    else beyond = middle;
  }
  return { id, endsAt: beyond };
}

function localDate(formatter: Intl.DateTimeFormat, instant: number): string {
  let year = '';
  let month = '';
  let day = '';
  for (const part of formatter.formatToParts(instant)) {
    if (part.type === 'year') year = part.value;
    else if (part.type === 'month') month = part.value;
    else if (part.type === 'day') day = part.value;
  }
  return `${year}-${month}-${day}`;
}

/** Making a formatter costs some hundred times more than using it. */
function formatterOf(timeZone: string): Intl.DateTimeFormat {
  const known = formatters.get(timeZone);
  if (known !== undefined) return known;
  const formatter = createFormatter(timeZone);
  formatters.set(timeZone, formatter);
  return formatter;
}

function createFormatter(timeZone: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat('en-u-ca-gregory-nu-latn', {
      timeZone,
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
    });
  } catch (cause) {
    throw new RangeError(`"${timeZone}" is not a time zone; expected an IANA name such as "Europe/Berlin"`, {
      cause,
    });
  }
}
