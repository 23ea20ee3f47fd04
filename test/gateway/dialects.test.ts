import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { MockBackend } from '../support/mock-backend.ts';
import { errorReply } from '../support/mock-replies.ts';
import { chat, messages, type Rig, startRig } from '../support/rig.ts';
import { assertAnthropicStream, assertOpenAIStream, parseSse, payloadsOf } from '../support/sse.ts';

let rig: Rig;
before(async () => {
  rig = await startRig();
});
after(() => rig.close());
beforeEach(() => {
  for (const mock of [rig.internal, rig.claude, rig.openai]) mock.reset();
});

const SAID = { text: 'Hello there, this is the answer.', usage: { input: 40, output: 9, cacheRead: 2 } };

test('Messages to Claude: the body goes out byte for byte but for the model, the answer comes back as it is', async () => {
  rig.claude.reply({
    json: { type: 'message', odd: [1.5, 'é'], content: [], usage: { input_tokens: 1, output_tokens: 1 } },
  });
  const body =
    '{ "max_tokens":100, "unknown_field": {"a":1.0},\n"model":"claude-opus-5-5", "messages":[{"role":"user","content":"h\\u00e9"}]}';
  const response = await rig.post('/v1/messages?beta=true', 'pro', body, {
    'anthropic-beta': 'some-beta-2026-01-01',
    'anthropic-version': '2026-10-21',
  });
  assert.equal(response.status, 200);
  assert.equal(
    await response.text(),
    '{"type":"message","odd":[1.5,"é"],"content":[],"usage":{"input_tokens":1,"output_tokens":1}}',
  );
  const [request] = rig.claude.requests;
  assert.equal(request?.body.toString(), body.replace('claude-opus-5-5', 'claude-haiku-5-5'));
  assert.equal(request?.path, '/v1/messages?beta=true');
  assert.equal(request?.headers['anthropic-beta'], 'some-beta-2026-01-01');
  assert.equal(request?.headers['anthropic-version'], '2026-10-21');
  rig.assertPlayed();
});

test('the answer says which model was asked for, which served, why and by whom', async () => {
  rig.claude.say(SAID);
  const response = await rig.post('/v1/messages', 'pro', messages('claude-sonnet-5-5[1m]'));
  assert.equal(response.headers.get('x-gateway-model-requested'), 'claude-sonnet-5-5[1m]');
  assert.equal(response.headers.get('x-gateway-model-served'), 'claude-haiku-5-5');
  assert.equal(response.headers.get('x-gateway-route-reason'), 'tier-rule');
  assert.equal(response.headers.get('x-gateway-backend'), 'claude');
  assert.match(response.headers.get('request-id') ?? '', /^req_[A-Za-z0-9]{22}$/);
  assert.equal(response.headers.get('request-id'), response.headers.get('x-request-id'));
  await response.text();
  rig.assertPlayed();
});

test('Messages to Claude, streamed: every byte of the stream arrives unchanged', async () => {
  rig.claude.say(SAID);
  const response = await rig.post(
    '/v1/messages',
    'enterprise',
    messages('claude-opus-5-5', { stream: true }),
  );
  assert.match(response.headers.get('content-type') ?? '', /^text\/event-stream/);
  const events = parseSse(await response.text());
  assertAnthropicStream(events);
  assert.equal(events[1]?.event, 'ping');
  assert.equal((payloadsOf(events)[0]?.message as { id: string }).id, 'msg_mock_1');
  rig.assertPlayed();
});

test('Messages to an OpenAI-format backend', async () => {
  rig.internal.say(SAID);
  const response = await rig.post(
    '/v1/messages',
    'free',
    messages('claude-opus-5-5', { system: 'Be kind.' }),
  );
  const body = (await response.json()) as Record<string, unknown>;
  assert.equal(response.status, 200);
  assert.deepEqual(body.content, [{ type: 'text', text: SAID.text }]);
  assert.equal(body.model, 'claude-opus-5-5');
  assert.equal(body.stop_reason, 'end_turn');
  assert.deepEqual(body.usage, {
    input_tokens: 40,
    output_tokens: 9,
    cache_read_input_tokens: 2,
    cache_creation_input_tokens: 0,
  });
  const sent = rig.internal.requests[0]?.json as { model: string; messages: unknown[] };
  assert.equal(sent.model, 'qwen3-32b');
  assert.deepEqual(sent.messages[0], { role: 'system', content: 'Be kind.' });
  rig.assertPlayed();
});

