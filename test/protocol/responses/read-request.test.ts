/** Every row of codex.md §8, and bad input. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GatewayError } from '../../../src/errors.ts';
import { readResponsesRequest } from '../../../src/protocol/responses/read-request.ts';
import {
  assistant,
  called,
  developer,
  openSeal,
  output,
  readRequest,
  request,
  toChat,
  toClaude,
  user,
} from '../../support/responses-requests.ts';

type Json = Record<string, unknown>;

const refusal = (items: unknown, more: Json = {}): string => {
  try {
    readRequest(items, more);
  } catch (error) {
    assert.ok(error instanceof GatewayError, String(error));
    return `${error.code} ${error.message}`;
  }
  return 'none';
};
const messagesOf = (body: Json) => body.messages as Json[];
const rolesOf = (body: Json) => messagesOf(body).map(({ role }) => role);
const FUNCTION = { type: 'function', name: 'f', description: 'Does it.', parameters: { type: 'object' } };

test('a text alone is what the user says', () => {
  assert.deepEqual(messagesOf(toChat('Hello')), [{ role: 'user', content: 'Hello' }]);
});

test('a message needs no type, and its content may be a text', () => {
  assert.deepEqual(messagesOf(toChat([{ role: 'user', content: 'Hello' }])), [
    { role: 'user', content: 'Hello' },
  ]);
});

test('instructions and leading developer messages become one system message, later ones user text', () => {
  const items = [developer('A'), { role: 'system', content: 'B' }, user('Hi'), developer('C'), user('More')];
  const chat = toChat(items, { instructions: 'First' });
  assert.deepEqual(rolesOf(chat), ['system', 'user']);
  assert.equal(messagesOf(chat)[0]?.content, 'First\n\nA\n\nB');
  assert.match(
    String(messagesOf(chat)[1]?.content),
    /Hi[\s\S]*<system-reminder>\nC\n<\/system-reminder>[\s\S]*More/,
  );
  const claude = toClaude(items, { instructions: 'First' });
  assert.deepEqual(
    (claude.system as Json[]).map(({ text }) => text),
    ['First', 'A', 'B'],
  );
  assert.deepEqual(rolesOf(claude), ['user']);
});

test('a function is nested for Chat Completions and has an input schema for Claude', () => {
  const more = { tools: [FUNCTION] };
  assert.deepEqual(toChat('Hi', more).tools, [
    {
      type: 'function',
      function: { name: 'f', description: 'Does it.', parameters: { type: 'object', properties: {} } },
    },
  ]);
  assert.deepEqual(
    (toClaude('Hi', more).tools as Json[]).map(({ name, input_schema }) => [name, input_schema]),
    [['f', { type: 'object' }]],
  );
});

test('a tool of free text is a function of one string, its grammar described, and its history written so', () => {
  const format = { type: 'grammar', syntax: 'lark', definition: 'start: "*** Begin"' };
  const tools = [{ type: 'custom', name: 'apply_patch', description: 'Patches.', format }];
  const items = [
    user('Patch it'),
    { type: 'custom_tool_call', call_id: 'c1', name: 'apply_patch', input: '*** Begin "x"' },
    { type: 'custom_tool_call_output', call_id: 'c1', output: 'Done.' },
  ];
  const chat = toChat(items, { tools });
  const [{ function: sent }] = chat.tools as [{ function: Json }];
  assert.match(String(sent.description), /Patches\.[\s\S]*lark grammar[\s\S]*\*\*\* Begin/);
  assert.deepEqual(sent.parameters, {
    type: 'object',
    properties: { input: { type: 'string' } },
    required: ['input'],
  });
  const [, assistantTurn, result] = messagesOf(chat);
  const [call] = assistantTurn?.tool_calls as [{ function: Json }];
  assert.deepEqual(JSON.parse(String(call.function.arguments)), { input: '*** Begin "x"' });
  assert.equal(result?.content, 'Done.');
});

test('tools in a namespace are flattened, in declarations, choices and history alike', () => {
  const tools = [{ type: 'namespace', name: 'mcp__demo', tools: [{ ...FUNCTION, name: 'add' }] }];
  const items = [user('Add'), called('c1', 'add', { namespace: 'mcp__demo' }), output('c1', '3')];
  const tool_choice = { type: 'function', name: 'add', namespace: 'mcp__demo' };
  const chat = toChat(items, { tools, tool_choice });
  const [{ function: sent }] = chat.tools as [{ function: Json }];
  const [call] = messagesOf(chat)[1]?.tool_calls as [{ function: Json }];
  assert.deepEqual(
    [sent.name, call.function.name, chat.tool_choice],
    ['mcp__demo__add', 'mcp__demo__add', { type: 'function', function: { name: 'mcp__demo__add' } }],
  );
  assert.deepEqual(readRequest(items, { tools }).tools[0]?.namespaced, {
    namespace: 'mcp__demo',
    name: 'add',
  });
});

test('a flattened name beyond 64 characters is shortened, differently for each', () => {
  const long = 'x'.repeat(60);
  const tools = [
    { type: 'namespace', name: long, tools: ['add_one', 'add_two'].map((name) => ({ ...FUNCTION, name })) },
  ];
  for (const body of [toChat('Hi', { tools }), toClaude('Hi', { tools })]) {
    const names = (body.tools as Json[]).map((tool) => ((tool.function ?? tool) as Json).name as string);
    assert.equal(new Set(names).size, 2);
    for (const name of names) assert.match(name, /^[A-Za-z0-9_-]{1,64}$/);
  }
});

test('two tools that flatten to one name are refused', () => {
  const tools = [
    { ...FUNCTION, name: 'a__b' },
    { type: 'namespace', name: 'a', tools: [{ ...FUNCTION, name: 'b' }] },
  ];
  assert.equal(
    refusal('Hi', { tools }),
    'invalid_request tools.1.tools.0.name: collides with another tool: both are called "a__b" here',
  );
});

test('the client’s tool search is a function, and what it found are tools', () => {
  const tools = [{ type: 'tool_search', execution: 'client', description: 'Finds.' }];
  const found = [{ type: 'namespace', name: 'mcp__git', tools: [{ ...FUNCTION, name: 'log' }] }];
  const items = [
    user('Look'),
    { type: 'tool_search_call', call_id: 'c1', execution: 'client', arguments: { query: 'git' } },
    { type: 'tool_search_output', call_id: 'c1', tools: found },
    called('c2', 'log', { namespace: 'mcp__git' }),
    output('c2'),
  ];
  const chat = toChat(items, { tools });
  assert.deepEqual(
    (chat.tools as { function: Json }[]).map((tool) => tool.function.name),
    ['tool_search', 'mcp__git__log'],
  );
  const [, call, result] = messagesOf(chat);
  assert.deepEqual((call?.tool_calls as { function: Json }[])[0]?.function, {
    name: 'tool_search',
    arguments: '{"query":"git"}',
  });
  assert.equal(result?.content, 'Tools found: mcp__git__log');
});

test('tools of the lighter request shape are hoisted, never lost', () => {
  const inner = [
    { type: 'namespace', name: 'functions', tools: [{ type: 'custom', name: 'exec' }, FUNCTION] },
    { type: 'web_search' },
  ];
  const items = [{ type: 'additional_tools', role: 'developer', tools: inner }, user('Hi')];
  const conversation = readRequest(items, { tools: [] });
  assert.deepEqual(
    conversation.tools.map(({ name, custom }) => [name, custom ?? false]),
    [
      ['functions__exec', true],
      ['functions__f', false],
    ],
  );
});

test('hosted and unknown tools are left out, with a note', () => {
  const tools = [FUNCTION, { type: 'web_search', external_web_access: false }, { type: 'tool_of_tomorrow' }];
  const { tools: kept, dropped } = readRequest('Hi', { tools });
  assert.deepEqual(
    [kept.map(({ name }) => name), dropped],
    [['f'], ['tools.web_search', 'tools.tool_of_tomorrow']],
  );
});

test('calls and their outputs stand together, whatever text lies between', () => {
  const items = [
    user('Go'),
    called('c1'),
    called('c2', 'g'),
    assistant('Both run.'),
    output('c2', 'two'),
    output('c1', 'one'),
  ];
  assert.deepEqual(
    messagesOf(toChat(items)).map(({ role, content, tool_call_id }) => [role, tool_call_id ?? content]),
    [
      ['user', 'Go'],
      ['assistant', 'Both run.'],
      ['tool', 'c1'],
      ['tool', 'c2'],
    ],
  );
  const claude = toClaude([...items, user('Next')]);
  assert.deepEqual(rolesOf(claude), ['user', 'assistant', 'user']);
  assert.deepEqual(
    (messagesOf(claude)[2]?.content as Json[]).map(({ type }) => type),
    ['tool_result', 'tool_result', 'text'],
  );
});

test('an output may be a list: texts joined, images in the next user message or in the result', () => {
  const said = [
    { type: 'input_text', text: 'Seen:' },
    { type: 'input_image', image_url: 'data:image/png;base64,iVBORw0KGgo=', detail: 'high' },
  ];
  const items = [user('Look'), called('c1'), output('c1', said)];
  const [, , result, media] = messagesOf(toChat(items));
  assert.match(String(result?.content), /^Seen:/);
  assert.deepEqual([result?.role, media?.role], ['tool', 'user']);
  assert.ok(JSON.stringify(media?.content).includes('data:image/png;base64,iVBORw0KGgo='));
  const [block] = messagesOf(toClaude(items))[2]?.content as [Json];
  assert.deepEqual(
    (block.content as Json[]).map(({ type }) => type),
    ['text', 'image'],
  );
});

test('images and files of a message are seen', () => {
  const content = [
    { type: 'input_text', text: 'What is it?' },
    { type: 'input_image', image_url: 'https://example.org/a.png' },
    { type: 'input_file', filename: 'a.pdf', file_data: 'data:application/pdf;base64,JVBERi0=' },
    { type: 'input_file', filename: 'a.txt', file_data: 'data:text/plain;base64,aGVsbG8=' },
    { type: 'input_file', file_url: 'https://example.org/b.pdf' },
  ];
  const blocks = messagesOf(toClaude([{ role: 'user', content }]))[0]?.content as Json[];
  assert.deepEqual(
    blocks.map(({ type, source }) => [type, (source as Json | undefined)?.type]),
    [
      ['text', undefined],
      ['image', 'url'],
      ['document', 'base64'],
      ['document', 'text'],
      ['document', 'url'],
    ],
  );
});

test('files by id, audio and references are refused with a sentence', () => {
  const content = (part: Json) => [{ role: 'user', content: [part] }];
  assert.match(
    refusal(content({ type: 'input_image', file_id: 'f1' })),
    /^not_supported input\.0\.content\.0: files/,
  );
  assert.match(refusal(content({ type: 'input_audio' })), /^not_supported .*audio is not available/);
  assert.match(
    refusal([user('Hi'), { type: 'item_reference', id: 'msg_1' }]),
    /^not_supported input\.1: items by id/,
  );
  assert.match(refusal([{ type: 'compaction_trigger' }]), /^not_supported .*something other than "OpenAI"/);
});

test('the effort goes on as a word, and nothing where nothing is said', () => {
  const efforts = { reasoningToggle: 'reasoning-effort', efforts: ['low', 'high'] } as const;
  assert.equal(
    toChat('Hi', { reasoning: { effort: 'high', summary: 'auto' } }, efforts).reasoning_effort,
    'high',
  );
  assert.equal('reasoning_effort' in toChat('Hi', { reasoning: { summary: 'auto' } }, efforts), false);
  assert.equal('chat_template_kwargs' in toChat('Hi', { reasoning: {} }), false);
  assert.deepEqual(toChat('Hi', { reasoning: { effort: 'none' } }).chat_template_kwargs, {
    enable_thinking: false,
  });
  assert.equal('thinking' in toClaude('Hi', { reasoning: { summary: 'auto' } }), false);
  assert.ok('thinking' in toClaude('Hi', { reasoning: { effort: 'high' } }));
});

test('reasoning is shown only where a summary is asked for', () => {
  const shown = (reasoning: unknown) => {
    const asked = readRequest('Hi', { reasoning }).reasoning;
    return 'shown' in asked && asked.shown;
  };
  assert.deepEqual([{ summary: 'auto' }, { effort: 'low', summary: 'detailed' }].map(shown), [true, true]);
  assert.deepEqual([undefined, {}, { effort: 'low' }, { summary: null }].map(shown), [
    false,
    false,
    false,
    false,
  ]);
});

test('structured output is asked for, verbosity is not', () => {
  const schema = {
    type: 'object',
    properties: { a: { type: 'string' } },
    required: ['a'],
    additionalProperties: false,
  };
  const format = { type: 'json_schema', name: 'codex_output_schema', strict: true, schema };
  const chat = toChat('Hi', { text: { format, verbosity: 'low' } });
  assert.deepEqual(chat.response_format, {
    type: 'json_schema',
    json_schema: { name: 'codex_output_schema', schema, strict: true },
  });
  assert.equal('verbosity' in chat, false);
  assert.deepEqual(toChat('Hi', { text: { format: { type: 'json_object' } } }).response_format, {
    type: 'json_object',
  });
  assert.ok('output_config' in toClaude('Hi', { text: { format } }));
});

test('max_output_tokens is the limit; without one Claude gets the backend’s default and others none', () => {
  assert.equal(toChat('Hi', { max_output_tokens: 99 }).max_tokens, 99);
  assert.equal('max_tokens' in toChat('Hi'), false);
  assert.deepEqual(
    [toClaude('Hi', { max_output_tokens: 99 }).max_tokens, toClaude('Hi').max_tokens],
    [99, 8192],
  );
});

test('what is for OpenAI or for Codex itself goes to nobody and is no loss', () => {
  const more = {
    store: false,
    include: ['reasoning.encrypted_content'],
    prompt_cache_key: 'thread-1',
    client_metadata: { workspace: '/home/me' },
    metadata: { a: 'b' },
    stream_options: { include_obfuscation: false },
    truncation: 'disabled',
    background: false,
    previous_response_id: null,
  };
  assert.deepEqual(readRequest('Hi', more).dropped, []);
  assert.doesNotMatch(
    JSON.stringify([toChat('Hi', more), toClaude('Hi', more)]),
    /home|thread-1|obfuscation/,
  );
});

test('a thread of Codex is cached by Claude', () => {
  assert.match(
    JSON.stringify(toClaude('Hi', { prompt_cache_key: 't', instructions: 'Be' })),
    /cache_control/,
  );
});

test('parallel calls are switched in both formats', () => {
  const more = { tools: [FUNCTION], parallel_tool_calls: false };
  assert.equal(toChat('Hi', more).parallel_tool_calls, false);
  assert.deepEqual(toClaude('Hi', more).tool_choice, { type: 'auto', disable_parallel_tool_use: true });
});

test('choices of tools', () => {
  const choose = (tool_choice: unknown) => {
    const { toolChoice, tools } = readRequest('Hi', {
      tools: [FUNCTION, { type: 'custom', name: 'p' }],
      tool_choice,
    });
    return [toolChoice, tools.map(({ name }) => name).join(' ')];
  };
  const allowed = (mode: string) => ({ type: 'allowed_tools', mode, tools: [{ type: 'custom', name: 'p' }] });
  assert.deepEqual(choose('auto'), [{ kind: 'auto' }, 'f p']);
  assert.deepEqual(choose('none'), [{ kind: 'none' }, 'f p']);
  assert.deepEqual(choose('required'), [{ kind: 'any' }, 'f p']);
  assert.deepEqual(choose({ type: 'function', name: 'f' }), [{ kind: 'tool', name: 'f' }, 'f p']);
  assert.deepEqual(choose({ type: 'custom', name: 'p' }), [{ kind: 'tool', name: 'p' }, 'f p']);
  assert.deepEqual(choose(allowed('required')), [{ kind: 'any' }, 'p']);
  assert.deepEqual(choose(allowed('auto')), [{ kind: 'auto' }, 'p']);
  const more = { tools: [FUNCTION] };
  assert.match(
    refusal('Hi', { ...more, tool_choice: { type: 'function', name: 'g' } }),
    /name of one of the tools/,
  );
  assert.match(
    refusal('Hi', { ...more, tool_choice: { type: 'web_search' } }),
    /^not_supported .*web_search/,
  );
});

test('earlier responses, conversations, stored prompts and background work are refused, never left out', () => {
  const cases = {
    previous_response_id: 'resp_1',
    conversation: 'conv_1',
    prompt: { id: 'p' },
    background: true,
  };
  for (const [key, value] of Object.entries(cases)) {
    assert.match(refusal('Hi', { [key]: value }), new RegExp(`^not_supported ${key}: `));
  }
});

test('what OpenAI did by itself is left out of the history, with a note', () => {
  const items = [
    user('Hi'),
    { type: 'web_search_call', id: 'ws_1', status: 'completed' },
    assistant('Found.'),
  ];
  const { dropped, turns } = readRequest(items);
  assert.deepEqual([dropped, turns.length], [['input.web_search_call'], 2]);
});

test('a wrong item list is refused by its place', () => {
  assert.equal(
    refusal(undefined),
    'invalid_request input: expected a string or an array of at least one item',
  );
  assert.equal(refusal([]), 'invalid_request input: expected a string or an array of at least one item');
  assert.equal(refusal([7]), 'invalid_request input.0: expected an object');
  assert.equal(
    refusal([user('Hi'), { type: 'thing' }]),
    'invalid_request input.1.type: "thing" is no item that this model can read',
  );
  assert.match(refusal([{ type: 'x y\n' }]), /^invalid_request input\.0\.type: "unnamed"/);
  assert.equal(
    refusal([{ role: 'bot', content: 'x' }]),
    'invalid_request input.0.role: expected one of user, assistant, system, developer',
  );
  assert.match(
    refusal([{ role: 'user', content: 7 }]),
    /^invalid_request input\.0\.content: expected a string or an array/,
  );
  assert.match(
    refusal([{ role: 'user', content: [{ type: 'x' }] }]),
    /^invalid_request input\.0\.content\.0\.type: expected one of/,
  );
  assert.match(
    refusal([called('c1', 'f', { arguments: {} })]),
    /^invalid_request input\.0\.arguments: expected a string of JSON/,
  );
  assert.match(refusal([called('', 'f')]), /^invalid_request input\.0\.call_id: /);
});

test('an output without its call, a call id used twice and a second output are refused', () => {
  assert.equal(
    refusal([user('Hi'), output('c9')]),
    'invalid_request input.1.call_id: no call before it has this id',
  );
  assert.equal(
    refusal([user('Hi'), called('c1'), output('c1'), called('c1')]),
    'invalid_request input.3.call_id: another call has the same id',
  );
  assert.equal(
    refusal([user('Hi'), called('c1'), output('c1'), output('c1')]),
    'invalid_request input.3.call_id: the call has an output already',
  );
});

test('ten thousand items are refused in a sentence, five thousand are read', () => {
  const items = (count: number) => Array.from({ length: count }, (_, i) => user(`${i}`));
  assert.equal(refusal(items(10_000)), 'invalid_request input: expected at most 5,000 items, got 10000');
  assert.equal(readRequest(items(5000)).turns.length, 5000);
});

test('wrong fields are refused by their names', () => {
  const cases: readonly (readonly [Json, RegExp])[] = [
    [{ stream: 'yes' }, /stream: expected a boolean/],
    [{ max_output_tokens: 0 }, /max_output_tokens: expected a whole number/],
    [{ instructions: ['x'] }, /instructions: expected a string/],
    [{ tools: {} }, /tools: expected an array/],
    [{ tools: [{ type: 'function' }] }, /tools\.0\.name: expected a string/],
    [{ tools: [{ ...FUNCTION, parameters: 'x' }] }, /tools\.0\.parameters: expected a JSON schema/],
    [{ text: { format: { type: 'xml' } } }, /text\.format\.type: expected one of/],
    [{ text: { format: { type: 'json_schema' } } }, /text\.format\.schema: expected a JSON schema/],
  ];
  for (const [more, says] of cases) assert.match(refusal('Hi', more), says);
});

test('a response repeats the request, and says what was not asked', () => {
  const { echo } = readRequest('Hi', {
    tools: [FUNCTION],
    metadata: { a: 'b' },
    reasoning: { effort: 'low' },
  });
  assert.deepEqual(echo, {
    metadata: { a: 'b' },
    tools: [FUNCTION],
    reasoning: { effort: 'low', summary: null },
  });
});

test('fields, tools and parts nobody knows yet change nothing', () => {
  const unknown = fc.dictionary(
    fc.string({ minLength: 1, maxLength: 8 }).map((name) => `x_${name}`),
    fc.jsonValue(),
    { maxKeys: 3 },
  );
  const add = (value: unknown, more: Json): unknown => {
    if (Array.isArray(value)) return value.map((one) => add(one, more));
    if (typeof value !== 'object' || value === null) return value;
    return {
      ...Object.fromEntries(Object.entries(value).map(([key, one]) => [key, add(one, more)])),
      ...more,
    };
  };
  const items = [developer('A'), user('Hi'), called('c1'), output('c1'), assistant('Yes'), user('More')];
  const plain = toChat(items);
  fc.assert(
    fc.property(unknown, (more) => {
      assert.deepEqual(toChat(add(items, more), more), plain);
    }),
  );
});

test('whatever a body holds, it is read or refused in a sentence', () => {
  const value = fc.jsonValue({ maxDepth: 3 });
  const item = fc.oneof(
    value,
    fc.record(
      {
        type: fc.constantFrom(
          'message',
          'function_call',
          'function_call_output',
          'reasoning',
          'additional_tools',
        ),
        role: fc.oneof(fc.constantFrom('user', 'developer'), value),
        content: value,
        call_id: fc.oneof(fc.constantFrom('a', 'b'), value),
        name: value,
        arguments: value,
        output: value,
        tools: value,
        summary: value,
        encrypted_content: value,
      },
      { requiredKeys: ['type'] },
    ),
  );
  fc.assert(
    fc.property(fc.array(item, { maxLength: 5 }), value, value, (items, tools, tool_choice) => {
      try {
        readResponsesRequest(request(items, { tools, tool_choice }), { seal: openSeal });
      } catch (error) {
        assert.ok(error instanceof GatewayError, String(error));
        assert.ok(error.message.length < 400, error.message);
      }
    }),
    { numRuns: 1000 },
  );
});
