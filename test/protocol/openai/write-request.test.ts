import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GatewayError } from '../../../src/errors.ts';
import { readAnthropicRequest } from '../../../src/protocol/anthropic/read-request.ts';
import type { WrittenRequest } from '../../../src/protocol/conversation.ts';
import { writeOpenAIRequest } from '../../../src/protocol/openai/write-request.ts';
import { type BackendProfile, PROFILES } from '../../../src/protocol/profile.ts';
import { sha256 } from '../../support/openai-to-anthropic.ts';

type Message = Record<string, unknown> & { role: string; content: unknown };

const VLLM = PROFILES.vllm;
const OPENAI = PROFILES.openai;
const HELLO = { role: 'user', content: 'Hello' };

/** An Anthropic request, written for a backend. */
function write(request: object, profile: BackendProfile = VLLM): WrittenRequest {
  const conversation = readAnthropicRequest({ max_tokens: 10, messages: [HELLO], ...request });
  return writeOpenAIRequest(conversation, { model: 'served', profile, hash: sha256 });
}

const bodyOf = (request: object, profile?: BackendProfile) => write(request, profile).body;
const messagesOf = (messages: readonly object[], profile?: BackendProfile) =>
  bodyOf({ messages }, profile).messages as Message[];

function refuse(request: object, profile?: BackendProfile): string {
  try {
    write(request, profile);
  } catch (error) {
    assert.ok(error instanceof GatewayError, String(error));
    return `${error.code} ${error.message}`;
  }
  assert.fail('it was not refused');
}

const user = (...content: unknown[]) => ({ role: 'user', content });
const assistant = (...content: unknown[]) => ({ role: 'assistant', content });
const text = (words: string) => ({ type: 'text', text: words });
const use = (id: string, name = 'f', input: unknown = {}) => ({ type: 'tool_use', id, name, input });
const result = (id: string, content: unknown = 'ok', more: object = {}) => ({
  type: 'tool_result',
  tool_use_id: id,
  content,
  ...more,
});
const PNG = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' } };
const PNG_PART = { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } };
const PDF = { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'JVBERi0=' } };
const callPart = (id: string, name = 'f', args = '{}') => ({
  id,
  type: 'function',
  function: { name, arguments: args },
});

test('the smallest request for vLLM: reasoning is off, because nobody asked for it', () => {
  assert.deepEqual(bodyOf({}), {
    model: 'served',
    messages: [{ role: 'user', content: 'Hello' }],
    max_tokens: 10,
    chat_template_kwargs: { enable_thinking: false },
    stream: false,
  });
});

test('the smallest request for OpenAI', () => {
  assert.deepEqual(bodyOf({}, OPENAI), {
    model: 'served',
    messages: [{ role: 'user', content: 'Hello' }],
    max_completion_tokens: 10,
    stream: false,
  });
});

test("nothing of Claude Code's own fields reaches a backend", () => {
  const { body, dropped } = write({
    system: [
      text('x-anthropic-billing-header: cc_version=2.1.330.839; cc_entrypoint=cli;'),
      { ...text('You are helpful.'), cache_control: { type: 'ephemeral' } },
    ],
    messages: [{ role: 'user', content: [{ ...text('Hi'), cache_control: { type: 'ephemeral' } }] }],
    tools: [{ name: 'f', input_schema: {}, cache_control: {}, defer_loading: true }],
    context_management: { edits: [] },
    output_config: { effort: 'high' },
    thinking: { type: 'adaptive', display: 'updates' },
    metadata: { user_id: '{"device_id":"d"}' },
    stream: true,
  });
  assert.deepEqual(body, {
    model: 'served',
    messages: [
      { role: 'system', content: 'You are helpful.' },
      { role: 'user', content: 'Hi' },
    ],
    tools: [{ type: 'function', function: { name: 'f', parameters: { type: 'object', properties: {} } } }],
    max_tokens: 10,
    chat_template_kwargs: { enable_thinking: true },
    stream: true,
    stream_options: { include_usage: true },
  });
  assert.deepEqual(dropped, [
    'context_management',
    'system.attribution',
    'output_config.effort',
    'metadata.user_id',
  ]);
});

