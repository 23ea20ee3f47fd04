import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Allowance, type Quota, readQuota, toBar, toSpan } from '../../src/cli/quota/allowances.ts';
import { render } from '../../src/cli/quota/quota.ts';
import { toLine } from '../../src/cli/quota/statusline.ts';

const NOW = Date.parse('2026-11-22T18:48:00Z');
const daily: Allowance = {
  name: 'daily',
  unit: 'request',
  limit: 1000,
  used: 247,
  pending: 3,
  remaining: 750,
  resetsAt: Date.parse('2026-11-23T00:00:00Z'),
  models: null,
  pool: null,
};
const opus: Allowance = {
  ...daily,
  name: 'opus',
  unit: 'token',
  limit: 2_000_000,
  used: 1_900_000,
  pending: 0,
  remaining: 100_000,
  resetsAt: Date.parse('2026-11-25T20:00:00Z'),
  models: ['claude-opus-*'],
  pool: 'lab',
};
const quota: Quota = { user: 'ada', tier: 'pro', allowances: [daily, opus] };

test('every allowance has its line: bar, counts, when it starts anew, what it is for', () => {
  assert.equal(
    render(quota, NOW),
    [
      'ada, tier pro',
      'daily  █████░░░░░░░░░░░░░░░  247 of 1,000 requests (3 under way)  starts anew in 5 h 12 min',
      'opus   ███████████████████░  1,900,000 of 2,000,000 tokens        starts anew in 3 d 1 h, for claude-opus-*, shared by lab',
      '',
    ].join('\n'),
  );
});

test('what has no limit says so', () => {
  const free = { ...daily, limit: null, remaining: null };
  assert.match(render({ ...quota, allowances: [free] }, NOW), /daily {2}unlimited {13}247 requests/);
  assert.equal(toLine(null, { ...quota, allowances: [free] }, NOW), 'pro · unlimited');
});

test('the status line shows the allowance of which most is used', () => {
  assert.equal(
    toLine('Opus 5.5', quota, NOW),
    'Opus 5.5 · pro · opus ██████████ 1,900,000 of 2,000,000 tokens · anew in 3 d 1 h',
  );
  assert.equal(toLine(null, null, NOW), 'quota unknown');
});

test('a bar shows the least use and is never wider than it is', () => {
  assert.deepEqual(
    [toBar(0, 4), toBar(0.001, 4), toBar(1, 4), toBar(3, 4)],
    ['░░░░', '█░░░', '████', '████'],
  );
});

test('spans are told in two words at most', () => {
  const told = [0, 59_999, 60_000, 3_600_000, 3_660_000, 86_400_000, 90_000_000].map(toSpan);
  const words = ['less than a minute', 'less than a minute', '1 min', '1 h', '1 h 1 min', '1 d', '1 d 1 h'];
  assert.deepEqual(
    told,
    words.map((one) => `in ${one}`),
  );
});

test('an answer of another shape is no quota', () => {
  assert.equal(readQuota({ user: 'ada' }), null);
});
