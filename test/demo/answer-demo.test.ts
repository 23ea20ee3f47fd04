import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerDemo } from '../../src/demo/answer-demo.ts';
import { readDemoRequest } from '../../src/demo/conversation.ts';

const object = (properties: Record<string, unknown>) => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
});
const text = { type: 'string' };
const tool = (name: string, properties: Record<string, unknown>) => ({
  type: 'function',
  function: { name, parameters: object(properties) },
});
const WRITE = tool('Write', { file_path: text, content: text });
const READ = tool('Read', { file_path: text });
const BASH = tool('Bash', { command: text });
const TOOLS = [BASH, READ, WRITE];

type Message = Record<string, unknown>;
const user = (content: unknown): Message => ({ role: 'user', content });
const called = (id: string, name: string, input: unknown, result: string): Message[] => [
  {
    role: 'assistant',
    content: null,
    tool_calls: [{ id, type: 'function', function: { name, arguments: JSON.stringify(input) } }],
  },
  { role: 'tool', tool_call_id: id, content: result },
];
const ask = (messages: Message[], fields: Record<string, unknown> = { tools: TOOLS }) =>
  answerDemo(readDemoRequest({ model: 'demo-model', messages, ...fields }));

const CREATE = 'create a file hello.txt containing Hello World';
const ENVIRONMENT =
  '<system-reminder>\n# Environment\n - Primary working directory: /work/here\n</system-reminder>';

test('any prompt gets a sentence that says what it is, echoes a little and names the next step', () => {
  const { text: said, calls } = ask([user(`Why is\nthe sky blue? ${'x'.repeat(500)}`)]);
  assert.match(said, /demo model .* not an AI/);
  assert.match(said, /You wrote: "Why is the sky blue\? x+…"/);
  assert.match(said, /INTERNAL_LLM_URL/);
  assert.ok(said.length < 800);
  assert.deepEqual(calls, []);
});

test('a file asked for is written under the working directory that the conversation tells', () => {
  const { calls } = ask([user(`${CREATE}\n\n${ENVIRONMENT}`)]);
  assert.deepEqual(calls, [
    { name: 'Write', arguments: { file_path: '/work/here/hello.txt', content: 'Hello World' } },
  ]);
});

test('the working directory is also found in a system message, in parts, and in the form of Codex', () => {
  const places: Message[][] = [
    [{ role: 'system', content: 'You are in\nWorking directory: /work/here' }, user(CREATE)],
    [user([{ type: 'text', text: ENVIRONMENT }]), user([{ type: 'text', text: CREATE }])],
    [user(`<system-reminder><cwd>/work/here</cwd></system-reminder>`), user(CREATE)],
  ];
  for (const messages of places) {
    assert.equal(ask(messages).calls[0]?.arguments.file_path, '/work/here/hello.txt');
  }
});

test('without a known working directory the path stays as it was said', () => {
  assert.equal(ask([user(CREATE)]).calls[0]?.arguments.file_path, 'hello.txt');
});

test('an absolute path stays as it was said', () => {
  const messages = [user(`create a file /tmp/a.txt containing A\n\n${ENVIRONMENT}`)];
  assert.equal(ask(messages).calls[0]?.arguments.file_path, '/tmp/a.txt');
});

test('the prompt is the last text of the user outside of reminders', () => {
  const reminder = '<system-reminder>create a file no.txt containing no</system-reminder>';
  const messages = [
    user('read a.txt'),
    ...called('1', 'Read', {}, 'A'),
    user(`${CREATE} ${reminder}`),
    user(reminder),
  ];
  assert.equal(ask(messages).calls[0]?.arguments.file_path, 'hello.txt');
});

test('after the file is written it says what happened and calls nothing more', () => {
  const input = { file_path: 'hello.txt', content: 'Hello World' };
  const { text: said, calls } = ask([user(CREATE), ...called('1', 'Write', input, 'File created.')]);
  assert.deepEqual(calls, []);
  assert.match(said, /I wrote the file hello\.txt\. The tool Write says: File created\./);
  assert.match(said, /not an AI/);
});

test('two wishes are granted one after the other, and the content that was read is quoted', () => {
  const prompt = user(`${CREATE}, then read it`);
  const written = called('1', 'Write', { file_path: 'hello.txt', content: 'Hello World' }, 'File created.');
  assert.deepEqual(ask([prompt, ...written]).calls, [
    { name: 'Read', arguments: { file_path: 'hello.txt' } },
  ]);
  const seen = called('2', 'Read', { file_path: 'hello.txt', limit: 5 }, '1\tHello World');
  const last = ask([prompt, ...written, ...seen]);
  assert.deepEqual(last.calls, []);
  assert.match(last.text, /The file hello\.txt contains:\n\n1\tHello World/);
});

test('a file that must be read first is read and then written', () => {
  const input = { file_path: 'hello.txt', content: 'Hello World' };
  const refused = called(
    '1',
    'Write',
    input,
    'Error: <tool_use_error>File has not been read yet.</tool_use_error>',
  );
  assert.equal(ask([user(CREATE), ...refused]).calls[0]?.name, 'Read');
  const seen = called('2', 'Read', { file_path: 'hello.txt' }, 'old');
  assert.deepEqual(ask([user(CREATE), ...refused, ...seen]).calls, [{ name: 'Write', arguments: input }]);
});

