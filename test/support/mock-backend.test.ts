import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type MockBackend, type MockBackendOptions, startMockBackend } from './mock-backend.ts';
import { anthropicStream, errorReply, openaiStream } from './mock-replies.ts';
import { assertAnthropicStream, assertOpenAIStream, parseSse, payloadsOf } from './sse.ts';
import { within } from './within.ts';

const HEADERS: Record<MockBackend['dialect'], Record<string, string>> = {
  anthropic: { 'x-api-key': 'backend-key', 'anthropic-version': '2023-06-01' },
  openai: { authorization: 'Bearer backend-key' },
};
const PATHS: Record<MockBackend['dialect'], string> = {
  anthropic: '/v1/messages',
  openai: '/v1/chat/completions',
};
const BODY = { model: 'm', max_tokens: 9, messages: [{ role: 'user', content: 'Hi' }] };

async function withBackend(
  options: MockBackendOptions,
  run: (backend: MockBackend) => Promise<void>,
): Promise<void> {
  const backend = await startMockBackend(options);
  try {
    await run(backend);
  } finally {
    await backend.close();
  }
}

const ask = (backend: MockBackend, body: unknown = BODY, headers: Record<string, string> = {}, init = {}) =>
  fetch(backend.url + PATHS[backend.dialect], {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...HEADERS[backend.dialect], ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...init,
  });

test('responses: an answer is told in items whose ids and texts are those of the end', () =>
  withBackend({ dialect: 'openai', responses: true }, async (backend) => {
    const tools = [
      { id: 'call_1', namespace: 'mcp__demo', name: 'add', arguments: { a: 1 } },
      { id: 'call_2', name: 'apply_patch', kind: 'custom' as const, arguments: { input: '*** Begin Patch' } },
    ];
    backend.say({ text: 'Two', thinking: 'Hm.', tools });
    const response = await fetch(`${backend.v1}/responses`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...HEADERS.openai },
      body: JSON.stringify({ model: 'm', input: 'Hi', stream: true }),
    });
    const payloads = payloadsOf(parseSse(await response.text()));
    const done = payloads.filter(({ type }) => type === 'response.output_item.done').map(({ item }) => item);
    assert.deepEqual((payloads.at(-1)?.response as { output: unknown }).output, done);
    assert.deepEqual(
      payloads.map((payload) => payload.sequence_number),
      payloads.map((_, index) => index),
    );
    const types = ['reasoning', 'message', 'function_call', 'custom_tool_call'];
    assert.deepEqual(
      (done as { type: string }[]).map(({ type }) => type),
      types,
    );
    backend.assertPlayed();
  }));

test('responses: what tells of the person at work is held against the test', () =>
  withBackend({ dialect: 'openai', responses: true }, async (backend) => {
    backend.say({});
    await fetch(`${backend.v1}/responses`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-codex-turn-metadata': '{}', ...HEADERS.openai },
      body: JSON.stringify({ model: 'm', input: 'Hi', client_metadata: {} }),
    });
    assert.throws(() => backend.assertPlayed(), /x-codex-turn-metadata.*"client_metadata" is no/s);
  }));

for (const dialect of ['anthropic', 'openai'] as const) {
  test(`${dialect}: a queued answer is played whole or streamed as asked, and nothing is held against it`, () =>
    withBackend({ dialect }, async (backend) => {
      const tools = [
        { id: 'call_1', name: 'Read', arguments: { file_path: '/tmp/a' } },
        { id: 'call_2', name: 'Read', arguments: { file_path: '/tmp/b' } },
      ];
      backend.say({ text: 'One' }, { text: 'Two', thinking: 'Hm.', tools });
      const whole = JSON.stringify(await (await ask(backend)).json());
      assert.match(whole, /"One"/);
      const response = await ask(backend, { ...BODY, stream: true });
      const events = parseSse(await response.text());
      (dialect === 'anthropic' ? assertAnthropicStream : assertOpenAIStream)(events);
      assert.equal(backend.requests.length, 2);
      assert.equal(await backend.requests[1]!.over, 'answered');
      backend.assertPlayed();
    }));

  test(`${dialect}: a surplus request is held against the test`, () =>
    withBackend({ dialect }, async (backend) => {
      assert.equal((await ask(backend)).status, 400);
      assert.throws(() => backend.assertPlayed(), /no answer is queued for this request/);
    }));

  test(`${dialect}: an answer left over is held against the test`, () =>
    withBackend({ dialect }, async (backend) => {
      backend.say({});
      assert.throws(() => backend.assertPlayed(), /1 queued answers were never asked for/);
    }));

  test(`${dialect}: a wrong path or method is held against the test`, () =>
    withBackend({ dialect }, async (backend) => {
      assert.equal((await fetch(`${backend.url}/v1/v1/messages`, { method: 'POST' })).status, 404);
      assert.equal((await fetch(backend.url + PATHS[dialect])).status, 404);
      assert.throws(() => backend.assertPlayed(), /no such endpoint/);
      assert.equal(backend.requests.length, 0);
    }));

  test(`${dialect}: models are listed and are no inference`, () =>
    withBackend({ dialect, models: ['a', 'b'] }, async (backend) => {
      const list = (await (
        await fetch(`${backend.url}/v1/models`, { headers: HEADERS[dialect] })
      ).json()) as {
        data: { id: string }[];
      };
      assert.deepEqual(
        list.data.map((model) => model.id),
        ['a', 'b'],
      );
      assert.deepEqual([backend.asked.models, backend.requests.length], [1, 0]);
      backend.assertPlayed();
    }));
}

