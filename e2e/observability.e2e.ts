/**
 * A real Prometheus scrapes two gateways that share a quota store, while they answer, fail, refuse and lose the store.
 * One of them tells traces to a collector, so its metrics come as OpenMetrics. Then every query of the dashboards and
 * every rule is evaluated by Prometheus and must say something.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { DASHBOARDS } from '../deploy/observability/dashboards.ts';
import { type GatewayProcess, startGatewayProcess } from '../test/support/gateway-process.ts';
import { type MockBackend, startMockBackend } from '../test/support/mock-backend.ts';
import { answer, errorReply } from '../test/support/mock-replies.ts';
import { type OtlpCollector, startOtlpCollector } from '../test/support/otlp-collector.ts';
import { skipBecause } from '../test/support/skip.ts';
import { findValkey, startValkey, type ValkeyServer } from '../test/support/valkey-server.ts';
import { findPrometheus, type Prometheus, startPrometheus } from './support/prometheus.ts';
import { KEYS, staticKeys } from './support/stage.ts';

const ALERTS = join(import.meta.dirname, '../deploy/observability/alerts.yaml');
const program = findPrometheus();
const store = findValkey();
const missing = program === null ? 'no prometheus on this machine' : 'no valkey-server or redis-server';
const skip = program === null || store === null ? skipBecause(missing) : false;

/** As a panel asks, with Grafana's variables filled in; the range spans both bursts. */
const filledIn = (query: string) => query.replaceAll('$job', '.*').replaceAll('$__rate_interval', '1m');

