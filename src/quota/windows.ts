/** Calendar windows in a time zone. PURE: the instant is a parameter; what is cached is derived from it alone. */
import type { QuotaWindow } from '../types.ts';

/** A stretch of time that an allowance counts in. */
export interface Window {
  /** Name that every process agrees on; of a day it is the local date, `2026-11-22`. */
  readonly id: string;
  /** Its end and the next one's beginning, milliseconds since the epoch. */
  readonly endsAt: number;
}

/** Two windows that follow each other. Which of them counts is for the store's clock to say. */
export interface Windows {
  readonly current: Window;
  readonly next: Window;
}

const MINUTE = 60_000;
const HOUR = 3_600_000;

type Days = Exclude<QuotaWindow, 'minute'>;

/** Longer than any such window: a day of 25 h where the clocks go back, of 48 h once where the date line moved. */
const LONGEST = { day: 49 * HOUR, week: 8 * 24 * HOUR, month: 33 * 24 * HOUR } as const satisfies Record<
  Days,
  number
>;

/** The name of the window that holds a local date. */
const ID_OF: Readonly<Record<Days, (date: string) => string>> = {
  day: (date) => date,
  week: (date) => `week-${mondayOf(date)}`,
  month: (date) => date.slice(0, 7),
};

const formatters = new Map<string, Intl.DateTimeFormat>();
/** The two latest of each kind and zone: in one half of the day quota counts in yesterday, what is used in today. */
const latest = new Map<string, readonly Known[]>();

interface Known {
  readonly from: number;
  readonly windows: Windows;
}

/**
 * The calendar window that holds `now`, and the one after it. A day lasts from its first instant to the first
 * instant of the next local date: 23 or 25 hours where the clocks change, from 01:00 where midnight is skipped. Weeks
 * begin on Monday. Minutes are those of UTC.
 *
 * @param now milliseconds since the epoch
 * @param timeZone IANA name such as `Europe/Berlin`
 * @throws RangeError when there is no such time zone
 */
export function calendarWindows(kind: QuotaWindow, now: number, timeZone: string): Windows {
  const key = `${kind} ${timeZone}`;
  const kept = latest.get(key) ?? [];
  const known = kept.find(({ from, windows }) => now >= from && now < windows.current.endsAt);
  if (known !== undefined) return known.windows;
  const windowOf = (instant: number) =>
    kind === 'minute' ? minuteOf(instant) : daysOf(kind, instant, formatterOf(timeZone));
  const current = windowOf(now);
  const windows = { current, next: windowOf(current.endsAt) };
  latest.set(key, [{ from: now, windows }, ...kept.slice(0, 1)]);
  return windows;
}

function minuteOf(instant: number): Window {
  const start = Math.floor(instant / MINUTE) * MINUTE;
  return { id: new Date(start).toISOString().slice(0, 16), endsAt: start + MINUTE };
}

function daysOf(kind: Days, instant: number, formatter: Intl.DateTimeFormat): Window {
  const idAt = (when: number) => ID_OF[kind](localDate(formatter, when));
  const id = idAt(instant);
  let inside = instant;
  let beyond = instant + LONGEST[kind];
  while (beyond - inside > 1) {
    const middle = Math.floor((inside + beyond) / 2);
    if (idAt(middle) === id) inside = middle;
    else beyond = middle;
  }
  return { id, endsAt: beyond };
}

function mondayOf(date: string): string {
  const day = new Date(`${date}T00:00:00Z`);
  day.setUTCDate(day.getUTCDate() - ((day.getUTCDay() + 6) % 7));
  return day.toISOString().slice(0, 10);
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
