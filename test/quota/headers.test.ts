import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { secondsUntil, toQuotaHeaders, toRefusalHeaders } from '../../src/quota/headers.ts';
import type { Allowance, Standing } from '../../src/types.ts';
import { allowanceOf } from './plain-terms.ts';

const NOW = Date.UTC(2026, 10, 22, 15, 4, 49);
const RESET = Date.UTC(2026, 10, 23);

function standing(
  limit: number | null,
  used: number,
  pending = 0,
  changed: Partial<Allowance> = {},
): Standing {
  const remaining = limit === null ? null : Math.max(0, limit - used - pending);
  return { allowance: allowanceOf({ limit, ...changed }), limit, used, pending, remaining, resetsAt: RESET };
}

test('an Anthropic answer below three quarters says allowed and names no threshold', () => {
  assert.deepEqual(toQuotaHeaders([standing(1_000, 399, 1)], 'anthropic', NOW), {
    'ratelimit-policy': '"daily";q=1000;w=86400',
    ratelimit: '"daily";r=600;t=32111',
    'anthropic-ratelimit-requests-limit': '1000',
    'anthropic-ratelimit-requests-remaining': '600',
    'anthropic-ratelimit-requests-reset': '2026-11-23T00:00:00Z',
    'anthropic-ratelimit-unified-status': 'allowed',
    'anthropic-ratelimit-unified-reset': '1795392000',
    'anthropic-ratelimit-unified-representative-claim': 'overage',
    'anthropic-ratelimit-unified-overage-status': 'allowed',
    'anthropic-ratelimit-unified-overage-reset': '1795392000',
    'anthropic-ratelimit-unified-overage-utilization': '0.4',
  });
});

test('an OpenAI answer says the same in its own headers and nothing of Anthropic', () => {
  assert.deepEqual(toQuotaHeaders([standing(1_000, 46, 1)], 'openai', NOW), {
    'ratelimit-policy': '"daily";q=1000;w=86400',
    ratelimit: '"daily";r=953;t=32111',
    'x-ratelimit-limit-requests': '1000',
    'x-ratelimit-remaining-requests': '953',
    'x-ratelimit-reset-requests': '8h55m11s',
  });
});

test('a Responses answer says besides what Codex keeps: the share used, the window and its end', () => {
  const headers = toQuotaHeaders([standing(1_000, 46, 1)], 'responses', NOW);
  assert.deepEqual(
    Object.entries(headers).filter(([name]) => name.startsWith('x-codex-')),
    [
      ['x-codex-primary-used-percent', '4.7'],
      ['x-codex-primary-window-minutes', '1440'],
      ['x-codex-primary-reset-at', '1795392000'],
    ],
  );
  assert.equal(headers['x-ratelimit-remaining-requests'], '953');
});

const warnings: readonly [used: number, status: string, threshold: string | undefined, share: string][] = [
  [749, 'allowed', undefined, '0.749'],
  [750, 'allowed_warning', '0.75', '0.75'],
  [949, 'allowed_warning', '0.75', '0.949'],
  [950, 'allowed_warning', '0.95', '0.95'],
  [1_000, 'allowed_warning', '0.95', '1'],
];
for (const [used, status, threshold, share] of warnings) {
  test(`${used} of 1,000 is ${status} with threshold ${threshold ?? 'none'}`, () => {
    const headers = toQuotaHeaders([standing(1_000, used)], 'anthropic', NOW);
    assert.equal(headers['anthropic-ratelimit-unified-status'], status);
    assert.equal(headers['anthropic-ratelimit-unified-overage-status'], status);
    assert.equal(headers['anthropic-ratelimit-unified-overage-surpassed-threshold'], threshold);
    assert.equal(headers['anthropic-ratelimit-unified-overage-utilization'], share);
  });
}

test('the last request of a small allowance warns with the whole of it', () => {
  const headers = toQuotaHeaders([standing(10, 9, 1)], 'anthropic', NOW);
  assert.equal(headers['anthropic-ratelimit-unified-overage-utilization'], '1');
  assert.equal(headers.ratelimit, '"daily";r=0;t=32111');
});

test('a limit of nothing is wholly used', () => {
  const headers = toQuotaHeaders([standing(0, 0)], 'anthropic', NOW);
  assert.equal(headers['anthropic-ratelimit-unified-overage-utilization'], '1');
});

