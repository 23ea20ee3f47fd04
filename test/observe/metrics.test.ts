import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { metricsPage } from '../../docs/generate.ts';
import {
  createMetrics,
  MAX_MODEL_SERIES,
  MAX_USER_SERIES,
  type RequestFacts,
} from '../../src/observe/metrics.ts';

const clock = () => 0;

/** A streamed answer of 1.3 s, whose 11 tokens began to come after 0.3 s. */
const ANSWERED: RequestFacts = {
  tier: 'pro',
  dialect: 'anthropic',
  status: 200,
  ending: 'completed',
  backend: 'claude',
  durationSeconds: 1.3,
  firstContentSeconds: 0.3,
  usage: { inputTokens: 3, outputTokens: 11, cacheReadTokens: 5, cacheWriteTokens: 6, reasoningTokens: 0 },
  settled: 'charged',
  called: { provider: 'anthropic', model: 'claude-haiku-5-5', durationSeconds: 1.2 },
  errorType: null,
  streamed: true,
  traceId: null,
};

const lines = async (metrics: ReturnType<typeof createMetrics>, name: string) =>
  (await metrics.render()).text.split('\n').filter((line) => line.startsWith(`${name}{`));

test('the seeds’ four metrics stand under their names', async () => {
  const metrics = createMetrics({ clock });
  metrics.requestStarted();
  metrics.requestEnded(ANSWERED);
  metrics.routed('claude-opus-5-5', 'claude-haiku-5-5');
  metrics.quotaUsed('a'.repeat(64), 7, 1000);
  assert.match((await lines(metrics, 'gateway_requests_total'))[0] ?? '', /tier="pro".* 1$/);
  assert.deepEqual(await lines(metrics, 'gateway_model_routes_total'), [
    'gateway_model_routes_total{from="claude-opus-5-5",to="claude-haiku-5-5"} 1',
  ]);
  assert.deepEqual(await lines(metrics, 'gateway_quota_used'), [
    `gateway_quota_used{user="${'a'.repeat(16)}"} 7`,
  ]);
  assert.equal((await lines(metrics, 'gateway_request_duration_seconds_count')).length, 1);
  assert.equal((await lines(metrics, 'gateway_tokens_total')).length, 4);
});

test('users beyond the limit are summed as "other"', async () => {
  const metrics = createMetrics({ clock });
  for (let user = 0; user < MAX_USER_SERIES + 50; user++) {
    metrics.quotaUsed(String(user).padStart(64, '0').split('').reverse().join(''), 2, 1000);
  }
  const series = await lines(metrics, 'gateway_quota_used');
  assert.equal(series.length, MAX_USER_SERIES + 1);
  assert.ok(series.includes('gateway_quota_used{user="other"} 100'));
});

test('a standing is gone when its window is over', async () => {
  let now = 0;
  const metrics = createMetrics({ clock: () => now });
  metrics.quotaUsed('b'.repeat(64), 9, 1000);
  now = 1000;
  assert.deepEqual(await lines(metrics, 'gateway_quota_used'), []);
});

test('model names made up by callers end as "other"', async () => {
  const metrics = createMetrics({ clock });
  for (let n = 0; n < MAX_MODEL_SERIES * 3; n++) metrics.routed(`claude-made-up-${n}`, 'qwen3-32b');
  const series = await lines(metrics, 'gateway_model_routes_total');
  assert.ok(series.length <= MAX_MODEL_SERIES + 2, `${series.length}`);
});

test('the states that /health tells are shown as they are at each scrape', async () => {
  const metrics = createMetrics({ clock });
  let identity: 'ok' | 'degraded' = 'ok';
  metrics.watch({ dependencies: () => ({ quota: 'ok', identity }) });
  assert.match((await metrics.render()).text, /^gateway_dependency_up\{dependency="identity"\} 1$/m);
  identity = 'degraded';
  const { text } = await metrics.render();
  assert.match(text, /^gateway_dependency_up\{dependency="identity"\} 0$/m);
  assert.match(text, /^gateway_dependency_up\{dependency="quota"\} 1$/m);
});

/** The samples of a metric whose labels hold all of `labels`, by what is behind its name. */
async function samples(metrics: ReturnType<typeof createMetrics>, name: string, labels = '') {
  const { text } = await metrics.render();
  return text.split('\n').filter((line) => line.startsWith(`${name}{`) && line.includes(labels));
}

test('a streamed answer is told in the words of the GenAI conventions', async () => {
  const metrics = createMetrics({ clock });
  metrics.requestEnded(ANSWERED);
  const labels =
    'gen_ai_operation_name="chat",gen_ai_provider_name="anthropic",gen_ai_request_model="claude-haiku-5-5"';
  const sum = async (name: string, more = '') => {
    const [line] = await samples(metrics, `${name}_sum`, more);
    assert.ok(line?.includes(labels), `${name}: ${line}`);
    return Number(line?.split(' ').at(-1));
  };
  assert.equal(await sum('gen_ai_client_token_usage', 'type="input"'), 14);
  assert.equal(await sum('gen_ai_client_token_usage', 'type="output"'), 11);
  assert.equal(await sum('gen_ai_client_operation_duration_seconds'), 1.2);
  assert.equal(await sum('gen_ai_server_request_duration_seconds'), 1.3);
  assert.equal(await sum('gen_ai_server_time_to_first_token_seconds'), 0.3);
  assert.ok(Math.abs((await sum('gen_ai_server_time_per_output_token_seconds')) - 0.1) < 1e-9);
});

