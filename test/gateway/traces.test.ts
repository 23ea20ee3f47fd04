/** What a collector is told of requests: the real gateway, the real exporter, a collector that keeps what comes. */
import assert from 'node:assert/strict';
import { afterEach, suite, test } from 'node:test';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { type MockBackend, startMockBackend } from '../support/mock-backend.ts';
import { answer, anthropicStream, errorReply } from '../support/mock-replies.ts';
import { type CollectedSpan, type OtlpCollector, startOtlpCollector } from '../support/otlp-collector.ts';

const KEY = 'canary-key-pro';
const PROMPT = 'canary-prompt: what is on my mind';
/** The mock sends it in pieces of nine letters. */
const ANSWER = 'canary-answer';
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = '00f067aa0ba902b7';
const TRACEPARENT = `00-${TRACE}-${PARENT}-01`;

let collector: OtlpCollector;
let backends: MockBackend[];
let gateway: GatewayProcess;

/** Two replicas of one model server, told of traces or not. */
async function start(tellTrace: boolean, env: Record<string, string> = {}): Promise<void> {
  collector = await startOtlpCollector();
  const some = [0, 1].map(() => startMockBackend({ dialect: 'anthropic', models: ['claude-haiku-5-5'] }));
  backends = await Promise.all(some);
  const urls = backends.map(({ url }) => url);
  gateway = await startGatewayProcess({
    configYaml: `
backends:
  claude: { kind: claude, url: [${urls.join(', ')}], apiKey: backend-key, models: [claude-haiku-5-5], tellTrace: ${tellTrace} }
tiers:
  pro: { rank: 1, requestsPerDay: 2, routes: [{ match: claude, to: claude }] }
server: { drainDelaySeconds: 0 }
`,
    env: {
      STATIC_KEYS: `${KEY}=Ada:pro`,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-collector-key=canary%20collector',
      ...env,
    },
  });
}

function ask(headers: Record<string, string> = {}, body: object = {}): Promise<Response> {
  return fetch(`${gateway.url}/v1/messages`, {
    method: 'POST',
    headers: { 'x-api-key': KEY, 'content-type': 'application/json', ...headers },
    body: JSON.stringify({
      model: 'claude-haiku-5-5',
      max_tokens: 50,
      messages: [{ role: 'user', content: PROMPT }],
      ...body,
    }),
  });
}

/** Both replicas are ready; whichever is asked first fails, and the other answers. */
function failOver(said: string): void {
  let isFirst = true;
  const reply = (request: { readonly json: unknown }) => {
    if (!isFirst) return answer('anthropic', { text: said })(request);
    isFirst = false;
    return errorReply('anthropic', 500, 'api_error', 'broken');
  };
  for (const backend of backends) backend.reply(reply);
}

/** What was told once the gateway has ended: the last spans go out then. */
async function told(): Promise<readonly CollectedSpan[]> {
  await gateway.stop('SIGTERM');
  return collector.spans;
}

const named = (spans: readonly CollectedSpan[], name: string) => spans.filter((span) => span.name === name);
function only(spans: readonly CollectedSpan[], name: string): CollectedSpan {
  const found = named(spans, name);
  assert.equal(found.length, 1, `${found.length} spans "${name}" of ${spans.map((span) => span.name)}`);
  return found[0] as CollectedSpan;
}