const BROKEN: readonly {
  readonly what: string;
  readonly dialect: MockBackend['dialect'];
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
  readonly says: RegExp;
}[] = [
  { what: 'a cookie', dialect: 'openai', headers: { cookie: 'a=b' }, says: /"cookie" must never/ },
  {
    what: 'a forwarded address',
    dialect: 'openai',
    headers: { 'x-forwarded-for': '10.0.0.1' },
    says: /"x-forwarded-for"/,
  },
  {
    what: 'a header of the gateway',
    dialect: 'anthropic',
    headers: { 'x-gateway-user': 'a' },
    says: /"x-gateway-user"/,
  },
  {
    what: 'a foreign key',
    dialect: 'openai',
    headers: { authorization: 'Bearer x' },
    says: /authorization is/,
  },
  { what: 'both credentials', dialect: 'openai', headers: { 'x-api-key': 'x' }, says: /x-api-key is x/ },
  {
    what: 'a bearer beside the key',
    dialect: 'anthropic',
    headers: { authorization: 'Bearer x' },
    says: /authorization is/,
  },
  {
    what: 'a client key in any header',
    dialect: 'openai',
    headers: { 'x-note': 'user-key' },
    says: /"user-key" must/,
  },
  {
    what: 'a client key in the body',
    dialect: 'openai',
    body: { ...BODY, user: 'user-key' },
    says: /user-key/,
  },
  { what: 'a body cut off', dialect: 'openai', body: '{"model":', says: /not JSON/ },
  {
    what: 'a field of the other dialect',
    dialect: 'openai',
    body: { ...BODY, thinking: {} },
    says: /thinking/,
  },
  {
    what: 'a tool message nobody asked for',
    dialect: 'openai',
    body: { ...BODY, messages: [{ role: 'tool', tool_call_id: 'a', content: '' }] },
    says: /answers no open tool call/,
  },
  {
    what: 'a tool call never answered',
    dialect: 'openai',
    body: { ...BODY, messages: [{ role: 'assistant', tool_calls: [{ id: 'a' }] }] },
    says: /never answered/,
  },
  {
    what: 'max_tokens missing',
    dialect: 'anthropic',
    body: { ...BODY, max_tokens: undefined },
    says: /max_tokens/,
  },
];

for (const { what, dialect, headers, body, says } of BROKEN) {
  test(`${dialect}: ${what} is held against the test`, () =>
    withBackend({ dialect, neverReceives: ['user-key'] }, async (backend) => {
      backend.say({});
      await (await ask(backend, body, headers)).text();
      assert.throws(() => backend.assertPlayed(), says);
    }));
}

test('a client that leaves a silent backend is seen within a second', () =>
  withBackend({ dialect: 'openai' }, async (backend) => {
    backend.reply({ beforeHeaders: 'stall' });
    const abort = new AbortController();
    const asked = ask(backend, BODY, {}, { signal: abort.signal });
    const request = await backend.request(1);
    abort.abort();
    await assert.rejects(asked);
    assert.equal(await within(1000, 'the socket closes', request.over), 'left');
  }));

test('a stream goes on only when the test lets it', () =>
  withBackend({ dialect: 'openai' }, async (backend) => {
    const gate = Promise.withResolvers<void>();
    const frames = openaiStream({ text: 'ab' }).stream;
    backend.reply({ steps: [frames[0]!, gate.promise, ...frames.slice(1)] });
    const reader = (await ask(backend)).body!.getReader();
    const first = new TextDecoder().decode((await reader.read()).value);
    assert.equal(first, frames[0]);
    gate.resolve();
    let rest = '';
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      rest += new TextDecoder().decode(part.value);
    }
    assert.equal(first + rest, frames.join(''));
  }));

const { stream } = anthropicStream({ text: 'Half of this' });
const FAULTS = [
  { what: 'a reset before the headers', reply: { beforeHeaders: 'reset' } },
  { what: 'a reset after two frames', reply: { stream, cut: { afterFrames: 2, by: 'reset' } } },
  { what: 'a hang-up inside the body', reply: { stream, cut: { afterFrames: 2, by: 'hang-up' } } },
  { what: 'half a body', reply: { half: { type: 'message' } } },
  { what: 'bytes that are no HTTP', reply: { raw: 'SSH-2.0-mock\r\n' } },
] as const;

for (const { what, reply } of FAULTS) {
  test(`${what} is a broken exchange for the client`, () =>
    withBackend({ dialect: 'anthropic' }, async (backend) => {
      backend.reply(reply);
      await assert.rejects(async () => (await ask(backend)).text());
      backend.assertPlayed();
    }));
}

test('a stream that ends cleanly without its end arrives as it is', () =>
  withBackend({ dialect: 'anthropic' }, async (backend) => {
    backend.reply({ stream, cut: { afterFrames: 3, by: 'end' } });
    assert.equal(await (await ask(backend)).text(), stream.slice(0, 3).join(''));
    assert.throws(
      () => assertAnthropicStream(parseSse(stream.slice(0, 3).join(''))),
      /ends with message_stop/,
    );
  }));

test('an error comes with its status and headers', () =>
  withBackend({ dialect: 'anthropic' }, async (backend) => {
    backend.reply(errorReply('anthropic', 529, 'overloaded_error', 'Busy', { 'retry-after': '3' }));
    const response = await ask(backend);
    assert.deepEqual([response.status, response.headers.get('retry-after')], [529, '3']);
    assert.match(await response.text(), /"overloaded_error"/);
  }));

test('an answer may depend on the request', () =>
  withBackend({ dialect: 'openai' }, async (backend) => {
    backend.reply(({ json }) => ({ json: { model: (json as { model: string }).model } }));
    assert.equal(await (await ask(backend)).text(), '{"model":"m"}');
  }));