test('without a limit there is nothing to say', () => {
  for (const dialect of ['anthropic', 'openai'] as const) {
    assert.deepEqual(toQuotaHeaders([standing(null, 5)], dialect, NOW), {});
  }
});

test('a refusal says what makes Claude Code show the message alone and all clients stop', () => {
  assert.deepEqual(toRefusalHeaders(standing(10, 10), NOW), {
    'retry-after': '32111',
    'x-should-retry': 'false',
    'ratelimit-policy': '"daily";q=10;w=86400',
    ratelimit: '"daily";r=0;t=32111',
    'anthropic-ratelimit-unified-status': 'rejected',
    'anthropic-ratelimit-unified-reset': '1795392000',
    'anthropic-ratelimit-unified-overage-reset': '1795392000',
    'anthropic-ratelimit-unified-overage-utilization': '1',
    'anthropic-ratelimit-unified-overage-surpassed-threshold': '1',
    'anthropic-ratelimit-unified-overage-period': 'daily',
    'anthropic-ratelimit-unified-overage-disabled-reason': 'org_spend_cap_reached',
  });
});

test('a reset is never 0 seconds away', () => {
  assert.equal(secondsUntil(RESET, RESET - 1), 1);
  assert.equal(secondsUntil(RESET, RESET), 1);
  assert.equal(secondsUntil(RESET, RESET + 5_000), 1);
  assert.equal(secondsUntil(RESET, RESET - 1_001), 2);
});

test('the reset is told in as many parts as it has', () => {
  const told = (seconds: number) =>
    toQuotaHeaders([standing(10, 1)], 'openai', RESET - seconds * 1_000)['x-ratelimit-reset-requests'];
  assert.deepEqual([6, 60, 61, 3_600, 90_000].map(told), ['6s', '1m0s', '1m1s', '1h0m0s', '25h0m0s']);
});

test('whatever an allowance is called, header values stay visible ASCII and the name one string', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.nat(50), fc.nat(50), (name, limit, used) => {
      for (const dialect of ['anthropic', 'openai'] as const) {
        const headers = toQuotaHeaders([standing(limit, used, 0, { name })], dialect, NOW);
        for (const value of Object.values(headers)) assert.match(value, /^[\x20-\x7e]+$/);
        assert.match(headers['ratelimit-policy'] ?? '', /^"(?:[^"\\]|\\["\\])*";q=\d+;w=86400$/);
      }
    }),
  );
});

test('several limits are one list each, in the same order, and units other than requests are named', () => {
  const day = standing(10, 4);
  const week = standing(1_000, 900, 0, { name: 'weekly', window: 'week', unit: 'token' });
  const headers = toQuotaHeaders([day, week, standing(null, 3)], 'openai', NOW);
  assert.equal(headers['ratelimit-policy'], '"daily";q=10;w=86400, "weekly";q=1000;w=604800;qu="tokens"');
  assert.equal(headers.ratelimit, '"daily";r=6;t=32111, "weekly";r=100;t=32111');
  assert.equal(headers['x-ratelimit-remaining-requests'], '6');
  assert.equal(headers['x-ratelimit-remaining-tokens'], '100');
});

test('Claude Code is shown the limit of which most is used, minutes aside', () => {
  const minute = standing(10, 10, 0, { name: 'burst', window: 'minute' });
  const day = standing(10, 4);
  const month = standing(1_000, 800, 0, { name: 'monthly', window: 'month', unit: 'token' });
  const headers = toQuotaHeaders([minute, day, month], 'anthropic', NOW);
  assert.equal(headers['anthropic-ratelimit-unified-overage-utilization'], '0.8');
  assert.equal(headers['anthropic-ratelimit-unified-status'], 'allowed_warning');
  assert.equal(headers['anthropic-ratelimit-requests-limit'], '10');
  assert.equal(headers['anthropic-ratelimit-tokens-remaining'], '200');
});

test('a refusal names its period', () => {
  const week = standing(10, 10, 0, { name: 'weekly', window: 'week' });
  assert.equal(toRefusalHeaders(week, NOW)['anthropic-ratelimit-unified-overage-period'], 'weekly');
});
