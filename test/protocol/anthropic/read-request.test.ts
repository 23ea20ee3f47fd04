import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GatewayError } from '../../../src/errors.ts';
import { readAnthropicRequest } from '../../../src/protocol/anthropic/read-request.ts';
import type { Conversation } from '../../../src/protocol/conversation.ts';

const HELLO = [{ role: 'user', content: 'Hello' }];

function read(changes: object): Conversation {
  return readAnthropicRequest({ model: 'm', max_tokens: 10, messages: HELLO, ...changes });
}

const readContent = (role: string, content: unknown) =>
  read({ messages: [...HELLO, { role, content }] }).turns[1];

/** The message of the refusal; fails where there is none. */
function refusal(body: unknown): string {
  try {
    readAnthropicRequest(body);
  } catch (error) {
    assert.ok(error instanceof GatewayError, String(error));
    return `${error.code} ${error.message}`;
  }
  assert.fail('it was not refused');
}

const refuse = (changes: object) => refusal({ model: 'm', max_tokens: 10, messages: HELLO, ...changes });
const refuseContent = (content: unknown, role = 'user') => refuse({ messages: [{ role, content }] });

test('the smallest request', () => {
  assert.deepEqual(readAnthropicRequest({ model: 'm', max_tokens: 10, messages: HELLO }), {
    stream: false,
    streamUsage: true,
    system: [],
    turns: [{ role: 'user', parts: [{ type: 'text', text: 'Hello' }] }],
    tools: [],
    toolChoice: null,
    parallelTools: null,
    maxTokens: 10,
    temperature: null,
    topP: null,
    topK: null,
    stop: [],
    reasoning: { kind: 'default' },
    format: { kind: 'text' },
    user: null,
    dropped: [],
  });
});

test('every plain parameter is read', () => {
  const conversation = read({
    stream: true,
    temperature: 0.5,
    top_p: 0.9,
    top_k: 40,
    stop_sequences: ['END', ' '],
    metadata: { user_id: 'u1' },
  });
  const { stream, temperature, topP, topK, stop, user } = conversation;
  assert.deepEqual([stream, temperature, topP, topK, stop, user], [true, 0.5, 0.9, 40, ['END', ' '], 'u1']);
});

test('null means absent wherever a field is optional', () => {
  const nothing = {
    stream: null,
    system: null,
    tools: null,
    tool_choice: null,
    temperature: null,
    stop_sequences: null,
    thinking: null,
    metadata: null,
    output_config: null,
  };
  assert.deepEqual(read(nothing), read({}));
});

// What is refused, and where

const REFUSALS: readonly [name: string, body: unknown, expected: RegExp][] = [
  ['a body that is no object', [], /^invalid_request body: /],
  ['a body that is null', null, /^invalid_request body: /],
  ['no max_tokens', { messages: HELLO }, /^invalid_request max_tokens: Field required/],
  ['max_tokens in words', { max_tokens: '10', messages: HELLO }, /max_tokens: expected a whole number/],
  ['a negative max_tokens', { max_tokens: -1, messages: HELLO }, /max_tokens: /],
  ['no messages', { max_tokens: 1 }, /^invalid_request messages: expected an array/],
  ['empty messages', { max_tokens: 1, messages: [] }, /messages: at least one/],
  ['a message that is no object', { max_tokens: 1, messages: [null] }, /messages\.0: /],
  ['a message without a role', { max_tokens: 1, messages: [{ content: 'a' }] }, /messages\.0\.role: /],
  ['a message without content', { max_tokens: 1, messages: [{ role: 'user' }] }, /messages\.0\.content: /],
];

for (const [name, body, expected] of REFUSALS) {
  test(`${name} is refused`, () => assert.match(refusal(body), expected));
}

const WRONG_TYPES: readonly [changes: object, path: string][] = [
  [{ stream: 'yes' }, 'stream'],
  [{ temperature: '1' }, 'temperature'],
  [{ top_p: {} }, 'top_p'],
  [{ top_k: [] }, 'top_k'],
  [{ stop_sequences: 'END' }, 'stop_sequences'],
  [{ stop_sequences: [1] }, 'stop_sequences.0'],
  [{ system: 5 }, 'system'],
  [{ system: [{ type: 'text' }] }, 'system.0.text'],
  [{ system: ['a'] }, 'system.0'],
  [{ tools: {} }, 'tools'],
  [{ tools: ['a'] }, 'tools.0'],
  [{ tools: [{ name: '', input_schema: {} }] }, 'tools.0.name'],
  [{ tools: [{ name: 'a', input_schema: 'x' }] }, 'tools.0.input_schema'],
  [{ tools: [{ name: 'a', type: 5 }] }, 'tools.0.type'],
  [{ tools: [{ name: 'a' }], tool_choice: 'auto' }, 'tool_choice'],
  [{ metadata: { user_id: 5 } }, 'metadata.user_id'],
  [{ output_config: { format: { type: 'json_schema' } } }, 'output_config.format.schema'],
];

