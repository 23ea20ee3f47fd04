import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { MockReply } from '../support/mock-backend.ts';
import { anthropicStream, openaiStream } from '../support/mock-replies.ts';
import { chat, messages, type Rig, startRig } from '../support/rig.ts';
import { sseFrame } from '../support/sse.ts';

const PLAN = `
limits: { firstByteSeconds: 1 }
backends: { internal: { kind: internal, contextWindow: 40960 } }
tiers:
  pro:
    rank: 10
    requestsPerDay: 1000
    routes:
      - { match: 'claude:haiku', to: [claude, internal/default] }
      - { match: gpt, to: [internal/default, claude/claude-haiku-5-5] }
`;

let rig: Rig;
before(async () => {
  rig = await startRig({ STATIC_KEYS: 'canary-key-pro=pro-user:pro' }, PLAN);
});
after(() => rig.close());
beforeEach(async () => {
  for (const mock of [rig.internal, rig.claude, rig.openai]) mock.reset();
  // A good answer between the bad ones, or Claude would be left alone after the fifth.
  rig.claude.say({});
  await (await rig.post('/v1/messages', 'pro', messages('claude-haiku-5-5'))).text();
  rig.claude.reset();
});

const standing = async () =>
  (await (await rig.get('/quota', 'pro')).json()) as { readonly used: number; readonly pending: number };

const error = (status: number, type: string): MockReply => ({
  status,
  body: JSON.stringify({ type: 'error', error: { type, message: 'no' } }),
});

const FAULTS: readonly (readonly [string, MockReply])[] = [
  ['says 408', error(408, 'timeout_error')],
  ['says 429', { ...error(429, 'rate_limit_error'), headers: { 'retry-after': '7' } } as MockReply],
  ['says 500', error(500, 'api_error')],
  ['says 503', error(503, 'api_error')],
  ['says 529', error(529, 'overloaded_error')],
  ['resets before its headers', { beforeHeaders: 'reset' }],
  ['never answers', { beforeHeaders: 'stall' }],
  ['talks no HTTP', { raw: 'hello\r\n\r\n' }],
  ['promises more than it sends', { half: { type: 'message' } }],
  [
    'begins its stream with an error',
    { stream: [sseFrame({ type: 'error', error: { type: 'overloaded_error', message: 'no' } }, 'error')] },
  ],
  ['ends its stream before it began', { stream: anthropicStream({ text: 'x' }).stream.slice(0, 1) }],
];

for (const [what, fault] of FAULTS) {
  for (const stream of [true, false]) {
    test(`Claude ${what}: the internal model answers instead (${stream ? 'streamed' : 'in one piece'})`, async () => {
      const { used } = await standing();
      rig.claude.reply(fault);
      rig.internal.say({ text: 'Here I am.' });
      const response = await rig.post('/v1/messages', 'pro', messages('claude-haiku-5-5', { stream }));
      const text = await response.text();
      assert.equal(response.status, 200);
      assert.match(
        text.replace(/"\}\}\n\nevent: content_block_delta\ndata: .*?"text":"/g, ''),
        /Here I am\./,
      );
      assert.doesNotMatch(text, /"type":"error"/);
      const said = (name: string) => response.headers.get(`x-gateway-${name}`);
      assert.deepEqual(['model-requested', 'model-served', 'route-reason', 'backend'].map(said), [
        'claude-haiku-5-5',
        'qwen3-32b',
        'backend-unavailable',
        'internal',
      ]);
      assert.deepEqual(await standing(), { ...(await standing()), used: used + 1, pending: 0 });
      assert.deepEqual([rig.claude.requests.length, rig.internal.requests.length], [1, 1]);
      rig.assertPlayed();
    });
  }
}

test('an OpenAI client is translated anew for the model that stands in', async () => {
  rig.internal.reply({ status: 503, body: '{"error":{"message":"no"}}' });
  rig.claude.say({ text: 'From Claude.' });
  const response = await rig.post('/v1/chat/completions', 'pro', chat('gpt-5'));
  const { choices } = (await response.json()) as { choices: { message: { content: string } }[] };
  assert.equal(choices[0]?.message.content, 'From Claude.');
  assert.equal(response.headers.get('x-gateway-model-served'), 'claude-haiku-5-5');
  assert.equal(rig.claude.requests[0]?.path, '/v1/messages');
  rig.assertPlayed();
});

for (const [what, status, type] of [
  ['a mistake of the caller’s', 400, 'invalid_request_error'],
  ['a body that is too large', 413, 'request_too_large'],
  ['the gateway’s own key', 401, 'authentication_error'],
] as const) {
  test(`${what} is no reason to ask another model`, async () => {
    rig.claude.reply(error(status, type));
    const response = await rig.post('/v1/messages', 'pro', messages('claude-haiku-5-5'));
    assert.equal(response.ok, false);
    assert.equal(rig.internal.requests.length, 0);
    rig.assertPlayed();
  });
}