test('an answer in one piece, one that failed and one of one token tell nothing of the time for each token', async () => {
  const metrics = createMetrics({ clock });
  metrics.requestEnded({ ...ANSWERED, streamed: false });
  metrics.requestEnded({ ...ANSWERED, errorType: 'backend_truncated', ending: 'backend-failed' });
  metrics.requestEnded({ ...ANSWERED, usage: ANSWERED.usage && { ...ANSWERED.usage, outputTokens: 1 } });
  assert.deepEqual(await samples(metrics, 'gen_ai_server_time_per_output_token_seconds_count'), []);
  const failed = await samples(metrics, 'gen_ai_server_request_duration_seconds_count', 'error_type');
  assert.equal(failed.length, 1);
  assert.match(failed[0] ?? '', /error_type="backend_truncated".* 1$/);
});

test('a request that came to no backend is nobody’s operation, and held no quota', async () => {
  const metrics = createMetrics({ clock });
  metrics.requestEnded({ ...ANSWERED, called: null, settled: null, usage: null, firstContentSeconds: null });
  const { text } = await metrics.render();
  assert.doesNotMatch(text, /^gen_ai\w+\{/m);
  assert.doesNotMatch(text, /^gateway_quota_settled_total\{/m);
});

test('what became of held quota is counted by tier', async () => {
  const metrics = createMetrics({ clock });
  metrics.requestEnded(ANSWERED);
  metrics.requestEnded({ ...ANSWERED, settled: 'refunded' });
  assert.deepEqual(await samples(metrics, 'gateway_quota_settled_total'), [
    'gateway_quota_settled_total{tier="pro",outcome="charged"} 1',
    'gateway_quota_settled_total{tier="pro",outcome="refunded"} 1',
  ]);
});

test('time to first content is told by tier and backend', async () => {
  const metrics = createMetrics({ clock });
  metrics.requestEnded(ANSWERED);
  assert.equal(
    (await samples(metrics, 'gateway_time_to_first_content_seconds_sum'))[0],
    'gateway_time_to_first_content_seconds_sum{tier="pro",backend="claude"} 0.3',
  );
});

test('the keys of an issuer have an age from their first fetch on', async () => {
  const metrics = createMetrics({ clock: () => 65_000 });
  const unknown = { fetchedAt: null, failing: true };
  metrics.watch({ keys: () => ({ 'https://a': { fetchedAt: 5000, failing: false }, 'https://b': unknown }) });
  assert.deepEqual(await samples(metrics, 'gateway_identity_keys_age_seconds'), [
    'gateway_identity_keys_age_seconds{issuer="https://a"} 60',
  ]);
  assert.deepEqual(await samples(metrics, 'gateway_identity_keys_refresh_failing'), [
    'gateway_identity_keys_refresh_failing{issuer="https://a"} 0',
    'gateway_identity_keys_refresh_failing{issuer="https://b"} 1',
  ]);
});

test('steps of the quota store are told with their times', async () => {
  const metrics = createMetrics({ clock });
  metrics.quotaStep('reserve', 'ok', 0.002);
  metrics.quotaStep('reserve', 'failed', 0.09);
  assert.deepEqual(await samples(metrics, 'gateway_quota_store_duration_seconds_count'), [
    'gateway_quota_store_duration_seconds_count{operation="reserve",outcome="ok"} 1',
    'gateway_quota_store_duration_seconds_count{operation="reserve",outcome="failed"} 1',
  ]);
});

test('the release is a label', async () => {
  const metrics = createMetrics({ clock, version: '1.2.3' });
  assert.deepEqual(await samples(metrics, 'gateway_build_info'), ['gateway_build_info{version="1.2.3"} 1']);
});

test('with exemplars a bucket names the trace that fell into it, in OpenMetrics, scrape after scrape', async () => {
  const metrics = createMetrics({ clock, exemplars: true });
  const traceId = 'c'.repeat(32);
  metrics.requestEnded({ ...ANSWERED, traceId });
  metrics.requestEnded({ ...ANSWERED, firstContentSeconds: 40 });
  for (const _ of [1, 2]) {
    const { text, contentType } = await metrics.render();
    assert.match(contentType, /^application\/openmetrics-text/);
    assert.ok(text.endsWith('# EOF\n'));
    assert.match(text, /^gateway_requests_total\{.*\} 2$/m);
    const buckets = text
      .split('\n')
      .filter((line) => line.startsWith('gateway_time_to_first_content_seconds_bucket'));
    assert.match(
      buckets.find((line) => line.includes('le="0.5"')) ?? '',
      new RegExp(` # \\{trace_id="${traceId}"\\} 0.3 `),
    );
    assert.doesNotMatch(buckets.find((line) => line.includes('le="60"')) ?? '', / # /);
  }
});

test('without exemplars the text is Prometheus’ own, whatever requests were traced', async () => {
  const metrics = createMetrics({ clock });
  metrics.requestEnded({ ...ANSWERED, traceId: 'c'.repeat(32) });
  const { text, contentType } = await metrics.render();
  assert.match(contentType, /^text\/plain; version=0\.0\.4/);
  assert.doesNotMatch(text, /trace_id/);
});

test('docs/metrics.md has every metric as it is', () => {
  const page = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
  assert.equal(page, metricsPage(), 'run: npm run docs');
});

test('every metric says what it is, and every counter ends in _total', () => {
  const all = createMetrics({ clock }).describe();
  assert.ok(all.length > 50);
  for (const { name, type, help } of all) {
    assert.match(help, /^[A-Z0-9].{10,}\.$/, name);
    if (type === 'counter') assert.match(name, /_total$/);
  }
});