test('Messages to an OpenAI-format backend, streamed, with thinking and parallel tool calls', async () => {
  rig.internal.say({
    thinking: 'Let me see.',
    text: 'Two calls.',
    tools: [
      { id: 'call_a', name: 'Read', arguments: { path: '/a' } },
      { id: 'call_b', name: 'Read', arguments: { path: '/b' } },
    ],
  });
  const tools = [
    { name: 'Read', input_schema: { type: 'object', properties: { path: { type: 'string' } } } },
  ];
  const request = messages('claude-opus-5-5', { stream: true, tools, thinking: { type: 'adaptive' } });
  const response = await rig.post('/v1/messages', 'free', request);
  const events = parseSse(await response.text());
  assertAnthropicStream(events);
  const starts = payloadsOf(events).filter(({ type }) => type === 'content_block_start');
  assert.deepEqual(
    starts.map(({ content_block }) => (content_block as { type: string }).type),
    ['thinking', 'text', 'tool_use', 'tool_use'],
  );
  rig.assertPlayed();
});

test('Chat Completions to an Anthropic-format backend', async () => {
  rig.claude.say({ ...SAID, tools: [{ id: 'toolu_1', name: 'now', arguments: {} }] });
  const tools = [{ type: 'function', function: { name: 'now' } }];
  const response = await rig.post('/v1/chat/completions', 'enterprise', chat('claude-opus-5-5', { tools }));
  assert.equal(response.status, 200);
  const body = (await response.json()) as {
    choices: { message: Record<string, unknown>; finish_reason: string }[];
    usage: unknown;
  };
  assert.equal(body.choices[0]?.message.content, SAID.text);
  assert.equal(body.choices[0]?.finish_reason, 'tool_calls');
  assert.deepEqual((body.choices[0]?.message.tool_calls as { function: unknown }[])[0]?.function, {
    name: 'now',
    arguments: '{}',
  });
  assert.equal((body.usage as { prompt_tokens: number }).prompt_tokens, 42);
  rig.assertPlayed();
});

test('Chat Completions to an Anthropic-format backend, streamed, with usage where it was asked for', async () => {
  rig.claude.say(SAID, SAID);
  for (const include_usage of [true, false]) {
    const request = chat('claude-opus-5-5', { stream: true, stream_options: { include_usage } });
    const response = await rig.post('/v1/chat/completions', 'enterprise', request);
    const events = parseSse(await response.text());
    assertOpenAIStream(events);
    assert.equal(
      payloadsOf(events).some(({ usage }) => usage !== undefined && usage !== null),
      include_usage,
    );
  }
  rig.assertPlayed();
});

test('Chat Completions to OpenAI and to the internal model are passed through', async () => {
  rig.openai.say(SAID);
  rig.internal.say(SAID);
  const toOpenAI = await rig.post('/v1/chat/completions', 'enterprise', chat('gpt-5', { stream: true }));
  assertOpenAIStream(parseSse(await toOpenAI.text()));
  const toInternal = await rig.post('/v1/chat/completions', 'pro', chat('gpt-5', { logit_bias: { 1: 2 } }));
  assert.equal(toInternal.status, 200);
  assert.deepEqual((rig.internal.requests[0]?.json as Record<string, unknown>).logit_bias, { 1: 2 });
  rig.assertPlayed();
});

test('PT-3 a stream of an OpenAI client is counted though it did not ask, and it sees no chunk of usage', async () => {
  for (const stream_options of [undefined, { include_usage: true }]) {
    rig.internal.say({ ...SAID, usage: { input: 31, output: 9 } });
    const before = await tokensCounted();
    const body = chat('gpt-5', { stream: true, ...(stream_options && { stream_options }) });
    const events = parseSse(await (await rig.post('/v1/chat/completions', 'pro', body)).text());
    assertOpenAIStream(events);
    const chunks = payloadsOf(events) as { choices: unknown[] }[];
    const isWanted = stream_options !== undefined;
    assert.equal(
      chunks.some(({ choices }) => choices.length === 0),
      isWanted,
    );
    assert.deepEqual((rig.internal.requests.at(-1)?.json as Record<string, unknown>).stream_options, {
      include_usage: true,
    });
    assert.equal((await tokensCounted()) - before, 40);
  }
  rig.assertPlayed();
});