// System

test('A-10 the system prompt is one message and one string', () => {
  const messages = bodyOf({ system: [text('A'), text('B')] }).messages as Message[];
  assert.deepEqual(messages[0], { role: 'system', content: 'A\n\nB' });
  assert.equal((bodyOf({ system: 'A' }, OPENAI).messages as Message[])[0]?.role, 'developer');
});

test('A-15 no system prompt is made up', () => {
  assert.equal(messagesOf([user(text('<system-reminder>x</system-reminder>'))])[0]?.role, 'user');
});

test('A-12 a later system message becomes a reminder in its place', () => {
  assert.deepEqual(messagesOf([HELLO, { role: 'system', content: 'S' }]), [
    { role: 'user', content: 'Hello\n\n<system-reminder>\nS\n</system-reminder>' },
  ]);
});

test('A-12 where the backend takes them, later system messages stay', () => {
  assert.deepEqual(messagesOf([HELLO, { role: 'system', content: 'S' }, user(text('Go'))], OPENAI), [
    { role: 'user', content: 'Hello' },
    { role: 'developer', content: 'S' },
    { role: 'user', content: 'Go' },
  ]);
});

test('A-12 a system message never comes between calls and their results', () => {
  const messages = [HELLO, assistant(use('a')), { role: 'system', content: 'S' }, user(result('a'))];
  for (const profile of [VLLM, OPENAI]) {
    const roles = messagesOf(messages, profile).map((message) => message.role);
    assert.deepEqual(roles.slice(0, 3), ['user', 'assistant', 'tool']);
    assert.equal(roles.length, 4);
  }
});

test('A-12 a reminder joins the user message beside it even where others are kept apart', () => {
  const profile = { ...OPENAI, midSystem: 'user' as const };
  const messages = [{ role: 'system', content: 'S' }, HELLO, user(text('Go'))];
  assert.deepEqual(
    messagesOf(messages, profile).map((message) => message.content),
    ['<system-reminder>\nS\n</system-reminder>\n\nHello', 'Go'],
  );
});

// Messages

test('A-13 where the configuration says so, later system messages are refused in the words that Claude Code knows', () => {
  const messages = [HELLO, { role: 'system', content: 'Be brief.' }];
  const refused = refuse({ messages }, { ...VLLM, midSystem: 'refuse' });
  assert.equal(refused, "invalid_request messages: role 'system' is not supported on this model");
  assert.equal(messagesOf([HELLO], { ...VLLM, midSystem: 'refuse' }).length, 1);
});

test('A-16 a reminder in a user message is text of the user and stays where it is', () => {
  const reminder = '<system-reminder>\nThe file changed.\n</system-reminder>';
  const body = bodyOf({ system: 'S', messages: [user(text('Go on.'), text(reminder))] });
  assert.deepEqual(body.messages, [
    { role: 'system', content: 'S' },
    { role: 'user', content: `Go on.\n\n${reminder}` },
  ]);
});

test('A-26 a template that wants the user first gets a constant opening, and nobody else', () => {
  const messages = [assistant(text('Hi, what now?')), HELLO];
  const roles = (profile: BackendProfile) => messagesOf(messages, profile).map(({ role }) => role);
  assert.deepEqual(roles(VLLM), ['assistant', 'user']);
  const strict = { ...VLLM, firstMustBeUser: true };
  assert.deepEqual(roles(strict), ['user', 'assistant', 'user']);
  assert.deepEqual(messagesOf(messages, strict)[0], { role: 'user', content: '(start)' });
  assert.deepEqual(messagesOf([HELLO], strict), [HELLO]);
  const system = bodyOf({ system: 'S', messages }, strict).messages as Message[];
  assert.deepEqual(
    system.map(({ role }) => role),
    ['system', 'user', 'assistant', 'user'],
  );
});

