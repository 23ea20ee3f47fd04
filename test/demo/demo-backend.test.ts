import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type DemoBackend, startDemoBackend } from '../../src/demo/demo-backend.ts';
import { assertOpenAIStream, parseSse, payloadsOf } from '../support/sse.ts';

let backend: DemoBackend;

before(async () => {
  backend = await startDemoBackend({ pieceMs: 0, now: () => 1_790_000_000_000, newId: () => 'one' });
});
after(() => backend.close());

const post = (body: unknown, path = '/chat/completions') =>
  fetch(backend.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
const HELLO = { model: 'demo-model', messages: [{ role: 'user', content: 'Hello' }] };
const WRITE = {
  type: 'function',
  function: { name: 'Write', parameters: { properties: { file_path: {}, content: {} } } },
};
const CREATE = {
  model: 'demo-model',
  messages: [{ role: 'user', content: 'create a file hello.txt containing Hello World' }],
  tools: [WRITE],
};

interface Completion {
  readonly choices: readonly {
    readonly message: { readonly content: string | null; readonly tool_calls?: readonly ToolCall[] };
    readonly finish_reason: string;
  }[];
  readonly usage: { readonly prompt_tokens: number; readonly completion_tokens: number };
}
interface ToolCall {
  readonly id: string;
  readonly function: { readonly name: string; readonly arguments: string };
}

test('it listens on loopback and lists its one model', async () => {
  assert.match(backend.url, /^http:\/\/127\.0\.0\.1:\d+\/v1$/);
  const list = await (await fetch(`${backend.url}/models`)).json();
  assert.deepEqual(list, {
    object: 'list',
    data: [{ id: 'demo-model', object: 'model', created: 1_790_000_000, owned_by: 'llm-gateway' }],
  });
});

test('it answers in one piece with usage', async () => {
  const answer = (await (await post(HELLO)).json()) as Completion;
  assert.match(answer.choices[0]!.message.content!, /demo model/);
  assert.equal(answer.choices[0]!.finish_reason, 'stop');
  assert.ok(answer.usage.prompt_tokens > 0 && answer.usage.completion_tokens > 10);
});

test('it streams the same words in several pieces, with usage where it was asked for', async () => {
  const whole = (await (await post(HELLO)).json()) as Completion;
  const response = await post({ ...HELLO, stream: true, stream_options: { include_usage: true } });
  assert.match(response.headers.get('content-type')!, /text\/event-stream/);
  const events = parseSse(await response.text());
  assertOpenAIStream(events);
  const chunks = payloadsOf(events) as unknown as {
    choices: { delta: { content?: string } }[];
    usage?: Completion['usage'];
  }[];
  const pieces = chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').filter((piece) => piece !== '');
  assert.ok(pieces.length > 5);
  assert.equal(pieces.join(''), whole.choices[0]!.message.content);
  assert.deepEqual(chunks.at(-1)!.usage, whole.usage);
});

test('it streams a tool call whose arguments are whole once joined', async () => {
  const events = parseSse(await (await post({ ...CREATE, stream: true })).text());
  assertOpenAIStream(events);
  const deltas = payloadsOf(events).flatMap(
    (chunk) =>
      (chunk as { choices: { delta: { tool_calls?: ToolCall[] } }[] }).choices[0]?.delta.tool_calls ?? [],
  );
  assert.deepEqual([deltas[0]!.id, deltas[0]!.function.name], ['call_one_0', 'Write']);
  assert.deepEqual(JSON.parse(deltas.map((delta) => delta.function.arguments).join('')), {
    file_path: 'hello.txt',
    content: 'Hello World',
  });
});

test('it calls the tool in an answer of one piece', async () => {
  const answer = (await (await post(CREATE)).json()) as Completion;
  const [choice] = answer.choices;
  assert.deepEqual([choice!.finish_reason, choice!.message.content], ['tool_calls', null]);
  assert.equal(choice!.message.tool_calls![0]!.function.name, 'Write');
});

const REFUSED = [
  { what: 'a body that is no JSON', status: 400, ask: () => post('{"model":') },
  { what: 'another model', status: 404, ask: () => post({ ...HELLO, model: 'gpt-9' }) },
  { what: 'another path', status: 404, ask: () => post(HELLO, '/completions') },
  { what: 'another method', status: 405, ask: () => fetch(`${backend.url}/chat/completions`) },
];

for (const { what, status, ask } of REFUSED) {
  test(`${what} is refused with ${status} and a message`, async () => {
    const response = await ask();
    assert.equal(response.status, status);
    const body = (await response.json()) as { error: { message: string } };
    assert.ok(body.error.message.length > 5);
  });
}

test('a client that leaves in the middle of a stream does not disturb the next', async () => {
  const slow = await startDemoBackend({ pieceMs: 1 });
  try {
    const abort = new AbortController();
    const response = await fetch(`${slow.url}/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ ...HELLO, stream: true }),
      signal: abort.signal,
    });
    await response.body!.getReader().read();
    abort.abort();
    assert.equal((await fetch(`${slow.url}/models`)).status, 200);
  } finally {
    await slow.close();
  }
});