for (const [changes, path] of WRONG_TYPES) {
  test(`${path} of the wrong type is refused: ${JSON.stringify(changes)}`, () => {
    assert.ok(refuse(changes).startsWith(`invalid_request ${path}: `), refuse(changes));
  });
}

const WRONG_BLOCKS: readonly [block: unknown, path: string, role?: string][] = [
  ['text', 'messages.0.content.0'],
  [{}, 'messages.0.content.0.type'],
  [{ type: 'text' }, 'messages.0.content.0.text'],
  [{ type: 'tool_result' }, 'messages.0.content.0.tool_use_id'],
  [{ type: 'tool_result', tool_use_id: 'a', content: 5 }, 'messages.0.content.0.content'],
  [{ type: 'tool_result', tool_use_id: 'a', content: [5] }, 'messages.0.content.0.content.0'],
  [{ type: 'tool_use', name: 'f' }, 'messages.0.content.0.id', 'assistant'],
  [{ type: 'tool_use', id: 'a' }, 'messages.0.content.0.name', 'assistant'],
  [{ type: 'image' }, 'messages.0.content.0.source'],
  [{ type: 'image', source: { type: 'base64', data: 'AAAA' } }, 'messages.0.content.0.source.media_type'],
  [
    { type: 'image', source: { type: 'base64', media_type: 'image/bmp', data: 'AAAA' } },
    'messages.0.content.0.source.media_type',
  ],
  [{ type: 'image', source: { type: 'url', url: 'file:///etc/passwd' } }, 'messages.0.content.0.source.url'],
  [{ type: 'document', source: { type: 'text' } }, 'messages.0.content.0.source.data'],
];

for (const [block, path, role] of WRONG_BLOCKS) {
  test(`a block that cannot be read is refused at its place: ${JSON.stringify(block)}`, () => {
    assert.ok(
      refuseContent([block], role).startsWith(`invalid_request ${path}: `),
      refuseContent([block], role),
    );
  });
}

test('a refusal never repeats what was sent', () => {
  const secret = 'my-secret-prompt';
  assert.doesNotMatch(refuseContent([{ type: 'image', source: { type: 'url', url: secret } }]), /secret/);
  assert.doesNotMatch(refuse({ temperature: secret }), /secret/);
});

test('M-01 a count of tokens needs no max_tokens', () => {
  const conversation = readAnthropicRequest({ messages: HELLO }, { maxTokens: 'optional' });
  assert.equal(conversation.maxTokens, null);
});

test('A-80 max_tokens 0 is kept for the caller to answer', () => {
  assert.equal(read({ max_tokens: 0 }).maxTokens, 0);
});

// What is left out

test('A-03 A-04 fields of betas and of the future are left out and named', () => {
  const { dropped } = read({ context_management: { edits: [] }, container: 'c', speed: 'fast', future: 1 });
  assert.deepEqual(dropped, ['context_management', 'container', 'speed', 'future']);
});

test('P11 a name that is no name is not shown', () => {
  assert.deepEqual(read({ 'a prompt in a key': 1 }).dropped, ['unnamed']);
});

test('A-89 MCP servers are refused, an empty list is not', () => {
  assert.match(refuse({ mcp_servers: [{ url: 'https://example.org' }] }), /^not_supported mcp_servers: /);
  assert.deepEqual(read({ mcp_servers: [] }).dropped, ['mcp_servers']);
});

test('P2 unknown blocks are left out and named, in messages and in results', () => {
  const result = {
    type: 'tool_result',
    tool_use_id: 'a',
    content: [{ type: 'future' }, { type: 'text', text: 'x' }],
  };
  const { turns, dropped } = read({
    messages: [
      { role: 'user', content: [{ type: 'hologram', data: 1 }, { type: 'text', text: 'a' }, result] },
    ],
  });
  assert.deepEqual(turns[0]?.role === 'user' && turns[0].parts.map((part) => part.type), [
    'text',
    'tool-result',
  ]);
  assert.deepEqual(dropped, ['content.hologram', 'content.future']);
});

