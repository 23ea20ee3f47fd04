import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toLandingNotice, toQuotaRefusal } from '../../src/quota/refusal.ts';
import type { Standing } from '../../src/types.ts';
import { allowanceOf } from './plain-terms.ts';

const RESET = Date.UTC(2026, 10, 23);
const HOUR = 3_600_000;

function refuse(changed: Partial<Standing> = {}, timeZone = 'UTC', now = RESET - 4.2 * HOUR) {
  const allowance = allowanceOf();
  const standing = { allowance, limit: 10, used: 10, pending: 0, remaining: 0, resetsAt: RESET, ...changed };
  return toQuotaRefusal({ standing, tier: 'free', timeZone, now, needs: 1 });
}

test('a refusal tells limit, tier, reset and what to do in one sentence', () => {
  assert.equal(
    refuse().message,
    'Daily quota of 10 requests used up ("free" tier); it resets at 00:00 UTC, in 4 h 12 min: wait until then or ask your administrator for a higher tier.',
  );
});

test('a refusal carries the seconds to the reset and the headers that stop every client', () => {
  const { code, details } = refuse();
  assert.equal(code, 'quota_exhausted');
  assert.equal(details.retryAfterSeconds, 15_120);
  assert.equal(details.headers?.['retry-after'], '15120');
  assert.equal(details.headers?.['x-should-retry'], 'false');
  assert.equal(details.headers?.['anthropic-ratelimit-unified-status'], 'rejected');
  assert.equal(details.resetsAt, RESET);
});

test('Codex is handed the sentence without its full stop, in letters that a header may carry', () => {
  const { headers } = refuse().details;
  assert.match(headers?.['x-codex-promo-message'] ?? '', /^Daily quota of 10 requests.*a higher tier$/);
});

test('requests that still run are told, for they may yet be given back', () => {
  assert.match(
    refuse({ used: 7, pending: 3 }).message,
    /used up \("free" tier, 3 of them still running\); it resets/,
  );
});

test('the reset is told in the zone that the day is counted in', () => {
  const berlin = refuse({ resetsAt: RESET - HOUR }, 'Europe/Berlin').message;
  assert.match(berlin, /resets at 00:00 Europe\/Berlin, in 3 h 12 min:/);
});

test('large numbers have separators, a single request no plural', () => {
  assert.match(refuse({ limit: 20_000, used: 20_000 }).message, /^Daily quota of 20,000 requests used up/);
  assert.match(refuse({ limit: 1, used: 1 }).message, /^Daily quota of 1 request used up/);
});

test('times are rounded up to minutes', () => {
  const told = (ms: number) => /in (.*?):/.exec(refuse({}, 'UTC', RESET - ms).message)?.[1];
  assert.deepEqual([1, 59_000, 61_000, HOUR, HOUR + 1, 25 * HOUR].map(told), [
    '1 min',
    '1 min',
    '2 min',
    '1 h',
    '1 h 1 min',
    '25 h',
  ]);
});

test('a tier without any requests does not promise that waiting helps', () => {
  assert.equal(
    refuse({ limit: 0 }).message,
    'The "free" tier includes no requests: ask your administrator for another tier.',
  );
});

test('units, windows, models and pools have their words, and a reset further away has its day', () => {
  const say = (changed: Partial<Standing['allowance']>, resetsAt = RESET) => {
    const allowance = allowanceOf(changed);
    const standing = { allowance, limit: 10, used: 10, pending: 0, remaining: 0, resetsAt };
    const now = RESET - 4.2 * HOUR;
    return toQuotaRefusal({ standing, tier: 'free', timeZone: 'UTC', now, needs: 1 }).message;
  };
  assert.match(say({ unit: 'turn' }), /^Daily quota of 10 prompts used up \("free" tier\)/);
  assert.match(say({ unit: 'token', name: 'opus', models: ['opus'] }), /^Daily quota "opus" of 10 tokens/);
  assert.match(say({ pool: { name: 'lab', subject: 's' } }), /\("lab" pool\)/);
  const week = say({ window: 'week' }, RESET + 24 * 7 * HOUR);
  assert.match(week, /^Weekly quota.*resets at 00:00 UTC on Monday 30 November, in 7 d 4 h:/);
});

test('what a request goes on with beyond its quota is told in one sentence', () => {
  const allowance = allowanceOf();
  const standing = { allowance, limit: 10, used: 10, pending: 0, remaining: 0, resetsAt: RESET };
  assert.equal(
    toLandingNotice(standing, 'UTC', RESET - HOUR, 'qwen3-32b'),
    'Daily quota of 10 requests used up; the model "qwen3-32b" answers, free of it, until 00:00 UTC, in 1 h.',
  );
});