async function tokensCounted(): Promise<number> {
  const text = await (await fetch(`${rig.gateway.metricsUrl}/metrics`)).text();
  return text
    .split('\n')
    .filter((line) => line.startsWith('gateway_tokens_total{'))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

test('PT-3 a backend that refuses the wish for usage is asked as the client did, once found out', async () => {
  const fresh = await startRig();
  try {
    fresh.internal.reply(
      errorReply(
        'openai',
        422,
        'invalid_request_error',
        'body.stream_options: Extra inputs are not permitted',
      ),
    );
    fresh.internal.say(SAID, SAID);
    for (let i = 0; i < 2; i++) {
      const response = await fresh.post('/v1/chat/completions', 'pro', chat('gpt-5', { stream: true }));
      assertOpenAIStream(parseSse(await response.text()));
    }
    const asked = fresh.internal.requests.map(({ json }) => 'stream_options' in (json as object));
    assert.deepEqual(asked, [true, false, false]);
    fresh.assertPlayed();
  } finally {
    await fresh.close();
  }
});

test('PT-3 the role developer is system to the internal model and itself to OpenAI', async () => {
  rig.openai.say(SAID);
  rig.internal.say(SAID);
  const turns = [
    { role: 'developer', content: 'Be brief.' },
    { role: 'user', content: 'Hi' },
  ];
  await rig.post('/v1/chat/completions', 'enterprise', { model: 'gpt-5', messages: turns });
  await rig.post('/v1/chat/completions', 'pro', { model: 'gpt-5', messages: turns });
  const roleAt = (mock: MockBackend) =>
    (mock.requests[0]?.json as { messages: { role: string }[] }).messages[0]?.role;
  assert.deepEqual([roleAt(rig.openai), roleAt(rig.internal)], ['developer', 'system']);
  rig.assertPlayed();
});

test('a base address that ends in /v1 works for both dialects', async () => {
  rig.internal.say(SAID, SAID);
  assert.equal((await rig.post('/v1/v1/messages?beta=true', 'pro', messages('gpt-5'))).status, 200);
  assert.equal((await rig.post('/v1/v1/chat/completions', 'pro', chat('gpt-5'))).status, 200);
  rig.assertPlayed();
});

test('a JSON answer to a streamed request becomes a stream, a stream to a plain one a JSON answer', async () => {
  rig.claude.reply({
    json: {
      id: 'm',
      type: 'message',
      role: 'assistant',
      model: 'x',
      content: [{ type: 'text', text: 'Hi' }],
      stop_reason: 'end_turn',
      usage: { input_tokens: 1, output_tokens: 1 },
    },
  });
  const streamed = await rig.post(
    '/v1/messages',
    'enterprise',
    messages('claude-opus-5-5', { stream: true }),
  );
  assertAnthropicStream(parseSse(await streamed.text()));
  rig.internal.reply(async () => (await import('../support/mock-replies.ts')).openaiStream(SAID));
  const plain = await rig.post('/v1/messages', 'pro', messages('gpt-5'));
  assert.deepEqual(((await plain.json()) as { content: unknown }).content, [
    { type: 'text', text: SAID.text },
  ]);
  rig.assertPlayed();
});

test('counting tokens asks the counter of the backend, else estimates; both are free', async () => {
  const standing = async () => ((await (await rig.get('/quota', 'free')).json()) as { used: number }).used;
  const used = await standing();
  const counted = await rig.post('/v1/messages/count_tokens?beta=true', 'free', messages('claude-opus-5-5'));
  assert.equal(counted.status, 200);
  assert.ok(((await counted.json()) as { input_tokens: number }).input_tokens > 5);
  assert.equal(await standing(), used);
});

test('models are listed as each caller reads them, and only those the tier passes through', async () => {
  const openai = (await (await rig.get('/v1/models', 'free')).json()) as {
    object: string;
    data: { id: string }[];
  };
  assert.deepEqual([openai.object, openai.data.map(({ id }) => id)], ['list', ['qwen3-32b']]);
  const anthropic = (await (
    await rig.get('/v1/models?limit=1000', 'pro', { 'anthropic-version': '2023-06-01' })
  ).json()) as {
    data: { id: string; type: string; display_name: string }[];
    has_more: boolean;
  };
  assert.deepEqual(
    anthropic.data.map(({ id }) => id),
    ['qwen3-32b', 'anthropic/qwen3-32b', 'claude-haiku-5-5'],
  );
  assert.equal(anthropic.has_more, false);
  const one = (await (await rig.get('/v1/models/claude-opus-5-5', 'free')).json()) as { id: string };
  assert.equal(one.id, 'claude-opus-5-5');
  assert.equal((await rig.get('/v1/models/mistral-large', 'free')).status, 404);
});

test('Claude Code’s question at its start is answered here, with the quota headers and free of charge', async () => {
  const probe = {
    model: 'claude-haiku-4-5-20251001',
    max_tokens: 1,
    messages: [{ role: 'user', content: 'quota' }],
    metadata: {},
  };
  const response = await rig.post('/v1/messages?beta=true', 'free', probe);
  assert.equal(response.status, 200);
  assert.equal(((await response.json()) as { type: string }).type, 'message');
  assert.equal(response.headers.get('anthropic-ratelimit-requests-limit'), '10');
  rig.assertPlayed();
});