// System and roles

test('A-10 system texts are read one by one, blank ones left out', () => {
  assert.deepEqual(read({ system: 'A' }).system, ['A']);
  const blocks = [
    { type: 'text', text: 'A', cache_control: { type: 'ephemeral' } },
    { type: 'text', text: ' \n' },
    { type: 'text', text: 'B' },
  ];
  assert.deepEqual(read({ system: blocks }).system, ['A', 'B']);
});

test('A-11 the attribution block is left out at the beginning only', () => {
  const attribution = {
    type: 'text',
    text: 'x-anthropic-billing-header: cc_version=2.1.330.839; cc_entrypoint=cli;',
  };
  const prompt = { type: 'text', text: 'You are a tool.' };
  const later = { type: 'text', text: 'The x-anthropic-billing-header: line' };
  const { system, dropped } = read({ system: [attribution, prompt, later, attribution] });
  assert.deepEqual(system, [prompt.text, later.text, attribution.text]);
  assert.deepEqual(dropped, ['system.attribution']);
  assert.deepEqual(read({ system: [prompt] }).dropped, []);
  assert.deepEqual(read({ system: [attribution] }).system, []);
});

test('A-12 a system message among the others stays in its place', () => {
  const messages = [...HELLO, { role: 'system', content: [{ type: 'text', text: 'S' }] }];
  assert.deepEqual(read({ messages }).turns[1], { role: 'system', text: 'S' });
});

test('a system message without content only sets the effort of what follows', () => {
  const messages = [...HELLO, { role: 'system', content: [], output_config: { effort: 'low' } }];
  const { turns, reasoning } = read({
    messages,
    thinking: { type: 'adaptive' },
    output_config: { effort: 'high' },
  });
  assert.equal(turns.length, 1);
  assert.deepEqual(reasoning, { kind: 'on', effort: 'low', budget: null, shown: true });
});

test('A-14 an unknown role counts as the user, and is named', () => {
  const { turns, dropped } = read({ messages: [{ role: 'ctx', content: 'a' }] });
  assert.deepEqual([turns[0]?.role, dropped], ['user', ['messages.role.ctx']]);
});

// Content

test('A-20 texts side by side in an answer are one text, others stay apart', () => {
  const content = [
    { type: 'text', text: 'The sky ' },
    { type: 'text', text: 'is blue.', citations: [] },
    { type: 'thinking', thinking: 'hm', signature: 'sig' },
    { type: 'text', text: 'Really.' },
    { type: 'future' },
    { type: 'text', text: 'Yes.' },
  ];
  assert.deepEqual(readContent('assistant', content), {
    role: 'assistant',
    parts: [
      { type: 'text', text: 'The sky is blue.' },
      { type: 'reasoning', text: 'hm', signature: 'sig' },
      { type: 'text', text: 'Really.' },
      { type: 'text', text: 'Yes.' },
    ],
  });
});

test('A-21 every text of a user message survives beside tool results', () => {
  const content = [
    { type: 'tool_result', tool_use_id: 'a', content: 'no', is_error: true },
    { type: 'text', text: 'rejected because' },
    { type: 'text', text: 'of this' },
  ];
  assert.deepEqual(readContent('user', content), {
    role: 'user',
    parts: [
      { type: 'tool-result', id: 'a', isError: true, content: [{ type: 'text', text: 'no' }] },
      { type: 'text', text: 'rejected because' },
      { type: 'text', text: 'of this' },
    ],
  });
});

test('A-23 messages with nothing in them are left out', () => {
  for (const content of ['', ' \n', [], [{ type: 'text', text: '' }], [{ type: 'future' }]]) {
    assert.equal(readContent('user', content), undefined, JSON.stringify(content));
    assert.equal(readContent('assistant', content), undefined, JSON.stringify(content));
  }
});

test('A-55 tool calls keep the order of their keys; no input is the empty object', () => {
  const content = [
    { type: 'tool_use', id: 'a', name: 'f', input: { z: 1, a: [2] }, caller: { type: 'direct' } },
    { type: 'tool_use', id: 'b', name: 'g' },
    { type: 'tool_use', id: 'c', name: 'h', input: null },
  ];
  const turn = readContent('assistant', content);
  assert.ok(turn?.role === 'assistant');
  assert.deepEqual(
    turn.parts.map((part) => part.type === 'tool-call' && part.arguments),
    ['{"z":1,"a":[2]}', '{}', '{}'],
  );
});