test('A-27 marks for caching and keys nobody knows change nothing, on blocks of every kind', () => {
  const mark = { cache_control: { type: 'ephemeral' }, caller: { type: 'direct' }, citations: [] };
  const plain = [
    user(text('Look.')),
    assistant(text('Yes.'), use('a')),
    user(result('a', [text('seen')]), text('Go on.')),
  ];
  const marked = plain.map(({ role, content }) => ({
    content: content.map((block) => ({ ...mark, ...(block as object) })),
    role,
  }));
  assert.deepEqual(messagesOf(marked), messagesOf(plain));
});

test('A-20 texts make one string; with media they stay parts in their order', () => {
  assert.equal(messagesOf([user(text('a'), text('b'))])[0]?.content, 'a\n\nb');
  assert.deepEqual(messagesOf([user(PNG, text('what?'), PNG)])[0]?.content, [
    PNG_PART,
    text('what?'),
    PNG_PART,
  ]);
});

test('A-22 user messages in a row are merged where templates need it, and only there', () => {
  const messages = [HELLO, user(text('Go'))];
  assert.deepEqual(messagesOf(messages), [{ role: 'user', content: 'Hello\n\nGo' }]);
  assert.equal(messagesOf(messages, OPENAI).length, 2);
});

test('A-22 assistant messages in a row are one, so that results follow their calls', () => {
  const messages = [HELLO, assistant(use('a')), assistant(text('more')), user(result('a'))];
  assert.deepEqual(messagesOf(messages, OPENAI).slice(1), [
    { role: 'assistant', content: 'more', tool_calls: [callPart('a')] },
    { role: 'tool', tool_call_id: 'a', content: 'ok' },
  ]);
});

test('A-23 empty messages vanish and their neighbours meet', () => {
  const messages = [HELLO, assistant(text(' ')), user(text('')), user(text('Go'))];
  assert.deepEqual(messagesOf(messages), [{ role: 'user', content: 'Hello\n\nGo' }]);
});

test('A-23 an answer that only calls tools has the content that the backend wants', () => {
  const messages = [HELLO, assistant(use('a')), user(result('a'))];
  assert.equal(messagesOf(messages)[1]?.content, '');
  assert.equal(messagesOf(messages, OPENAI)[1]?.content, null);
});

test('A-23 a conversation without a user is refused', () => {
  assert.match(
    refuse({ messages: [user(text(' '))] }),
    /^invalid_request messages: at least one user message/,
  );
  assert.match(refuse({ messages: [{ role: 'system', content: 'S' }] }, OPENAI), /at least one user message/);
});

test('A-24 A-25 vLLM goes on with a begun answer, its trailing space cut', () => {
  const { messages, continue_final_message, add_generation_prompt } = bodyOf({
    messages: [HELLO, assistant(text('The answer is '))],
  });
  assert.deepEqual((messages as Message[]).at(-1), { role: 'assistant', content: 'The answer is' });
  assert.deepEqual([continue_final_message, add_generation_prompt], [true, false]);
});

test("A-24 others refuse a begun answer in Claude's words", () => {
  assert.equal(
    refuse({ messages: [HELLO, assistant(text('The'))] }, OPENAI),
    'invalid_request This model does not support assistant message prefill. The conversation must end with a user message.',
  );
});

test('A-24 an answer that ends in calls is interrupted, not begun', () => {
  const body = bodyOf({ messages: [HELLO, assistant(text('Let me'), use('a'))] });
  assert.equal(body.continue_final_message, undefined);
  assert.deepEqual((body.messages as Message[]).at(-1), {
    role: 'tool',
    tool_call_id: 'a',
    content: '[no result: interrupted]',
  });
});

// Media

test('A-33 a model that cannot see is told so, and goes on', () => {
  const profile = { ...VLLM, vision: false };
  const { body, dropped } = write({ messages: [user(PNG, text('what?'))] }, profile);
  assert.equal((body.messages as Message[])[0]?.content, '[image omitted: model has no vision]\n\nwhat?');
  assert.deepEqual(dropped, ['content.image']);
});

