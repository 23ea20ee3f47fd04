import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMetrics, MAX_MODEL_SERIES, MAX_USER_SERIES } from '../../src/observe/metrics.ts';

const lines = async (metrics: ReturnType<typeof createMetrics>, name: string) =>
  (await metrics.render()).text.split('\n').filter((line) => line.startsWith(`${name}{`));

test('the seeds’ four metrics stand under their names', async () => {
  const metrics = createMetrics(() => 0);
  metrics.requestStarted();
  metrics.requestEnded({
    tier: 'pro',
    dialect: 'anthropic',
    status: 200,
    ending: 'completed',
    backend: 'claude',
    durationSeconds: 1,
    firstContentSeconds: 0.2,
    usage: { inputTokens: 3, outputTokens: 4, cacheReadTokens: 5, cacheWriteTokens: 6, reasoningTokens: 0 },
  });
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
  const metrics = createMetrics(() => 0);
  for (let user = 0; user < MAX_USER_SERIES + 50; user++) {
    metrics.quotaUsed(String(user).padStart(64, '0').split('').reverse().join(''), 2, 1000);
  }
  const series = await lines(metrics, 'gateway_quota_used');
  assert.equal(series.length, MAX_USER_SERIES + 1);
  assert.ok(series.includes('gateway_quota_used{user="other"} 100'));
});

test('a standing is gone when its window is over', async () => {
  let now = 0;
  const metrics = createMetrics(() => now);
  metrics.quotaUsed('b'.repeat(64), 9, 1000);
  now = 1000;
  assert.deepEqual(await lines(metrics, 'gateway_quota_used'), []);
});

test('model names made up by callers end as "other"', async () => {
  const metrics = createMetrics(() => 0);
  for (let n = 0; n < MAX_MODEL_SERIES * 3; n++) metrics.routed(`claude-made-up-${n}`, 'qwen3-32b');
  const series = await lines(metrics, 'gateway_model_routes_total');
  assert.ok(series.length <= MAX_MODEL_SERIES + 2, `${series.length}`);
});

test('the states that /health tells are shown as they are at each scrape', async () => {
  const metrics = createMetrics(() => 0);
  let identity: 'ok' | 'degraded' = 'ok';
  metrics.watchDependencies(() => ({ quota: 'ok', identity }));
  assert.match((await metrics.render()).text, /^gateway_dependency_up\{dependency="identity"\} 1$/m);
  identity = 'degraded';
  const { text } = await metrics.render();
  assert.match(text, /^gateway_dependency_up\{dependency="identity"\} 0$/m);
  assert.match(text, /^gateway_dependency_up\{dependency="quota"\} 1$/m);
});