test('A-70 thinking is read with its signature, and encrypted thinking as it is', () => {
  const content = [
    { type: 'thinking', thinking: 'a', signature: 'gw1.x' },
    { type: 'thinking', thinking: 'b' },
    { type: 'redacted_thinking', data: 'zz' },
    { type: 'text', text: 'c' },
  ];
  const turn = readContent('assistant', content);
  assert.deepEqual(turn?.role === 'assistant' && turn.parts.slice(0, 3), [
    { type: 'reasoning', text: 'a', signature: 'gw1.x' },
    { type: 'reasoning', text: 'b', signature: '' },
    { type: 'redacted-reasoning', data: 'zz' },
  ]);
});

function textOf(role: string, block: object): string | undefined {
  const turn = readContent(role, [block]);
  const part = turn === undefined || turn.role === 'system' ? undefined : turn.parts[0];
  return part?.type === 'text' ? part.text : undefined;
}

test('A-28 what only Claude understands becomes text', () => {
  const blocks: readonly [string, object, string][] = [
    [
      'assistant',
      { type: 'server_tool_use', id: 's', name: 'web_search', input: { query: 'tea' } },
      '[web_search "tea"]',
    ],
    [
      'assistant',
      {
        type: 'web_search_tool_result',
        content: [
          { type: 'web_search_result', title: 'Tea', url: 'https://tea.example', encrypted_content: 'x' },
        ],
      },
      '[web_search result]\nTea https://tea.example',
    ],
    [
      'assistant',
      {
        type: 'web_search_tool_result',
        content: { type: 'web_search_tool_result_error', error_code: 'max_uses' },
      },
      '[web_search result]\nmax_uses',
    ],
    [
      'assistant',
      { type: 'bash_code_execution_tool_result', content: { stdout: 'out', stderr: '', return_code: 0 } },
      '[bash_code_execution result]\nout',
    ],
    [
      'assistant',
      { type: 'compaction', content: 'We spoke of tea.' },
      '[summary of the conversation so far]\nWe spoke of tea.',
    ],
    [
      'user',
      {
        type: 'search_result',
        title: 'T',
        source: 'https://s.example',
        content: [{ type: 'text', text: 'body' }],
      },
      '[search result: T]\nhttps://s.example\nbody',
    ],
  ];
  for (const [role, block, text] of blocks) assert.equal(textOf(role, block), text);
});

test('A-28 a block with nothing to say is left out', () => {
  for (const block of [
    { type: 'compaction', content: null },
    { type: 'fallback' },
    { type: 'container_upload' },
  ]) {
    assert.deepEqual(read({ messages: [...HELLO, { role: 'assistant', content: [block] }] }).dropped, [
      `content.${block.type}`,
    ]);
  }
});

test('A-45 a reference to a tool in a result becomes text', () => {
  const content = [
    { type: 'tool_result', tool_use_id: 'a', content: [{ type: 'tool_reference', tool_name: 'Grep' }] },
  ];
  const turn = readContent('user', content);
  assert.ok(turn?.role === 'user' && turn.parts[0]?.type === 'tool-result');
  assert.deepEqual(turn.parts[0].content, [{ type: 'text', text: 'Tool available: Grep' }]);
});

test('A-58 results may be text, blocks or nothing', () => {
  const result = (content?: unknown) => ({ type: 'tool_result', tool_use_id: 'a', content });
  const turn = readContent('user', [result(), result(null), result('x'), result([])]);
  assert.ok(turn?.role === 'user');
  assert.deepEqual(
    turn.parts.map((part) => part.type === 'tool-result' && part.content),
    [[], [], [{ type: 'text', text: 'x' }], []],
  );
});

// Media

const imageOf = (source: object) => {
  const turn = readContent('user', [{ type: 'image', source }]);
  return turn?.role === 'user' && turn.parts[0]?.type === 'image' ? turn.parts[0].source : null;
};

test('A-30 image data lose their line breaks, and a missing type is known by the first bytes', () => {
  assert.deepEqual(imageOf({ type: 'base64', media_type: 'image/png', data: 'AA\nBB\r\nCC' }), {
    kind: 'base64',
    mediaType: 'image/png',
    data: 'AABBCC',
  });
  const starts = {
    iVBORw0KGgoAAA: 'image/png',
    '/9j/4AAQ': 'image/jpeg',
    R0lGODlh: 'image/gif',
    UklGRiQA: 'image/webp',
  };
  for (const [data, mediaType] of Object.entries(starts)) {
    assert.deepEqual(imageOf({ type: 'base64', data }), { kind: 'base64', mediaType, data });
  }
});