test('A-34 images of results follow the last tool message, named after their calls', () => {
  const messages = messagesOf([
    HELLO,
    assistant(use('a'), use('b')),
    user(result('a', [text('here:'), PNG]), result('b', 'plain'), text('And?')),
  ]);
  assert.deepEqual(messages.slice(2), [
    {
      role: 'tool',
      tool_call_id: 'a',
      content: 'here:\n[image 1 of tool call a is in the next user message]',
    },
    { role: 'tool', tool_call_id: 'b', content: 'plain' },
    { role: 'user', content: [text('Images returned by tool calls: a'), PNG_PART, text('And?')] },
  ]);
});

test('A-34 also where messages of one role are not merged, one user message carries them', () => {
  const messages = messagesOf([HELLO, assistant(use('a')), user(result('a', [PNG]), text('And?'))], OPENAI);
  assert.deepEqual(
    messages.map((message) => message.role),
    ['user', 'assistant', 'tool', 'user'],
  );
});

test('A-35 a PDF is a file where the backend reads them, otherwise it is named', () => {
  const document = { ...PDF, title: 'Report', context: 'From 2025' };
  assert.deepEqual(messagesOf([user(document, text('sum up'))], OPENAI)[0]?.content, [
    text('[document: Report]\nFrom 2025'),
    { type: 'file', file: { filename: 'Report.pdf', file_data: 'data:application/pdf;base64,JVBERi0=' } },
    text('sum up'),
  ]);
  assert.equal(
    messagesOf([user(document)])[0]?.content,
    '[document: Report]\nFrom 2025\n[PDF omitted: model cannot read PDFs]',
  );
});

test('A-35 a PDF in a result travels like an image', () => {
  const messages = messagesOf([HELLO, assistant(use('a')), user(result('a', [PDF]))], OPENAI);
  assert.equal(messages[2]?.content, '[file 1 of tool call a is in the next user message]');
  assert.deepEqual((messages[3]!.content as object[])[0], text('Files returned by tool calls: a'));
});

test('A-35 a PDF by its address is refused', () => {
  const document = { type: 'document', source: { type: 'url', url: 'https://example.org/a.pdf' } };
  assert.match(refuse({ messages: [user(document)] }, OPENAI), /^not_supported /);
});

test('A-36 a text document is text', () => {
  const document = { type: 'document', title: 'Notes', source: { type: 'text', data: 'line' } };
  assert.equal(messagesOf([user(document)])[0]?.content, '[document: Notes]\nline');
});

// Tools

const TOOL = {
  name: 'f',
  description: 'D',
  input_schema: { type: 'object', properties: { a: { type: 'string' } } },
};

test('A-38 an image before its question stays before it', () => {
  const [message] = messagesOf([user(text('First:'), PNG, text('what is it?'))]);
  assert.deepEqual(message?.content, [text('First:'), PNG_PART, text('what is it?')]);
});

test('A-40 a tool in its new form; no description stays none', () => {
  const { tools } = bodyOf({ tools: [TOOL, { name: 'g' }] });
  assert.deepEqual(tools, [
    { type: 'function', function: { name: 'f', description: 'D', parameters: TOOL.input_schema } },
    { type: 'function', function: { name: 'g', parameters: { type: 'object', properties: {} } } },
  ]);
});

test('A-42 strict goes on only where the schema is strict', () => {
  const schema = { type: 'object', properties: { a: {} }, required: ['a'], additionalProperties: false };
  const strictOf = (input_schema: object) => {
    const { body, dropped } = write({ tools: [{ name: 'f', strict: true, input_schema }] });
    return [(body.tools as { function: { strict?: boolean } }[])[0]?.function.strict, dropped];
  };
  assert.deepEqual(strictOf(schema), [true, []]);
  assert.deepEqual(strictOf({ ...schema, required: [] }), [undefined, ['tools.strict']]);
});

test('A-46 long names are shortened everywhere and can be told back', () => {
  const name = `mcp__${'server'.repeat(12)}__tool`;
  const { body, toolNames } = write({
    tools: [{ name }],
    tool_choice: { type: 'tool', name },
    messages: [HELLO, assistant(use('a', name)), user(result('a'))],
  });
  const sent = `${name.slice(0, 55)}_${sha256(name).slice(0, 8)}`;
  assert.equal((body.tools as { function: { name: string } }[])[0]?.function.name, sent);
  assert.deepEqual(body.tool_choice, { type: 'function', function: { name: sent } });
  const calls = (body.messages as Message[])[1]?.tool_calls as { function: { name: string } }[];
  assert.equal(calls[0]?.function.name, sent);
  assert.deepEqual([...toolNames], [[sent, name]]);
});

