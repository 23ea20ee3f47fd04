/** What goes over the wire beside the bodies, seen from both ends: headers, ids, endings and a backend's own words. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { errorReply, openaiStream } from '../support/mock-replies.ts';
import { chat, messages, type Rig, startRig } from '../support/rig.ts';
import { within } from '../support/within.ts';

let rig: Rig;
before(async () => {
  rig = await startRig();
});
after(() => rig.close());
beforeEach(() => {
  for (const mock of [rig.internal, rig.claude, rig.openai]) mock.reset();
});

const OF_CLAUDE_CODE = {
  'anthropic-version': '2026-10-21',
  'anthropic-beta': 'one-2026-01-01,of-tomorrow-2027-01-01',
  'x-claude-code-session-id': 'session-1',
  'x-claude-code-of-tomorrow': 'yes',
};

test('A-02 A-05 headers of Anthropic and of Claude Code go to Claude, and to no other backend', async () => {
  rig.claude.say({});
  rig.internal.say({});
  await (await rig.post('/v1/messages', 'enterprise', messages('claude-opus-5-5'), OF_CLAUDE_CODE)).text();
  await (await rig.post('/v1/messages', 'free', messages('claude-opus-5-5'), OF_CLAUDE_CODE)).text();
  for (const [name, value] of Object.entries(OF_CLAUDE_CODE)) {
    assert.equal(rig.claude.requests[0]?.headers[name], value);
    assert.equal(rig.internal.requests[0]?.headers[name], undefined);
  }
  rig.assertPlayed();
});

test('A-02 a version that is missing is named to Claude, and asked of nobody', async () => {
  rig.claude.say({});
  rig.internal.say({});
  const claude = await rig.post('/v1/messages', 'enterprise', messages('claude-opus-5-5'));
  const internal = await rig.post('/v1/messages', 'free', messages('claude-opus-5-5'));
  assert.deepEqual([claude.status, internal.status], [200, 200]);
  assert.equal(rig.claude.requests[0]?.headers['anthropic-version'], '2023-06-01');
  rig.assertPlayed();
});

test('T-06 answers are asked for as they are, without compression, in every format', async () => {
  rig.claude.say({});
  rig.internal.say({}, {});
  await (await rig.post('/v1/messages', 'enterprise', messages('claude-opus-5-5'))).text();
  await (await rig.post('/v1/messages', 'free', messages('claude-opus-5-5'))).text();
  await (await rig.post('/v1/chat/completions', 'free', chat('gpt-5'))).text();
  for (const { headers } of [...rig.claude.requests, ...rig.internal.requests])
    assert.equal(headers['accept-encoding'], 'identity');
  rig.assertPlayed();
});

test('T-10 a stream says that it is one, and that nobody may keep or collect it', async () => {
  rig.internal.say({}, {});
  for (const [path, body] of [
    ['/v1/messages', messages('claude-opus-5-5', { stream: true })],
    ['/v1/chat/completions', chat('gpt-5', { stream: true })],
  ] as const) {
    const { headers, body: stream } = await rig.post(path, 'free', body);
    assert.equal(headers.get('content-type'), 'text/event-stream; charset=utf-8');
    assert.equal(headers.get('cache-control'), 'no-cache');
    assert.equal(headers.get('x-accel-buffering'), 'no');
    assert.equal(headers.get('content-encoding'), null);
    await stream?.cancel();
  }
  rig.assertPlayed();
});

test('A-52 two calls where one was asked for both arrive: dropping one would derail the model’s next turn', async () => {
  const tool = (id: string) => ({ id, name: 'Read', arguments: { path: `/${id}` } });
  rig.internal.say({ tools: [tool('call_a'), tool('call_b')] });
  const response = await rig.post(
    '/v1/messages',
    'free',
    messages('claude-opus-5-5', {
      tools: [{ name: 'Read', input_schema: { type: 'object', properties: {} } }],
      tool_choice: { type: 'auto', disable_parallel_tool_use: true },
    }),
  );
  const { content } = (await response.json()) as { content: { type: string; input: unknown }[] };
  assert.deepEqual(
    content.filter(({ type }) => type === 'tool_use').map(({ input }) => input),
    [{ path: '/call_a' }, { path: '/call_b' }],
  );
  assert.equal((rig.internal.requests[0]?.json as Record<string, unknown>).parallel_tool_calls, false);
  rig.assertPlayed();
});

for (const [what, type, message] of [
  ['E-01 an error of a type of tomorrow', 'error_of_tomorrow', 'Something new.'],
  [
    'X-03 E-15 a signature that another Claude wrote',
    'invalid_request_error',
    'messages.1.content.0: Invalid `signature` in `thinking` block',
  ],
  [
    'E-15 a system message among the others',
    'invalid_request_error',
    "messages: role 'system' is not supported on this model",
  ],
] as const) {
  test(`${what}: Claude’s own words reach its client, byte for byte and after one request`, async () => {
    const body = `{"type":"error", "error":{"type":"${type}","message":"${message}"},"request_id":"req_claude"}`;
    rig.claude.reply({ status: 400, body, headers: { 'x-should-retry': 'false' } });
    const response = await rig.post('/v1/messages', 'enterprise', messages('claude-opus-5-5'));
    assert.equal(response.status, 400);
    assert.equal(await response.text(), body);
    assert.equal(response.headers.get('x-should-retry'), 'false');
    rig.assertPlayed();
  });
}

test('M-21 an error carries one id, in the header of its dialect and in its body', async () => {
  rig.internal.reply(errorReply('openai', 400, 'BadRequestError', 'no'));
  const response = await rig.post('/v1/messages', 'free', messages('claude-opus-5-5'));
  const { request_id } = (await response.json()) as { request_id: string };
  assert.match(request_id, /^req_/);
  assert.equal(response.headers.get('request-id'), request_id);
  const openai = await rig.post('/v1/chat/completions', 'free', chat('no such model', { messages: 1 }));
  assert.match(openai.headers.get('x-request-id') ?? '', /^req_/);
  await openai.text();
});

test('T-19 an answer ends with its last event, whatever the backend does with its connection', async () => {
  for (const [path, body] of [
    ['/v1/messages', messages('claude-opus-5-5', { stream: true })],
    ['/v1/chat/completions', chat('gpt-5', { stream: true })],
  ] as const) {
    rig.internal.reply({ steps: [...openaiStream({ text: 'Done.' }).stream, new Promise(() => undefined)] });
    const response = await rig.post(path, 'free', body);
    assert.match(await within(2000, 'the end', response.text()), /message_stop|\[DONE\]/);
  }
  rig.assertPlayed();
});

test('PT-4 the answer of a model that was passed through names that model, and a header the one asked for', async () => {
  rig.internal.say({ text: 'Hi', model: 'qwen3-32b' });
  const response = await rig.post('/v1/chat/completions', 'free', chat('gpt-5'));
  assert.equal(((await response.json()) as { model: string }).model, 'qwen3-32b');
  assert.equal(response.headers.get('x-gateway-model-requested'), 'gpt-5');
  assert.equal(response.headers.get('x-gateway-model-served'), 'qwen3-32b');
  rig.assertPlayed();
});
