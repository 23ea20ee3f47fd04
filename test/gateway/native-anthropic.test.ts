import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { type MockBackend, startMockBackend } from '../support/mock-backend.ts';
import { errorReply } from '../support/mock-replies.ts';
import { chat, KEYS, messages, type Rig, startRig } from '../support/rig.ts';
import { assertAnthropicStream, parseSse, payloadsOf } from '../support/sse.ts';

/** A model server whose own `/v1/messages` is used: kind internal, Anthropic format, no key. */
let native: MockBackend;
let rig: Rig;
before(async () => {
  native = await startMockBackend({
    dialect: 'anthropic',
    models: ['qwen3-32b'],
    credential: null,
    neverReceives: Object.values(KEYS),
    tokens: 77,
  });
  rig = await startRig(
    { INTERNAL_LLM_URL: native.v1 },
    'backends: { internal: { kind: internal, format: anthropic, contextWindow: 8192, profile: { pdf: true } } }\n',
  );
});
after(async () => {
  await rig.close();
  await native.close();
});
beforeEach(() => native.reset());

test('a Messages request goes out byte for byte but for the model and the length of an answer that would not fit', async () => {
  native.say({ text: 'Native.', thinking: 'Hm.' });
  const body =
    '{ "max_tokens":64000, "thinking":{"type":"adaptive"}, "odd": [1.0], "model":"claude-opus-5-5","messages":[{"role":"user","content":"h\\u00e9"}]}';
  const response = await rig.post('/v1/messages?beta=true', 'free', body, {
    'anthropic-version': '2026-10-21',
    'anthropic-beta': 'some-beta-2026-01-01',
  });
  assert.equal(response.status, 200);
  const { content } = (await response.json()) as { content: { type: string }[] };
  assert.deepEqual(
    content.map(({ type }) => type),
    ['thinking', 'text'],
  );
  const [request] = native.requests;
  const room = String(8192 - Math.ceil(body.length / 3.5) - 256);
  const expected = body.replace('claude-opus-5-5', 'qwen3-32b').replace('64000', room);
  assert.equal(request?.body.toString(), expected);
  assert.equal(request?.path, '/v1/messages?beta=true');
  assert.equal(request?.headers['anthropic-version'], '2026-10-21');
  assert.equal(request?.headers['anthropic-beta'], 'some-beta-2026-01-01');
  native.assertPlayed();
});

test('its stream arrives as it is', async () => {
  native.say({ text: 'Native.' });
  const response = await rig.post('/v1/messages', 'free', messages('claude-opus-5-5', { stream: true }));
  const events = parseSse(await response.text());
  assertAnthropicStream(events);
  assert.equal((payloadsOf(events)[0]?.message as { id: string }).id, 'msg_mock_1');
  native.assertPlayed();
});

test('its own overflow is reworded for Claude Code, in one request', async () => {
  const words = 'request (20010 tokens) exceeds the available context size (8192 tokens), try increasing it';
  native.reply(errorReply('anthropic', 400, 'exceed_context_size_error', words));
  const response = await rig.post('/v1/messages', 'free', messages('claude-opus-5-5'));
  assert.equal(response.status, 400);
  const { error } = (await response.json()) as { error: { message: string } };
  assert.equal(error.message, 'prompt is too long: 20010 tokens > 8192 maximum');
  native.assertPlayed();
});

test('prompt and answer too long together: asked once more with the exact room', async () => {
  const words =
    "This model's maximum context length is 8192 tokens. However, you requested 8200 tokens (4200 in the messages, 4000 in the completion).";
  native.reply(errorReply('anthropic', 400, 'BadRequestError', words));
  native.say({ text: 'Native.' });
  const response = await rig.post('/v1/messages', 'free', messages('claude-opus-5-5', { max_tokens: 4000 }));
  assert.equal(response.status, 200);
  const sent = native.requests.map(({ json }) => (json as { max_tokens: number }).max_tokens);
  assert.deepEqual(sent, [4000, 8192 - 4200]);
  native.assertPlayed();
});

test('what an OpenAI client leaves to the gateway is fitted after a refusal as well', async () => {
  const words =
    "This model's maximum context length is 8192 tokens. However, you requested 12392 tokens (4200 in the messages, 8192 in the completion).";
  native.reply(errorReply('anthropic', 400, 'BadRequestError', words));
  native.say({ text: 'Native.' });
  const response = await rig.post('/v1/chat/completions', 'free', chat('gpt-5'));
  assert.equal(response.status, 200);
  const sent = native.requests.map(({ json }) => (json as { max_tokens: number }).max_tokens);
  assert.deepEqual(sent, [8192, 8192 - 4200]);
  native.assertPlayed();
});

test('an OpenAI client’s schema is one to a model server that takes it in Messages', async () => {
  native.say({ text: '{}' });
  const schema = { type: 'object', properties: {}, additionalProperties: false };
  const response_format = { type: 'json_schema', json_schema: { name: 'out', schema } };
  const response = await rig.post('/v1/chat/completions', 'free', chat('gpt-5', { response_format }));
  assert.equal(response.headers.get('x-gateway-dropped'), null);
  const { output_config, system } = native.requests[0]?.json as Record<string, unknown>;
  assert.deepEqual(output_config, { format: { type: 'json_schema', schema } });
  assert.equal(system, undefined);
  native.assertPlayed();
});

test('its tokens are counted by itself', async () => {
  const response = await rig.post('/v1/messages/count_tokens', 'free', messages('claude-opus-5-5'));
  assert.deepEqual(await response.json(), { input_tokens: 77 });
  native.assertPlayed();
});

test('OpenAI clients reach it translated', async () => {
  native.say({ text: 'Native.' });
  const response = await rig.post('/v1/chat/completions', 'free', chat('gpt-5'));
  const { choices } = (await response.json()) as { choices: { message: { content: string } }[] };
  assert.equal(choices[0]?.message.content, 'Native.');
  native.assertPlayed();
});

test('/health shows what is in force at each backend, and no address', async () => {
  await (await rig.get('/v1/models', 'enterprise')).text();
  const response = await rig.get('/health');
  const text = await response.text();
  const { status, dependencies, backends } = JSON.parse(text) as Record<string, Record<string, unknown>>;
  assert.equal(status, 'ok');
  assert.deepEqual(Object.keys(dependencies ?? {}).sort(), [
    'backend:claude',
    'backend:internal',
    'backend:openai',
    'config',
    'quota',
  ]);
  assert.deepEqual(factsOf(backends?.internal), {
    kind: 'internal',
    format: 'anthropic',
    profile: 'vllm',
    profile_changes: ['pdf'],
    server: null,
    model: 'qwen3-32b',
    context_window: 8192,
    source: { format: 'configured', model: 'detected', context_window: 'configured' },
  });
  assert.deepEqual(factsOf(backends?.openai), {
    kind: 'openai',
    format: 'openai',
    profile: 'openai',
    profile_changes: [],
    server: null,
    model: 'gpt-5',
    context_window: null,
    source: { format: 'kind', model: 'detected', context_window: null },
  });
  assert.doesNotMatch(text, /127\.0\.0\.1|localhost|backend-key|canary/);
});

/** Without what changes from moment to moment: the state of its replicas, and the line before them. */
function factsOf(backend: unknown): object {
  const { replicas: _, waiting: __, ...facts } = backend as Record<string, unknown>;
  return facts;
}