test('A-31 an image by its address keeps it', () => {
  assert.deepEqual(imageOf({ type: 'url', url: 'https://example.org/a.png' }), {
    kind: 'url',
    url: 'https://example.org/a.png',
  });
});

test('A-32 a file id is refused at its place', () => {
  const image = { type: 'image', source: { type: 'file', file_id: 'file_1' } };
  const nested = { type: 'tool_result', tool_use_id: 'a', content: [image] };
  assert.match(refuseContent([image]), /^not_supported messages\.0\.content\.0\.source: /);
  assert.match(refuseContent([nested]), /^not_supported messages\.0\.content\.0\.content\.0\.source: /);
  assert.match(refuseContent([{ ...image, type: 'document' }]), /^not_supported /);
});

test('A-36 A-37 documents of every kind are read; citations are left out and named', () => {
  const documents = [
    {
      type: 'document',
      title: 'T',
      context: 'C',
      source: { type: 'base64', media_type: 'application/pdf', data: 'JVBE' },
    },
    {
      type: 'document',
      source: { type: 'text', media_type: 'text/plain', data: 'plain' },
      citations: { enabled: true },
    },
    {
      type: 'document',
      source: {
        type: 'content',
        content: [
          { type: 'text', text: 'a' },
          { type: 'text', text: 'b' },
        ],
      },
    },
    { type: 'document', source: { type: 'content', content: 'c' } },
    { type: 'document', source: { type: 'url', url: 'https://example.org/a.pdf' } },
  ];
  const { turns, dropped } = read({ messages: [{ role: 'user', content: documents }] });
  assert.ok(turns[0]?.role === 'user');
  assert.deepEqual(
    turns[0].parts.map((part) => part.type === 'document' && part.source),
    [
      { kind: 'base64', mediaType: 'application/pdf', data: 'JVBE' },
      { kind: 'text', text: 'plain' },
      { kind: 'text', text: 'a\n\nb' },
      { kind: 'text', text: 'c' },
      { kind: 'url', url: 'https://example.org/a.pdf' },
    ],
  );
  assert.deepEqual(dropped, ['citations']);
});

// Tools

const TOOL = { name: 'f', description: 'D', input_schema: { type: 'object', properties: {} } };
const SEARCH = { type: 'web_search_20250305', name: 'web_search', max_uses: 8 };

test('A-40 a custom tool, typed or not; keys of betas never reach its schema', () => {
  const { tools } = read({
    tools: [
      { ...TOOL, cache_control: { type: 'ephemeral' }, defer_loading: true, eager_input_streaming: true },
      { type: 'custom', name: 'g', strict: true },
    ],
  });
  assert.deepEqual(tools, [
    { name: 'f', description: 'D', schema: TOOL.input_schema, strict: false },
    { name: 'g', description: null, schema: {}, strict: true },
  ]);
});

test('a tool of an unknown type that brings its schema can be used', () => {
  assert.equal(read({ tools: [{ ...TOOL, type: 'future_20270101' }] }).tools[0]?.name, 'f');
});

test('A-43 hosted tools are left out and named', () => {
  const { tools, dropped } = read({ tools: [TOOL, SEARCH, { type: 'computer_20250124', name: 'computer' }] });
  assert.deepEqual([tools.length, dropped], [1, ['tools.web_search_20250305', 'tools.computer_20250124']]);
});

test('A-43 a hosted tool that is forced, or is all there is, is refused', () => {
  const forced = { tools: [TOOL, SEARCH], tool_choice: { type: 'tool', name: 'web_search' } };
  assert.equal(refuse(forced), 'not_supported web_search is not available on this model');
  assert.equal(refuse({ tools: [SEARCH] }), 'not_supported web_search is not available on this model');
  const code = { type: 'code_execution_20250825', name: 'code_execution' };
  assert.match(refuse({ tools: [code], tool_choice: { type: 'any' } }), /^not_supported code_execution/);
  assert.deepEqual(read({ tools: [code] }).tools, []);
});