test('A-48 calls of the history stay where no tools are left', () => {
  const body = bodyOf({ messages: [HELLO, assistant(use('a')), user(result('a'))] });
  assert.equal('tools' in body, false);
  assert.equal((body.messages as Message[])[1]?.role, 'assistant');
});

test('A-49 without tools nothing is said about them', () => {
  const choice = { type: 'any', disable_parallel_tool_use: true };
  const keys = Object.keys(bodyOf({ tools: [], tool_choice: choice }));
  assert.equal(
    keys.some((key) => /tool/.test(key)),
    false,
  );
});

const CHOICES: readonly [object, unknown][] = [
  [{ type: 'auto' }, 'auto'],
  [{ type: 'any' }, 'required'],
  [{ type: 'none' }, 'none'],
  [
    { type: 'tool', name: 'f' },
    { type: 'function', function: { name: 'f' } },
  ],
];

for (const [choice, expected] of CHOICES) {
  test(`A-50 tool_choice ${JSON.stringify(choice)} becomes ${JSON.stringify(expected)}`, () => {
    assert.deepEqual(bodyOf({ tools: [TOOL], tool_choice: choice }).tool_choice, expected);
  });
}

test('A-50 parallel calls are switched off, and left alone where nothing is said', () => {
  const off = { type: 'auto', disable_parallel_tool_use: true };
  assert.equal(bodyOf({ tools: [TOOL], tool_choice: off }).parallel_tool_calls, false);
  assert.equal('parallel_tool_calls' in bodyOf({ tools: [TOOL] }), false);
});

// Calls and results

test('A-55 A-61 all text of an answer goes before its calls', () => {
  const messages = messagesOf([
    HELLO,
    assistant(text('one'), use('a', 'f', { z: 1, b: 2 }), text('two')),
    user(result('a')),
  ]);
  assert.deepEqual(messages[1], {
    role: 'assistant',
    content: 'one\n\ntwo',
    tool_calls: [callPart('a', 'f', '{"z":1,"b":2}')],
  });
});

test('A-56 results come first and in the order of the calls, then one user message', () => {
  const messages = messagesOf([
    HELLO,
    assistant(use('b'), use('a')),
    user(text('note'), result('a', 'A'), result('b', 'B'), text('more')),
  ]);
  assert.deepEqual(messages.slice(2), [
    { role: 'tool', tool_call_id: 'b', content: 'B' },
    { role: 'tool', tool_call_id: 'a', content: 'A' },
    { role: 'user', content: 'note\n\nmore' },
  ]);
});

test('A-57 a failed result says so, once', () => {
  const contentOf = (content: string) =>
    messagesOf([HELLO, assistant(use('a')), user(result('a', content, { is_error: true }))])[2]?.content;
  assert.equal(contentOf('exit 1'), 'Error: exit 1');
  assert.equal(contentOf(''), 'Error: (no output)');
  for (const said of ['error: exit 1', 'Error', '<tool_use_error>x</tool_use_error>']) {
    assert.equal(contentOf(said), said);
  }
});

test('A-58 an empty result has words, and texts are joined by lines', () => {
  const contentOf = (content: unknown) =>
    messagesOf([HELLO, assistant(use('a')), user(result('a', content))])[2]?.content;
  for (const empty of ['', ' \n', [], [text(' ')], null]) assert.equal(contentOf(empty), '(no output)');
  assert.equal(contentOf([text('a'), text('b')]), 'a\nb');
});

test('A-59 a result without its call becomes user text in its place', () => {
  const messages = messagesOf([
    HELLO,
    assistant(text('hi')),
    user(text('see'), result('ghost', [text('x'), PNG])),
  ]);
  assert.deepEqual(messages[2], {
    role: 'user',
    content: [text('see'), text('[result of earlier tool call ghost] x'), PNG_PART],
  });
});