test('after the first content nobody else is asked: the stream ends in an error', async () => {
  const { stream } = anthropicStream({ text: 'One two three four five six seven.' });
  rig.claude.reply({ stream, cut: { afterFrames: 5, by: 'reset' } });
  const response = await rig.post('/v1/messages', 'pro', messages('claude-haiku-5-5', { stream: true }));
  assert.match(await response.text(), /event: error/);
  assert.equal(rig.internal.requests.length, 0);
  rig.assertPlayed();
});

test('a prompt too long for the internal model goes to the larger window', async () => {
  const message =
    "This model's maximum context length is 40960 tokens. However, your prompt contains at least 40961 input tokens";
  rig.internal.reply({
    status: 400,
    body: JSON.stringify({ error: { message, type: 'BadRequestError', code: 400 } }),
  });
  rig.claude.say({ text: 'It fits.' });
  const response = await rig.post('/v1/messages', 'pro', messages('gpt-5'));
  assert.match(await response.text(), /It fits\./);
  assert.equal(response.headers.get('x-gateway-route-reason'), 'context-overflow');
  rig.assertPlayed();
});

test('when both fail, the failure of the model that was asked for is said, and nothing charged', async () => {
  const { used } = await standing();
  rig.claude.reply(error(529, 'overloaded_error'));
  rig.internal.reply({ status: 400, body: '{"error":{"message":"what is this","code":400}}' });
  const response = await rig.post('/v1/messages', 'pro', messages('claude-haiku-5-5'));
  assert.equal(response.status, 529);
  await response.text();
  assert.equal((await standing()).used, used);
  rig.assertPlayed();
});

test('every failed attempt is in the log and in the metrics, with its reason', async () => {
  const lines = rig.gateway
    .stderr()
    .split('\n')
    .filter((line) => line.includes('"backend-unavailable"'));
  assert.ok(lines.length >= FAULTS.length);
  const failures = lines.map(
    (line) => (JSON.parse(line) as { failures: Record<string, unknown>[] }).failures,
  );
  assert.ok(failures.some(([one]) => one?.backend === 'claude' && one.code === 'backend_overloaded'));
  for (const [one] of failures) assert.ok(one?.model === 'claude-haiku-5-5' || one?.model === 'qwen3-32b');
  const metrics = await (await fetch(`${rig.gateway.metricsUrl}/metrics`)).text();
  for (const code of [
    'backend_timeout',
    'rate_limited',
    'backend_overloaded',
    'backend_truncated',
    'backend_failed',
  ])
    assert.match(
      metrics,
      new RegExp(`gateway_backend_failures_total\\{backend="claude",code="${code}"\\} \\d+`),
    );
  assert.match(metrics, /gateway_model_routes_total\{from="claude-haiku-5-5",to="qwen3-32b"\} \d+/);
  assert.doesNotMatch(rig.gateway.stderr() + metrics, /canary/);
});

test('a stream that showed nothing for six seconds and breaks is told in the client’s own, already open stream', async () => {
  const { stream } = anthropicStream({ text: 'Never said.' });
  const { used } = await standing();
  rig.claude.reply({ steps: [...stream.slice(0, 1), pause(6000)] });
  const response = await rig.post('/v1/messages', 'pro', messages('claude-haiku-5-5', { stream: true }));
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('x-gateway-model-served'), 'claude-haiku-5-5');
  const text = await response.text();
  assert.match(text, /^event: ping\n/, 'the client is kept company');
  assert.match(text, /event: error\ndata: \{"type":"error"/);
  assert.equal(rig.internal.requests.length, 0, 'what the headers said stays true');
  assert.deepEqual(await standing(), { ...(await standing()), used, pending: 0 });
  rig.assertPlayed();
});

test('a replica that breaks after six seconds without content is made up for by the other, in the same stream', async () => {
  const two = await startRig(
    { INTERNAL_LLM_URL: `${rig.internal.v1},${rig.openai.v1}`, INTERNAL_LLM_MODEL: 'qwen3-32b' },
    'backends: { internal: { kind: internal, healthPath: null } }\n',
  );
  try {
    const slowly: MockReply = {
      steps: [sseFrame({ choices: [{ index: 0, delta: { role: 'assistant' } }] }), pause(6000)],
    };
    let isFirst = true;
    const next = (good: MockReply) => () => {
      const reply = isFirst ? slowly : good;
      isFirst = false;
      return reply;
    };
    const good = openaiStream({ text: 'At last.' });
    rig.internal.reply(next(good));
    rig.openai.reply(next(good));
    const response = await two.post('/v1/messages', 'enterprise', messages('qwen3-32b', { stream: true }));
    const text = await response.text();
    assert.match(text, /^event: ping\n/);
    assert.match(text, /At last/);
    assert.match(text, /event: message_stop/);
    assert.doesNotMatch(text, /"error"/);
    assert.deepEqual([rig.internal.requests.length, rig.openai.requests.length], [1, 1]);
  } finally {
    await two.close();
  }
});
