import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toUsageDisplay } from '../../src/quota/usage-display.ts';
import { allowanceOf } from './plain-terms.ts';

const at = (used: number, pending: number, limit: number | null = 50) =>
  toUsageDisplay([
    {
      allowance: allowanceOf({ limit }),
      limit,
      used,
      pending,
      remaining: limit === null ? null : limit - used - pending,
      resetsAt: 86_400_000,
    },
  ]);

test('a standing is told as a share of the day, what is pending included', () => {
  const { limits, extra_usage } = at(40, 1);
  assert.deepEqual(limits, [
    {
      kind: 'spend',
      group: 'daily',
      percent: 82,
      resets_at: '1970-01-02T00:00:00.000Z',
      severity: 'warning',
      is_active: true,
    },
  ]);
  assert.deepEqual(extra_usage, {
    is_enabled: true,
    monthly_limit: null,
    used_credits: null,
    utilization: 82,
  });
});

test('without a limit there is nothing to show', () => {
  assert.deepEqual(at(40, 0, null), { extra_usage: null, limits: [] });
});

test('a limit of zero is used up', () => {
  assert.equal(at(0, 0, 0).limits[0]?.percent, 100);
});