test('A-59 a call without its result was interrupted', () => {
  const messages = messagesOf([HELLO, assistant(use('a'), use('b')), user(result('b'), text('stop'))]);
  assert.deepEqual(messages[2], { role: 'tool', tool_call_id: 'a', content: '[no result: interrupted]' });
});

test('A-60 of two results for one call the later counts', () => {
  const { body, dropped } = write({
    messages: [HELLO, assistant(use('a')), user(result('a', 'old'), result('a', 'new'))],
  });
  assert.deepEqual((body.messages as Message[]).slice(2), [
    { role: 'tool', tool_call_id: 'a', content: 'new' },
  ]);
  assert.deepEqual(dropped, ['messages.repeated_tool_result']);
});

test('a call that repeats the id of another is left out', () => {
  const { body, dropped } = write({
    messages: [HELLO, assistant(use('a'), use('a', 'g')), user(result('a'))],
  });
  assert.deepEqual((body.messages as Message[])[1]?.tool_calls, [callPart('a')]);
  assert.deepEqual(dropped, ['messages.repeated_tool_use']);
});

test('A-62 results spread over two messages are collected', () => {
  const messages = messagesOf(
    [HELLO, assistant(use('a'), use('b')), user(result('b', 'B')), user(result('a', 'A'), text('go'))],
    OPENAI,
  );
  assert.deepEqual(
    messages.slice(2).map((message) => message.content),
    ['A', 'B', 'go'],
  );
});

test('A-65 a call and its result get the same id in the form of the backend', () => {
  const id = 'toolu_with_an_id_that_is_much_too_long_for_openai';
  for (const toolIdFormat of ['any', 'openai', 'mistral', 'kimi'] as const) {
    const messages = messagesOf([HELLO, assistant(use(id)), user(result(id))], { ...VLLM, toolIdFormat });
    const sent = (messages[1]!.tool_calls as { id: string }[])[0]?.id;
    assert.equal(messages[2]?.tool_call_id, sent);
    assert.equal(sent === id, toolIdFormat === 'any');
  }
});

// Earlier reasoning

const thought = (words: string, signature = 'sig') => ({ type: 'thinking', thinking: words, signature });
const LOOP = [
  user(text('first')),
  assistant(thought('old'), use('a')),
  user(result('a')),
  assistant(thought('older'), text('done')),
  user(text('second')),
  assistant(thought('new'), use('b')),
  user(result('b'), text('<system-reminder>be brief</system-reminder>')),
  assistant(thought('newest', 'gw1.x'), { type: 'redacted_thinking', data: 'z' }, use('c')),
  user(result('c')),
];

test('A-70 vLLM gets the reasoning of the current tool loop only', () => {
  const { body, dropped } = write({ messages: LOOP });
  const reasoning = (body.messages as Message[])
    .filter((message) => message.role === 'assistant')
    .map((message) => message.reasoning);
  assert.deepEqual(reasoning, [undefined, undefined, 'new', 'newest']);
  assert.deepEqual(dropped, ['content.redacted_thinking']);
});

test('A-70 DeepSeek gets it on every turn with calls, even where it is empty', () => {
  const profile = { ...VLLM, reasoningField: 'reasoning_content', reasoningReplay: 'tool-turns' } as const;
  const messages = messagesOf([...LOOP, assistant(use('d')), user(result('d'))], profile);
  assert.deepEqual(
    messages.filter((message) => message.role === 'assistant').map((message) => message.reasoning_content),
    ['old', undefined, 'new', 'newest', ''],
  );
});

