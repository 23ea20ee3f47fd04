import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { calendarWindows } from '../../src/quota/windows.ts';

const HOUR = 3_600_000;

function iso(instant: number): string {
  return new Date(instant).toISOString();
}

/** The days that hold the instant given as ISO 8601, in words that a reader can check. */
function daysAt(instant: string, timeZone: string): string[] {
  const { current, next } = calendarWindows('day', Date.parse(instant), timeZone);
  return [`${current.id} until ${iso(current.endsAt)}`, `${next.id} until ${iso(next.endsAt)}`];
}

const cases: readonly [name: string, timeZone: string, instant: string, ...days: [string, string]][] = [
  [
    'a day in UTC',
    'UTC',
    '2026-11-22T12:34:56Z',
    '2026-11-22 until 2026-11-23T00:00:00.000Z',
    '2026-11-23 until 2026-11-24T00:00:00.000Z',
  ],
  [
    'the first instant of a day belongs to it',
    'UTC',
    '2026-11-23T00:00:00Z',
    '2026-11-23 until 2026-11-24T00:00:00.000Z',
    '2026-11-24 until 2026-11-25T00:00:00.000Z',
  ],
  [
    'the last millisecond of a day belongs to it',
    'UTC',
    '2026-12-31T23:59:59.999Z',
    '2026-12-31 until 2027-01-01T00:00:00.000Z',
    '2027-01-01 until 2027-01-02T00:00:00.000Z',
  ],
  [
    'a zone ahead of UTC is in the next day before UTC is',
    'Asia/Kolkata',
    '2026-11-22T19:00:00Z',
    '2026-11-23 until 2026-11-23T18:30:00.000Z',
    '2026-11-24 until 2026-11-24T18:30:00.000Z',
  ],
  [
    'a zone behind UTC is in the former day after UTC has left it',
    'America/Los_Angeles',
    '2026-11-23T07:59:59Z',
    '2026-11-22 until 2026-11-23T08:00:00.000Z',
    '2026-11-23 until 2026-11-24T08:00:00.000Z',
  ],
  [
    'the day on which the clocks go forward has 23 hours',
    'Europe/Berlin',
    '2026-03-28T23:00:00Z',
    '2026-03-29 until 2026-03-29T22:00:00.000Z',
    '2026-03-30 until 2026-03-30T22:00:00.000Z',
  ],
  [
    'the day on which the clocks go back has 25 hours',
    'Europe/Berlin',
    '2026-10-24T22:00:00Z',
    '2026-10-25 until 2026-10-25T23:00:00.000Z',
    '2026-10-26 until 2026-10-26T23:00:00.000Z',
  ],
  [
    'the hour that comes twice belongs to one day both times',
    'America/New_York',
    '2026-11-01T06:30:00Z',
    '2026-11-01 until 2026-11-02T05:00:00.000Z',
    '2026-11-02 until 2026-11-03T05:00:00.000Z',
  ],
  [
    'a day without a midnight begins at 01:00',
    'Africa/Cairo',
    '2026-04-23T12:00:00Z',
    '2026-04-23 until 2026-04-23T22:00:00.000Z',
    '2026-04-24 until 2026-04-24T21:00:00.000Z',
  ],
  [
    'a day that goes back at its end keeps the hour that comes twice',
    'America/Santiago',
    '2026-04-05T03:30:00Z',
    '2026-04-04 until 2026-04-05T04:00:00.000Z',
    '2026-04-05 until 2026-04-06T04:00:00.000Z',
  ],
  [
    'half an hour of summer time makes a day of 23.5 hours',
    'Australia/Lord_Howe',
    '2026-10-03T14:00:00Z',
    '2026-10-04 until 2026-10-04T13:00:00.000Z',
    '2026-10-05 until 2026-10-05T13:00:00.000Z',
  ],
  [
    'a date that a country skipped is skipped',
    'Pacific/Apia',
    '2011-12-30T08:00:00Z',
    '2011-12-29 until 2011-12-30T10:00:00.000Z',
    '2011-12-31 until 2011-12-31T10:00:00.000Z',
  ],
  [
    'a leap day is a day',
    'UTC',
    '2028-02-28T10:00:00Z',
    '2028-02-28 until 2028-02-29T00:00:00.000Z',
    '2028-02-29 until 2028-03-01T00:00:00.000Z',
  ],
];