suite('dashboards and alerts over a real Prometheus', { skip }, () => {
  let valkey: ValkeyServer;
  let claude: MockBackend;
  let openai: MockBackend;
  const gateways: GatewayProcess[] = [];
  let collector: OtlpCollector;
  let prometheus: Prometheus;

  async function ask(replica: number, key: string, path: string, body: object): Promise<number> {
    const reply = await fetch(`${gateways[replica % 2]?.url}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ max_tokens: 50, messages: [{ role: 'user', content: 'Say hello.' }], ...body }),
    });
    await reply.text();
    return reply.status;
  }

  /** Streams, translations, one of them with loss, a failure, refusals and a stranger; on both replicas. */
  async function burst(): Promise<void> {
    for (const replica of [0, 1]) {
      claude.reply(
        answer('anthropic'),
        answer('anthropic'),
        errorReply('anthropic', 500, 'api_error', 'broken'),
      );
      openai.reply(answer('openai'));
      const { enterprise, pro } = KEYS;
      const model = 'claude-opus-5-5';
      assert.equal(await ask(replica, enterprise, '/v1/messages', { model, stream: true }), 200);
      assert.equal(await ask(replica, enterprise, '/v1/chat/completions', { model }), 200);
      assert.ok((await ask(replica, enterprise, '/v1/messages', { model })) >= 500);
      assert.equal(await ask(replica, enterprise, '/v1/messages', { model: 'gpt-5.2', top_k: 5 }), 200);
      assert.equal(await ask(replica, 'a-stranger', '/v1/messages', { model }), 401);
      assert.equal(await ask(replica, enterprise, '/v1/nothing', {}), 404);
      assert.equal(await ask(replica, KEYS.free, '/v1/messages', { model }), 429);
      claude.reply(answer('anthropic'));
      assert.equal(await ask(replica, pro, '/v1/messages', { model: 'claude-haiku-5-5' }), 200);
    }
  }

  /** The store is away for a moment: what a user with a limit is granted then is counted. */
  async function loseTheStore(): Promise<void> {
    await valkey.stop('SIGKILL');
    for (const replica of [0, 1]) {
      claude.reply(answer('anthropic'));
      assert.equal(await ask(replica, KEYS.pro, '/v1/messages', { model: 'claude-haiku-5-5' }), 200);
    }
    await valkey.start();
  }

  before(async () => {
    assert.ok(program !== null && store !== null);
    valkey = await startValkey(store);
    claude = await startMockBackend({
      dialect: 'anthropic',
      models: ['claude-opus-5-5', 'claude-haiku-5-5'],
    });
    openai = await startMockBackend({ dialect: 'openai', models: ['gpt-5.2'] });
    const configYaml = `
tiers:
  free: { rank: 0, requestsPerDay: 0, routes: [{ match: claude, to: claude }] }
  pro: { rank: 1, requestsPerDay: 1000, routes: [{ match: claude, to: claude }] }
  enterprise: { rank: 2, requestsPerDay: null, routes: [{ match: claude, to: claude }, { match: gpt, to: openai }] }
`;
    const env = {
      CLAUDE_BASE_URL: claude.url,
      CLAUDE_API_KEY: 'backend-key',
      OPENAI_BASE_URL: openai.v1,
      OPENAI_API_KEY: 'backend-key',
      QUOTA_REDIS_URL: valkey.url,
      STATIC_KEYS: staticKeys(['free', 'pro', 'enterprise']),
    };
    collector = await startOtlpCollector();
    const traced = { ...env, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url };
    gateways.push(await startGatewayProcess({ env, configYaml }));
    gateways.push(await startGatewayProcess({ env: traced, configYaml }));
    const targets = gateways.map(({ metricsUrl }) => new URL(metricsUrl).host);
    prometheus = await startPrometheus(program, targets, ALERTS);
    await burst();
    await loseTheStore();
    // Counters that appear with their first value have no rate yet: they are seen once before they grow.
    await scraped();
    await burst();
    await scraped();
  });

  /** Two scrapes of both replicas from now. */
  async function scraped(): Promise<void> {
    const seen = async () =>
      Number((await prometheus.query('min(count_over_time(up[1h]))'))[0]?.value[1] ?? 0);
    const wanted = (await seen()) + 3;
    while ((await seen()) < wanted) await pause(200);
  }

  after(async () => {
    await prometheus?.close();
    await Promise.all(gateways.map((gateway) => gateway.stop('SIGKILL')));
    await Promise.all([
      claude?.close(),
      openai?.close(),
      collector?.close(),
      valkey?.[Symbol.asyncDispose](),
    ]);
  });

  test('both replicas are scraped', async () => {
    const up = await prometheus.query('up{job="llm-gateway"} == 1');
    assert.equal(up.length, 2);
  });

  for (const { title, panels } of DASHBOARDS) {
    test(`every panel of "${title}" shows numbers`, async () => {
      for (const panel of panels) {
        for (const query of Object.values(panel.queries)) {
          const samples = await prometheus.query(filledIn(query));
          assert.ok(samples.length > 0, `${panel.title}: ${query} gives nothing`);
          for (const { value } of samples)
            assert.ok(!Number.isNaN(Number(value[1])), `${panel.title}: ${query} gives NaN`);
        }
      }
    });
  }

  test('every rule is evaluated without an error, and every recorded ratio has a value', async () => {
    const rules = await prometheus.rules();
    assert.equal(rules.length, 20);
    assert.deepEqual(
      rules.filter(({ health }) => health !== 'ok'),
      [],
    );
    for (const { name } of rules.filter(({ type }) => type === 'recording')) {
      const samples = await prometheus.query(name);
      assert.equal(samples.length, 1, name);
      const ratio = Number(samples[0]?.value[1]);
      assert.ok(ratio >= 0 && ratio <= 1, `${name} is ${ratio}`);
    }
  });

  test('the failures of the bursts are the ratio that the alerts look at', async () => {
    const [failed] = await prometheus.query('gateway:failed_requests:ratio_rate5m');
    const ratio = Number(failed?.value[1]);
    // One of five answerable requests of each replica failed; scrapes fall where they fall.
    assert.ok(ratio > 0.1 && ratio < 0.35, `${ratio}`);
  });

  test('a slow spot of a dashboard leads to the trace of a request', async () => {
    const exemplars = await prometheus.exemplars('gateway_time_to_first_content_seconds_bucket');
    assert.ok(exemplars.length > 0);
    // Spans go out every few seconds.
    const isKnown = (id = '') => collector.spans.some(({ traceId }) => traceId === id);
    for (const { labels } of exemplars) while (!isKnown(labels.trace_id)) await pause(100);
  });

  test('the scrapes of both replicas hold no key', async () => {
    for (const { metricsUrl } of gateways) {
      const text = await (await fetch(`${metricsUrl}/metrics`)).text();
      for (const key of Object.values(KEYS)) assert.ok(!text.includes(key));
    }
  });
});