test('A-44 tools that Anthropic defines and the client runs get their parameters', () => {
  const { tools } = read({
    tools: [
      { type: 'bash_20250124', name: 'bash' },
      { type: 'text_editor_20991231', name: 'my_editor' },
      { type: 'memory_20250818' },
    ],
  });
  assert.deepEqual(
    tools.map((tool) => [tool.name, Object.keys((tool.schema.properties ?? {}) as object)[0]]),
    [
      ['bash', 'command'],
      ['my_editor', 'command'],
      ['memory', 'command'],
    ],
  );
});

test('A-47 two tools of one name are refused', () => {
  assert.match(refuse({ tools: [TOOL, TOOL] }), /^invalid_request tools: Tool names must be unique/);
});

test('A-50 every choice is read, an unknown one as auto', () => {
  const choices: readonly [object, object][] = [
    [{ type: 'auto' }, { kind: 'auto' }],
    [{ type: 'any' }, { kind: 'any' }],
    [{ type: 'none' }, { kind: 'none' }],
    [
      { type: 'tool', name: 'f' },
      { kind: 'tool', name: 'f' },
    ],
    [{ type: 'future' }, { kind: 'auto' }],
  ];
  for (const [choice, expected] of choices) {
    assert.deepEqual(read({ tools: [TOOL], tool_choice: choice }).toolChoice, expected);
  }
  assert.deepEqual(read({ tools: [TOOL], tool_choice: { type: 'future' } }).dropped, ['tool_choice']);
});

test('A-50 parallel calls are switched off under any choice', () => {
  for (const type of ['auto', 'any']) {
    const choice = { type, disable_parallel_tool_use: true };
    assert.equal(read({ tools: [TOOL], tool_choice: choice }).parallelTools, false);
  }
  assert.equal(read({ tools: [TOOL], tool_choice: { type: 'auto' } }).parallelTools, null);
});

test('a choice of a tool that is not there is refused', () => {
  assert.match(
    refuse({ tools: [TOOL], tool_choice: { type: 'tool', name: 'x' } }),
    /^invalid_request tool_choice\.name: /,
  );
});

test('A-49 without tools there is no choice', () => {
  assert.equal(read({ tools: [], tool_choice: { type: 'any' } }).toolChoice, null);
});

// Thinking and format

const THINKING: readonly [name: string, changes: object, reasoning: object][] = [
  ['disabled is off', { thinking: { type: 'disabled' } }, { kind: 'off' }],
  [
    'enabled carries its budget',
    { thinking: { type: 'enabled', budget_tokens: 5000 } },
    { kind: 'on', effort: null, budget: 5000, shown: true },
  ],
  [
    'adaptive takes the effort and never a budget',
    { thinking: { type: 'adaptive', budget_tokens: 5 }, output_config: { effort: 'max' } },
    { kind: 'on', effort: 'max', budget: null, shown: true },
  ],
  [
    'A-74 omitted display hides it',
    { thinking: { type: 'adaptive', display: 'omitted' } },
    { kind: 'on', effort: null, budget: null, shown: false },
  ],
  ['an unknown kind says nothing', { thinking: { type: 'future' } }, { kind: 'default' }],
  ['effort alone switches nothing on', { output_config: { effort: 'high' } }, { kind: 'default' }],
];

for (const [name, changes, reasoning] of THINKING) {
  test(`A-73 ${name}`, () => assert.deepEqual(read(changes).reasoning, reasoning));
}

test('what cannot be kept of thinking is named', () => {
  assert.deepEqual(read({ thinking: { type: 'future' } }).dropped, ['thinking']);
  assert.deepEqual(read({ output_config: { effort: 'high' } }).dropped, ['output_config.effort']);
  const unknown = { thinking: { type: 'adaptive' }, output_config: { effort: 'ultra' } };
  assert.deepEqual(read(unknown).dropped, ['output_config.effort']);
});

test('A-86 structured output is read in its present and its old field', () => {
  const format = { type: 'json_schema', schema: { type: 'object' } };
  const expected = { kind: 'json-schema', name: 'output', schema: { type: 'object' }, strict: true };
  assert.deepEqual(read({ output_config: { format } }).format, expected);
  assert.deepEqual(read({ output_format: format }).format, expected);
  assert.deepEqual(read({ output_config: { format: { type: 'future' }, other: 1 } }).dropped, [
    'output_config.other',
    'output_config.format',
  ]);
});

test('an empty stop sequence is left out', () => {
  const { stop, dropped } = read({ stop_sequences: ['', 'END'] });
  assert.deepEqual([stop, dropped], [['END'], ['stop_sequences.empty']]);
});
