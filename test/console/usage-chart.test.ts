import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lastDays, toUsageChart } from '../../src/console/usage-chart.ts';
import type { TotalsRow } from '../../src/usage/usage-store.ts';

const TODAY = Date.parse('2026-11-22T08:00:00Z');
const utcDay = (at: number) => new Date(at).toISOString().slice(0, 10);
const days = lastDays(TODAY, utcDay);
const row = (day: string, model: string, requests: number): TotalsRow => ({
  day,
  model,
  requests,
  refusals: 0,
  refunds: 0,
  inputTokens: 10,
  outputTokens: 1,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
});
const chartOf = (rows: readonly TotalsRow[]) => toUsageChart({ rows, days, measure: 'requests' }).html;

test('30 days end today, none twice and none left out, also where clocks change', () => {
  assert.equal(days.length, 30);
  assert.deepEqual([days[0], days.at(-1)], ['2026-10-24', '2026-11-22']);
  const berlin = new Intl.DateTimeFormat('sv-SE', { timeZone: 'Europe/Berlin' });
  for (const now of ['2026-10-26T00:30:00+01:00', '2026-03-30T00:30:00+02:00']) {
    const local = lastDays(Date.parse(now), (at) => berlin.format(at));
    assert.equal(local.at(-1), now.slice(0, 10));
    assert.equal(new Set(local).size, 30);
  }
});

test('every number of the picture is in the table beside it, latest day first', () => {
  const html = chartOf([
    row('2026-11-20', 'qwen3-32b', 7),
    row('2026-11-22', 'qwen3-32b', 3),
    row('2026-11-22', 'gpt-5', 4),
  ]);
  const [first = '', second = ''] = [...html.matchAll(/<tr><th scope="row">(.*?)<\/tr>/g)].map(
    ([, cells]) => cells,
  );
  assert.match(first, /^2026-11-22<.*>3<.*>4</);
  assert.match(second, /^2026-11-20<.*>7<.*>0</);
  assert.match(html, /aria-label="Requests of the last 30 days by model: 14 in all/);
  assert.equal(html.match(/<rect class="c\d" x=/g)?.length, 3);
});

test('columns are as tall as what they count', () => {
  const html = chartOf([row('2026-11-20', 'a', 10), row('2026-11-22', 'a', 5)]);
  const [tall = 0, low = 0] = [
    ...html.matchAll(/x="[\d.]+" y="[\d.]+" width="[\d.]+" height="([\d.]+)"/g),
  ].map(([, height]) => Number(height));
  assert.equal(tall, 2 * low);
});

test('of many models the lesser ones are shown together', () => {
  const html = chartOf(
    Array.from({ length: 12 }, (_, index) => row('2026-11-22', `model-${index}`, 100 - index)),
  );
  assert.match(html, /others/);
  assert.equal(html.match(/<li>/g)?.length, 7);
  assert.match(html, /model-5</);
  assert.doesNotMatch(html, /model-6</);
});

test('where nothing was used it is said so', () => {
  assert.match(chartOf([]), /Nothing was used/);
});