for (const [name, timeZone, instant, ...days] of cases) {
  test(name, () => assert.deepEqual(daysAt(instant, timeZone), days));
}

test('an unknown time zone is an error that names it', () => {
  assert.throws(() => calendarWindows('day', 0, 'Europe/Berlln'), {
    name: 'RangeError',
    message: '"Europe/Berlln" is not a time zone; expected an IANA name such as "Europe/Berlin"',
  });
});

test('an instant before the last one asked about has its own day', () => {
  const late = Date.UTC(2026, 10, 22, 12);
  assert.equal(calendarWindows('day', late, 'UTC').current.id, '2026-11-22');
  assert.equal(calendarWindows('day', late - 24 * HOUR, 'UTC').current.id, '2026-11-21');
  assert.equal(calendarWindows('day', late, 'UTC').current.id, '2026-11-22');
});

const zones = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'America/St_Johns',
  'Africa/Cairo',
  'Asia/Kathmandu',
  'Asia/Tehran',
  'Australia/Lord_Howe',
  'Pacific/Apia',
  'Pacific/Kiritimati',
];

function dateIn(instant: number, timeZone: string): string {
  return new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short' }).format(instant);
}

test('in any zone at any time a day ends at the first instant of the next one', () => {
  const instants = fc.integer({ min: Date.UTC(2024, 0, 1), max: Date.UTC(2034, 0, 1) });
  fc.assert(
    fc.property(instants, fc.constantFrom(...zones), (now, timeZone) => {
      const { current, next } = calendarWindows('day', now, timeZone);
      assert.equal(current.id, dateIn(now, timeZone));
      assert.ok(now < current.endsAt);
      assert.equal(dateIn(current.endsAt - 1, timeZone), current.id);
      assert.equal(dateIn(current.endsAt, timeZone), next.id);
      assert.equal(dateIn(next.endsAt - 1, timeZone), next.id);
      assert.notEqual(dateIn(next.endsAt, timeZone), next.id);
      const hours = (next.endsAt - current.endsAt) / HOUR;
      assert.ok(hours >= 23 && hours <= 25, `${next.id} has ${hours} hours`);
    }),
    { numRuns: 400 },
  );
});

test('a week begins on Monday, a month on its first, in the zone and with its clock changes', () => {
  const at = (kind: 'week' | 'month', iso: string) => {
    const { current, next } = calendarWindows(kind, Date.parse(iso), 'Europe/Berlin');
    return [current.id, new Date(current.endsAt).toISOString(), next.id];
  };
  assert.deepEqual(at('week', '2026-11-22T22:59:59Z'), [
    'week-2026-11-16',
    '2026-11-22T23:00:00.000Z',
    'week-2026-11-23',
  ]);
  // The clocks go back within it: 169 hours.
  assert.deepEqual(at('week', '2026-10-19T00:00:00Z'), [
    'week-2026-10-19',
    '2026-10-25T23:00:00.000Z',
    'week-2026-10-26',
  ]);
  assert.deepEqual(at('month', '2026-10-31T22:30:00Z'), ['2026-10', '2026-10-31T23:00:00.000Z', '2026-11']);
  assert.deepEqual(at('month', '2026-12-31T23:30:00Z'), ['2027-01', '2027-01-31T23:00:00.000Z', '2027-02']);
});

test('minutes follow each other', () => {
  const { current, next } = calendarWindows('minute', Date.parse('2026-11-22T23:59:30Z'), 'Europe/Berlin');
  assert.deepEqual(current, { id: '2026-11-22T23:59', endsAt: Date.parse('2026-11-23T00:00:00Z') });
  assert.deepEqual(next.id, '2026-11-23T00:00');
});

test('windows of different lengths never share a name', () => {
  const ids = (['minute', 'day', 'week', 'month'] as const).map(
    (kind) => calendarWindows(kind, Date.parse('2026-11-16T00:00:00Z'), 'UTC').current.id,
  );
  assert.equal(new Set(ids).size, 4);
});
