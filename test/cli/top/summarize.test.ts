import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readMetrics } from '../../../src/cli/top/read-metrics.ts';
import { render } from '../../../src/cli/top/render.ts';
import { summarize } from '../../../src/cli/top/summarize.ts';

const scrape = (requests: number, failed: number, fast: number, slow: number) => `
# HELP gateway_requests_total Inference requests.
gateway_requests_in_flight 3
gateway_requests_total{tier="pro",backend="claude",ending="completed"} ${requests}
gateway_requests_total{tier="pro",backend="claude",ending="backend-failed"} ${failed}
gateway_time_to_first_content_seconds_bucket{le="1",backend="claude"} ${fast}
gateway_time_to_first_content_seconds_bucket{le="5",backend="claude"} ${fast + slow}
gateway_time_to_first_content_seconds_bucket{le="+Inf",backend="claude"} ${fast + slow}
gateway_backend_replica_up{backend="claude",replica="0"} 1
gateway_backend_replica_up{backend="claude",replica="1"} 0
gateway_backend_requests_in_flight{backend="claude",replica="0"} 2
gateway_backend_requests_waiting{backend="claude"} 1
gateway_quota_store_up 1
gateway_quota_unsettled_requests 0
`;
const look = (at: number, text: string) => ({ at, series: readMetrics(text) });

test('a scrape is read with labels, escapes and numbers of every form', () => {
  assert.deepEqual(
    readMetrics('a{x="1",y="q\\"\\\\\\n"} 1.5e3\nb +Inf\n# c 1\nnonsense'),
    [
      { name: 'a', labels: { x: '1', y: 'q"\\\n' }, value: 1500 },
      { name: 'b', labels: {}, value: Number.NaN },
    ].map((one) => (one.name === 'b' ? { ...one, value: Number('+Inf') } : one)),
  );
});

test('rates, failures and quantiles are those of the time between two looks', () => {
  const summary = summarize(look(0, scrape(100, 0, 50, 0)), look(2000, scrape(116, 4, 60, 10)));
  assert.equal(summary.inFlight, 3);
  assert.equal(summary.perSecond, 10);
  const [claude] = summary.backends;
  assert.deepEqual(
    { ...claude, p95: Math.round((claude?.p95 ?? 0) * 10) / 10 },
    {
      name: 'claude',
      perSecond: 10,
      failedShare: 0.2,
      p50: 1,
      p95: 4.6,
      inFlight: 2,
      waiting: 1,
      replicasUp: 1,
      replicas: 2,
    },
  );
  assert.equal(summary.tiers[0]?.name, 'pro');
});

test('replicas are added up, and one that was started again makes no rate negative', () => {
  const both = (text: string) => `${text}${text}`;
  const before = look(0, both(scrape(100, 0, 50, 0)));
  assert.equal(summarize(before, look(1000, both(scrape(105, 0, 50, 0)))).perSecond, 10);
  assert.equal(summarize(before, look(1000, both(scrape(2, 0, 1, 0)))).perSecond, 0);
});

test('nothing yet is shown as nothing, not as zero seconds', () => {
  const text = render(summarize(look(0, ''), look(1000, '')), [{ url: 'http://a', problem: null }], 80);
  assert.match(text, /1 of 1 replicas answer/);
  assert.match(text, /quota store {2}unknown/);
  assert.match(text, /\(none yet\)/);
});

test('what is wrong stands out: a silent replica, a replica of a backend, the store', () => {
  const down = scrape(1, 0, 1, 0).replace('gateway_quota_store_up 1', 'gateway_quota_store_up 0');
  const reached = [
    { url: 'http://a:9464', problem: null },
    { url: 'http://b:9464', problem: 'ECONNREFUSED' },
  ];
  const text = render(summarize(look(0, down), look(1000, down)), reached, 80);
  assert.match(text, /1 of 2 replicas answer\n {2}http:\/\/b:9464: ECONNREFUSED/);
  assert.match(text, /quota store {2}DEGRADED/);
  assert.match(text, /claude .* 1\/2 DOWN$/m);
});

test('no line is wider than the terminal', () => {
  const summary = summarize(look(0, scrape(1, 0, 1, 0)), look(1000, scrape(9, 0, 1, 0)));
  for (const width of [20, 40, 80])
    for (const line of render(summary, [], width).split('\n')) assert.ok(line.length <= width);
});