test('A-70 OpenAI gets none, and that is noted', () => {
  const { body, dropped } = write({ messages: LOOP }, OPENAI);
  assert.doesNotMatch(JSON.stringify(body), /newest|"old/);
  assert.ok(dropped.includes('content.thinking'));
});

// Reasoning of this request

const on = (more: object = {}) => ({ thinking: { type: 'enabled', ...more } });

test('A-73 vLLM is switched on and off by the template', () => {
  const switched = (request: object) => bodyOf(request).chat_template_kwargs;
  assert.deepEqual(switched(on()), { enable_thinking: true });
  assert.deepEqual(switched({ thinking: { type: 'disabled' } }), { enable_thinking: false });
  assert.deepEqual(switched({}), { enable_thinking: false });
});

const ADAPTIVE = { thinking: { type: 'adaptive' } };
const EFFORTS: readonly [name: string, request: object, effort: string | undefined][] = [
  ['a small budget is low', on({ budget_tokens: 3999 }), 'low'],
  ['a middling budget is medium', on({ budget_tokens: 4000 }), 'medium'],
  ['a big budget is high', on({ budget_tokens: 16_000 }), 'high'],
  [
    'a named effort wins over a budget',
    { ...on({ budget_tokens: 1 }), output_config: { effort: 'xhigh' } },
    'xhigh',
  ],
  ['max is the highest there is', { ...ADAPTIVE, output_config: { effort: 'max' } }, 'xhigh'],
  ['adaptive alone leaves it to the model', ADAPTIVE, undefined],
  ['off is the lowest', { thinking: { type: 'disabled' } }, 'minimal'],
  ['silence stays silence', {}, undefined],
];

for (const [name, request, effort] of EFFORTS) {
  test(`A-73 A-75 for OpenAI ${name}`, () => assert.equal(bodyOf(request, OPENAI).reasoning_effort, effort));
}

test('A-75 an effort between two that are known goes to the higher', () => {
  const profile = { ...OPENAI, efforts: ['high', 'max'] };
  const effortOf = (effort: string) =>
    bodyOf({ ...ADAPTIVE, output_config: { effort } }, profile).reasoning_effort;
  assert.deepEqual(['low', 'medium', 'high', 'xhigh', 'max'].map(effortOf), [
    'high',
    'high',
    'high',
    'max',
    'max',
  ]);
});

test('A-75 a backend without a way to switch off is left alone', () => {
  const { body, dropped } = write(
    { thinking: { type: 'disabled' } },
    { ...OPENAI, efforts: ['low', 'high'] },
  );
  assert.deepEqual([body.reasoning_effort, dropped], [undefined, ['thinking']]);
  assert.equal(
    bodyOf({ thinking: { type: 'disabled' } }, { ...OPENAI, efforts: ['none', 'low'] }).reasoning_effort,
    'none',
  );
});

test('A-75 no effort beside tools where the backend refuses both', () => {
  const request = { ...ADAPTIVE, output_config: { effort: 'high' }, tools: [TOOL] };
  const { body, dropped } = write(request, OPENAI);
  assert.deepEqual([body.reasoning_effort, dropped], [undefined, ['output_config.effort']]);
  assert.equal(bodyOf(request, { ...OPENAI, effortWithTools: true }).reasoning_effort, 'high');
});

test('a backend that knows nothing of reasoning is told nothing of it', () => {
  const { body, dropped } = write(ADAPTIVE, PROFILES.generic);
  assert.deepEqual(
    [Object.keys(body), dropped],
    [['model', 'messages', 'max_tokens', 'stream'], ['thinking']],
  );
});

// Parameters

test('A-82 sampling goes as it is; top_k only where it is known', () => {
  const request = { temperature: 0.3, top_p: 0.9, top_k: 20 };
  const { temperature, top_p, top_k } = bodyOf(request);
  assert.deepEqual([temperature, top_p, top_k], [0.3, 0.9, 20]);
  const written = write(request, OPENAI);
  assert.deepEqual([written.body.top_k, written.dropped], [undefined, ['top_k']]);
});

test("A-82 OpenAI's reasoning models get no temperature while they reason", () => {
  const { body, dropped } = write({ ...ADAPTIVE, temperature: 1, top_p: 1 }, OPENAI);
  assert.deepEqual([body.temperature, body.top_p, dropped], [undefined, undefined, ['temperature', 'top_p']]);
  assert.equal(bodyOf({ ...ADAPTIVE, temperature: 0.5 }).temperature, 0.5);
});

test('A-83 stop sequences beyond what the backend takes are left out and named', () => {
  const stop_sequences = ['a', 'b', 'c', 'd', 'e'];
  assert.deepEqual(bodyOf({ stop_sequences }).stop, stop_sequences);
  const { body, dropped } = write({ stop_sequences }, OPENAI);
  assert.deepEqual([body.stop, dropped], [['a', 'b', 'c', 'd'], ['stop_sequences']]);
});

test("A-84 the client's user is sent as a hash, or not at all", () => {
  const metadata = { user_id: '{"device_id":"d","account_uuid":"","session_id":"s"}' };
  assert.equal(bodyOf({ metadata }, OPENAI).safety_identifier, sha256(metadata.user_id));
  assert.doesNotMatch(JSON.stringify(bodyOf({ metadata })), /device_id/);
});

test('A-76 Claude’s rules for sampling beside thinking bind no other model', () => {
  const tools = [{ name: 'f', input_schema: { type: 'object' } }];
  const { body, dropped } = write({
    ...ADAPTIVE,
    temperature: 0.2,
    top_p: 0.5,
    tools,
    tool_choice: { type: 'any' },
  });
  assert.deepEqual([body.temperature, body.top_p, body.tool_choice], [0.2, 0.5, 'required']);
  assert.deepEqual(dropped, []);
});

test('A-83 a backend that takes no stop sequences gets none', () => {
  const { body, dropped } = write({ stop_sequences: ['a'] }, { ...VLLM, stopMax: 0 });
  assert.deepEqual(['stop' in body, dropped], [false, ['stop_sequences']]);
});

test('A-84 the session is a hashed cache key where the backend knows one', () => {
  const metadata = (session: string) => ({
    user_id: JSON.stringify({ device_id: 'd', session_id: session }),
  });
  const keyOf = (given: object, profile: BackendProfile = OPENAI) =>
    bodyOf({ metadata: given }, profile).prompt_cache_key;
  assert.equal(keyOf(metadata('s1')), sha256('s1'));
  assert.notEqual(keyOf(metadata('s1')), keyOf(metadata('s2')));
  assert.equal(keyOf(metadata('s1'), VLLM), undefined);
  for (const user_id of ['plain', '"text"', '{"session_id":7}', '{}'])
    assert.equal(keyOf({ user_id }), undefined);
});

test('A-85 the service tier is said in OpenAI’s words, and only to those who know it', () => {
  assert.equal(bodyOf({ service_tier: 'auto' }, OPENAI).service_tier, 'auto');
  assert.equal(bodyOf({ service_tier: 'standard_only' }, OPENAI).service_tier, 'default');
  const vllm = write({ service_tier: 'auto' });
  assert.deepEqual(['service_tier' in vllm.body, vllm.dropped], [false, ['service_tier']]);
  assert.deepEqual(write({ service_tier: 'of tomorrow' }, OPENAI).dropped, ['service_tier']);
});

test('A-86 structured output is strict only where its schema is', () => {
  const format = (schema: object) =>
    bodyOf({ output_config: { format: { type: 'json_schema', schema } } }).response_format;
  assert.deepEqual(format({ $schema: 'x', type: 'object', properties: { title: { type: 'string' } } }), {
    type: 'json_schema',
    json_schema: { name: 'output', schema: { type: 'object', properties: { title: { type: 'string' } } } },
  });
  const strict = { type: 'object', properties: {}, additionalProperties: false };
  assert.deepEqual(format(strict), {
    type: 'json_schema',
    json_schema: { name: 'output', schema: strict, strict: true },
  });
});

test('A-87 a stream asks for its usage where the backend understands that', () => {
  assert.deepEqual(bodyOf({ stream: true }).stream_options, { include_usage: true });
  assert.equal('stream_options' in bodyOf({ stream: true }, { ...VLLM, streamUsage: false }), false);
});

test('a JSON object can be asked for by clients whose dialect knows it', () => {
  const conversation = readAnthropicRequest({ max_tokens: 1, messages: [HELLO] });
  const { body } = writeOpenAIRequest(
    { ...conversation, format: { kind: 'json-object' }, maxTokens: null },
    { model: 'm', profile: VLLM, hash: sha256 },
  );
  assert.deepEqual(body.response_format, { type: 'json_object' });
  assert.equal('max_tokens' in body, false);
});
