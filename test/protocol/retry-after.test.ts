import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readRetryAfter } from '../../src/protocol/retry-after.ts';

const CASES: readonly (readonly [string, Record<string, string | string[]>, number | undefined])[] = [
  ['whole seconds', { 'retry-after': '7' }, 7],
  ['fractions are rounded up', { 'retry-after': '0.2' }, 1],
  ['a list of values', { 'retry-after': ['3', '9'] }, 3],
  ['milliseconds come first', { 'retry-after-ms': '1500', 'retry-after': '60' }, 2],
  [
    'a date counts from the date of the answer',
    { 'retry-after': 'Sun, 22 Nov 2026 10:00:30 GMT', date: 'Sun, 22 Nov 2026 10:00:00 GMT' },
    30,
  ],
  [
    'a date in the past is now',
    { 'retry-after': 'Sun, 22 Nov 2026 09:00:00 GMT', date: 'Sun, 22 Nov 2026 10:00:00 GMT' },
    0,
  ],
  ['a date without a clock is not guessed', { 'retry-after': 'Sun, 22 Nov 2026 10:00:30 GMT' }, undefined],
  ['a duration in minutes and seconds', { 'x-ratelimit-reset-requests': '6m0s' }, 360],
  ['a duration in milliseconds', { 'x-ratelimit-reset-tokens': '120ms' }, 1],
  [
    'the limit that is used up counts, though another ends sooner',
    {
      'x-ratelimit-reset-requests': '1h0m8.64s',
      'x-ratelimit-remaining-requests': '0',
      'x-ratelimit-reset-tokens': '6s',
      'x-ratelimit-remaining-tokens': '12',
    },
    3609,
  ],
  [
    'where none is said to be used up, the nearest counts',
    { 'x-ratelimit-reset-requests': '1d', 'x-ratelimit-reset-tokens': '20s' },
    20,
  ],
  ['nonsense is nothing', { 'retry-after': 'soon', 'x-ratelimit-reset-requests': '-5' }, undefined],
  ['nothing is nothing', {}, undefined],
];

for (const [name, headers, seconds] of CASES) {
  test(`retry after: ${name}`, () => assert.equal(readRetryAfter(headers), seconds));
}

test('retry after: a date counts from the clock where the answer has no date', () => {
  const now = Date.parse('2026-11-22T10:00:00Z');
  assert.equal(readRetryAfter({ 'retry-after': 'Sun, 22 Nov 2026 10:01:00 GMT' }, now), 60);
});