suite('traces', () => {
  afterEach(async () => {
    await gateway.kill();
    await Promise.all([collector.close(), ...backends.map((backend) => backend.close())]);
  });

  test('a streamed request that failed over is one trace: each step, each try, nothing of its content', async () => {
    await start(true);
    failOver(ANSWER);
    const session = 'f3a1c7e2-0000-4000-8000-000000000001';
    const reply = await ask(
      { traceparent: TRACEPARENT, tracestate: 'vendor=1', 'x-claude-code-session-id': session },
      { stream: true },
    );
    assert.match(await reply.text(), /event: message_stop/);
    const spans = await told();

    assert.deepEqual(new Set(spans.map(({ traceId }) => traceId)), new Set([TRACE]));
    const root = only(spans, 'POST /v1/messages');
    assert.equal(root.parentSpanId, PARENT);
    assert.equal(root.kind, 2);
    for (const step of ['authenticate', 'read', 'route', 'reserve', 'send', 'relay', 'commit', 'settle'])
      assert.equal(only(spans, step).parentSpanId, root.spanId, step);
    for (const span of spans) assert.ok(span.start >= root.start && span.end <= root.end, span.name);

    const send = only(spans, 'send');
    const attempts = named(spans, 'chat claude-haiku-5-5');
    assert.equal(attempts.length, 2);
    for (const { parentSpanId, kind, attributes } of attempts) {
      assert.equal(parentSpanId, send.spanId);
      assert.equal(kind, 3);
      assert.equal(attributes['gen_ai.operation.name'], 'chat');
      assert.equal(attributes['gen_ai.provider.name'], 'anthropic');
      assert.equal(attributes['gen_ai.request.model'], 'claude-haiku-5-5');
      assert.equal(attributes['server.address'], '127.0.0.1');
    }
    const [failed, served] = attempts as [CollectedSpan, CollectedSpan];
    assert.equal(failed.status, 2);
    assert.equal(failed.attributes['http.response.status_code'], 500);
    assert.equal(typeof failed.attributes['error.type'], 'string');
    assert.equal(served.status, 0);
    assert.deepEqual(
      new Set([failed, served].map(({ attributes }) => attributes['server.port'])),
      new Set(backends.map(({ url }) => Number(new URL(url).port))),
    );

    const { attributes } = root;
    assert.equal(attributes['http.response.status_code'], 200);
    assert.equal(attributes['gateway.ending'], 'completed');
    assert.equal(attributes['gateway.tier'], 'pro');
    assert.equal(attributes['gateway.attempts.failed'], 1);
    assert.equal(attributes['gen_ai.request.stream'], true);
    assert.equal(attributes['gen_ai.usage.input_tokens'], 21);
    assert.equal(attributes['gen_ai.usage.output_tokens'], 7);
    assert.equal(attributes['gen_ai.conversation.id'], session);
    assert.equal(attributes['gateway.request_id'], reply.headers.get('request-id'));

    // A server of one's own goes on with the trace: as a child of the very try that it was asked in.
    for (const backend of backends) {
      const { headers } = await backend.request(1);
      const attempt = attempts.find(
        ({ attributes: one }) => one['server.port'] === Number(new URL(backend.url).port),
      );
      assert.equal(headers.traceparent, `00-${TRACE}-${attempt?.spanId}-01`);
      assert.equal(headers.tracestate, 'vendor=1');
    }
    assert.match(gateway.stderr(), new RegExp(`"trace_id":"${TRACE}"`));
    const wire = collector.wire();
    for (const said of [KEY, 'backend-key', 'canary-prompt', 'canary-an', 'Ada'])
      assert.ok(!wire.includes(said), said);
    assert.match(wire, /^POST \/v1\/traces$/m);
    assert.match(wire, /"x-collector-key":"canary collector"/);
    assert.equal(collector.resources[0]?.['service.name'], 'llm-gateway');
  });

  test('backends that are not said to be one’s own are told nothing of traces', async () => {
    await start(false);
    failOver('Hello.');
    assert.equal((await ask({ traceparent: TRACEPARENT })).status, 200);
    for (const backend of backends) {
      const { headers } = await backend.request(1);
      assert.equal(headers.traceparent, undefined);
    }
    const text = await (await fetch(`${gateway.metricsUrl}/metrics`)).text();
    assert.match(text, new RegExp(`gateway_request_duration_seconds_bucket.* # \\{trace_id="${TRACE}"\\}`));
    assert.equal((await told()).filter(({ traceId }) => traceId !== TRACE).length, 0);
  });

  test('what the caller did wrong is a word, and no failure of the server’s span', async () => {
    await start(false);
    for (const backend of backends) backend.reply(answer('anthropic'), answer('anthropic'));
    assert.equal((await ask()).status, 200);
    assert.equal((await ask()).status, 200);
    assert.equal((await ask()).status, 429);
    const spans = await told();
    const refused = named(spans, 'POST /v1/messages').filter(({ attributes }) => attributes['error.type']);
    assert.equal(refused.length, 1);
    assert.equal(refused[0]?.attributes['error.type'], 'quota_exhausted');
    assert.equal(refused[0]?.attributes['http.response.status_code'], 429);
    assert.equal(refused[0]?.status, 0);
    const reserve = named(spans, 'reserve').filter(({ status }) => status === 2);
    assert.equal(reserve.length, 1);
    assert.equal(reserve[0]?.attributes['error.type'], 'quota_exhausted');
  });

  test('of an answer that breaks off the root has failed, of a refusal by the backend it has not', async () => {
    await start(false);
    const { stream } = anthropicStream({ text: 'Hello, this is cut.' });
    for (const backend of backends) backend.reply({ stream, cut: { afterFrames: 5, by: 'reset' } });
    assert.match(await (await ask({}, { stream: true })).text(), /event: error/);
    for (const backend of backends) {
      backend.reset();
      backend.reply(errorReply('anthropic', 400, 'invalid_request_error', 'bad'));
    }
    assert.equal((await ask()).status, 400);
    const roots = named(await told(), 'POST /v1/messages');
    assert.deepEqual(
      roots.map(({ status, attributes }) => [status, attributes['gateway.ending'], attributes['error.type']]),
      [
        [2, 'backend-failed', 'backend-failed'],
        [0, 'backend-failed', 'invalid_request'],
      ],
    );
  });

  test('a request whose sender records nothing is not recorded, and neither is a context that makes no sense', async () => {
    await start(false);
    for (const backend of backends) backend.reply(answer('anthropic'), answer('anthropic'));
    assert.equal((await ask({ traceparent: `00-${TRACE}-${PARENT}-00` })).status, 200);
    assert.equal((await ask({ traceparent: `00-${'0'.repeat(32)}-${PARENT}-01-more` })).status, 200);
    const roots = named(await told(), 'POST /v1/messages');
    assert.equal(roots.length, 1);
    assert.notEqual(roots[0]?.traceId, TRACE);
    assert.equal(roots[0]?.parentSpanId, '');
  });

  test('a collector that is away costs nobody anything', async () => {
    await start(false, { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' });
    for (const backend of backends) backend.reply(answer('anthropic'));
    assert.equal((await ask()).status, 200);
    const { code } = await gateway.stop('SIGTERM');
    assert.equal(code, 0);
    assert.equal(collector.spans.length, 0);
  });
});