test('a file whose content was not said is left to a real model', () => {
  assert.deepEqual(ask([user('create a.py')]).calls, []);
});

test('a tool that fails ends the loop with its reason', () => {
  const input = { file_path: 'hello.txt', content: 'Hello World' };
  const { text: said, calls } = ask([user(CREATE), ...called('1', 'Write', input, 'Error: disk full')]);
  assert.deepEqual(calls, []);
  assert.match(said, /The tool Write failed: Error: disk full/);
});

test('a command is run only when it is spelt out', () => {
  assert.deepEqual(ask([user('run `date`')]).calls, [{ name: 'Bash', arguments: { command: 'date' } }]);
  assert.deepEqual(ask([user('run the tests')]).calls, []);
});

const OTHER_TOOLS = [
  {
    what: 'a generic writer',
    tools: [tool('write_file', { path: text, content: text })],
    name: 'write_file',
  },
  {
    what: 'a server tool with a prefix',
    tools: [tool('mcp__files__create_file', { filename: text, data: text })],
    name: 'mcp__files__create_file',
  },
  {
    what: 'Write before others',
    tools: [tool('create_file', { path: text, text }), WRITE],
    name: 'Write',
  },
];

for (const { what, tools, name } of OTHER_TOOLS) {
  test(`a file is written with ${what}`, () => {
    const [call] = ask([user(CREATE)], { tools }).calls;
    assert.equal(call?.name, name);
    assert.deepEqual(Object.values(call.arguments), ['hello.txt', 'Hello World']);
  });
}

test('a shell that takes a list gets one', () => {
  const tools = [tool('shell', { command: { type: 'array', items: text } })];
  assert.deepEqual(ask([user('run `date`')], { tools }).calls[0]?.arguments, {
    command: ['bash', '-lc', 'date'],
  });
});

test('without a fitting tool it says so', () => {
  const { text: said, calls } = ask([user(CREATE)], { tools: [READ, tool('Write', { subject: text })] });
  assert.deepEqual(calls, []);
  assert.match(said, /write a file, but no tool for it is on offer/);
});

test('no tool is called where the client forbids it', () => {
  assert.deepEqual(ask([user(CREATE)], { tools: TOOLS, tool_choice: 'none' }).calls, []);
  assert.deepEqual(ask([user(`CRITICAL: Respond with TEXT ONLY.\n${CREATE}`)]).calls, []);
});

test('a tool that the client insists on is called, filled minimally where nothing fits', () => {
  const weather = tool('weather', { city: text, days: { type: 'integer', minimum: 1 } });
  const named = { type: 'function', function: { name: 'weather' } };
  const filled = [{ name: 'weather', arguments: { city: 'demo', days: 1 } }];
  assert.deepEqual(ask([user('Hi')], { tools: [WRITE, weather], tool_choice: named }).calls, filled);
  assert.deepEqual(ask([user('Hi')], { tools: [weather], tool_choice: 'required' }).calls, filled);
  assert.equal(
    ask([user(CREATE)], { tools: [weather, WRITE], tool_choice: 'required' }).calls[0]?.name,
    'Write',
  );
});

test('a schema is answered with an instance of it, a title with a short one', () => {
  const schema = object({ title: text, done: { type: 'boolean' } });
  const format = { type: 'json_schema', json_schema: { name: 'out', schema } };
  assert.deepEqual(JSON.parse(ask([user('Fix the bug')], { response_format: format }).text), {
    title: 'Demo: Fix the bug',
    done: false,
  });
  assert.equal(ask([user('Hi')], { response_format: { type: 'json_object' } }).text, '{}');
  assert.ok(ask([user(`Write a short title for this: ${'long '.repeat(50)}`)]).text.length < 60);
});

test('the text is cut at the wanted number of tokens and says so', () => {
  const { text: said, cut } = ask([user('Hi')], { max_tokens: 3 });
  assert.deepEqual([said.length, cut], [12, true]);
});

test('nonsense is answered like an empty prompt', () => {
  for (const body of [
    null,
    7,
    {},
    { messages: 'no' },
    { messages: [null, { role: 'user', content: 5 }], tools: [1] },
  ]) {
    assert.match(answerDemo(readDemoRequest(body)).text, /demo model/);
  }
});

test('a loop that goes in circles ends', () => {
  const round = called('1', 'Read', { file_path: 'other' }, 'x');
  const { calls } = ask([user(CREATE), ...Array.from({ length: 12 }, () => round).flat()]);
  assert.deepEqual(calls, []);
});

test('what Claude Code notes to the model inside a tool result is not quoted back to the person', () => {
  const result = 'File created.\n\n<system-reminder>\nnot for people\n</system-reminder>';
  const { text: said } = ask([
    user(CREATE),
    ...called('c1', 'Write', { file_path: 'hello.txt', content: 'Hello World' }, result),
  ]);
  assert.match(said, /File created\./);
  assert.doesNotMatch(said, /not for people|system-reminder/);
});
