/** What mutations begin from: every fixture of a stream, and requests, replies and errors that use every feature. */
import { readdirSync } from 'node:fs';
import type { BackendFormat, Dialect } from '../../src/types.ts';
import { toBackendFrame } from '../support/anthropic-to-openai.ts';
import type { MessageFixture } from '../support/message-fixture.ts';
import { anthropicJson, openaiJson } from '../support/mock-replies.ts';
import { responsesJson, responsesStream } from '../support/mock-responses.ts';
import { toFrame } from '../support/openai-to-anthropic.ts';
import type { StreamFixture } from '../support/stream-fixture.ts';

async function readFixtures<Fixture>(dialect: BackendFormat): Promise<readonly Fixture[]> {
  const folder = new URL(`../fixtures/${dialect}/`, import.meta.url);
  const names = readdirSync(folder)
    .filter((name) => name.endsWith('.ts'))
    .sort();
  const modules = await Promise.all(names.map((name) => import(new URL(name, folder).href)));
  return modules.map((module: { fixture: Fixture }) => module.fixture);
}

const toText = ({ event, data }: { readonly event: string; readonly data: string }): string =>
  `${event === '' ? '' : `event: ${event}\n`}data: ${data}\n\n`;

const SAID = [
  { text: 'Hello.' },
  { thinking: 'Hm.', text: 'Yes.', usage: { input: 12, output: 4, cacheRead: 3 } },
  { tools: [{ id: 'call_1', name: 'read', arguments: { path: 'a', lines: [1, { to: 2 }] } }] },
  {
    text: 'Both.',
    tools: [
      { id: 'x', name: 'a', arguments: {} },
      { id: 'x', name: 'b', arguments: { c: null } },
    ],
  },
];

/** Streams as lists of frames. */
export const STREAMS: Readonly<Record<Dialect, readonly (readonly string[])[]>> = {
  openai: (await readFixtures<StreamFixture>('openai')).map(({ chunks }) =>
    chunks.map((chunk) => toText(toFrame(chunk))),
  ),
  anthropic: (await readFixtures<MessageFixture>('anthropic')).map(({ events }) =>
    events.map((event) => toText(toBackendFrame(event))),
  ),
  responses: [
    ...SAID.map((said) => responsesStream(said).stream),
    responsesStream({ text: 'Too much.', finish: 'incomplete' }).stream,
    [
      'event: error\ndata: {"type":"error","code":"server_is_overloaded","message":"Busy.","sequence_number":0}\n\n',
    ],
    [
      'event: response.failed\ndata: {"type":"response.failed","response":{"error":{"code":"slow_down","message":"No."}}}\n\n',
    ],
  ].map((frames) => frames.map(String)),
};

/** Whole replies, as JSON texts. */
export const REPLIES: Readonly<Record<Dialect, readonly string[]>> = {
  openai: SAID.map((said) => JSON.stringify(openaiJson(said).json)),
  anthropic: SAID.map((said) => JSON.stringify(anthropicJson(said).json)),
  responses: SAID.map((said) => JSON.stringify(responsesJson(said).json)),
};

const SCHEMA = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  properties: {
    path: { type: 'string', pattern: '^[a-z]+$', format: 'uri', minLength: 1 },
    list: { type: 'array', items: { oneOf: [{ type: 'string' }, { $ref: '#/$defs/n' }] }, minItems: 2 },
  },
  required: ['path', 'list'],
  additionalProperties: false,
  $defs: { n: { type: 'number' } },
};
const IMAGE = { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' };

const ANTHROPIC_REQUEST = {
  model: 'claude-opus-5-5',
  max_tokens: 400,
  stream: true,
  temperature: 0.5,
  top_p: 0.9,
  top_k: 5,
  stop_sequences: ['END', ''],
  metadata: { user_id: 'user-1' },
  system: [
    { type: 'text', text: 'x-anthropic-billing-header: c' },
    { type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } },
  ],
  thinking: { type: 'enabled', budget_tokens: 2048, display: 'omitted' },
  output_config: { effort: 'high', format: { type: 'json_schema', schema: SCHEMA } },
  tools: [
    { name: 'Read', description: 'Reads', input_schema: SCHEMA, strict: true },
    { name: 'mcp__server.tool', input_schema: { type: 'object' } },
    { type: 'bash_20250124', name: 'bash' },
    { type: 'web_search_20250305', name: 'web_search' },
  ],
  tool_choice: { type: 'auto', disable_parallel_tool_use: true },
  messages: [
    { role: 'user', content: 'Begin.' },
    {
      role: 'assistant',
      content: [
        { type: 'thinking', thinking: 'Let me see.', signature: 'EqRk' },
        { type: 'redacted_thinking', data: 'QUJD' },
        { type: 'text', text: 'I look.' },
        { type: 'tool_use', id: 'toolu_1', name: 'Read', input: { path: 'a', list: ['b', 1] } },
        { type: 'tool_use', id: 'toolu_2', name: 'bash', input: {} },
      ],
    },
    {
      role: 'user',
      content: [
        {
          type: 'tool_result',
          tool_use_id: 'toolu_1',
          content: [
            { type: 'text', text: 'done' },
            { type: 'image', source: IMAGE },
            { type: 'search_result', title: 't', source: 's', content: [{ type: 'text', text: 'found' }] },
          ],
        },
        { type: 'tool_result', tool_use_id: 'toolu_2', is_error: true, content: 'failed' },
        { type: 'text', text: '<system-reminder>\nnow\n</system-reminder>' },
        { type: 'document', title: 'T', context: 'c', source: { ...IMAGE, media_type: 'application/pdf' } },
        { type: 'image', source: { type: 'url', url: 'https://example.test/a.png' } },
      ],
    },
    { role: 'system', content: 'Now in French.' },
    {
      role: 'assistant',
      content: [{ type: 'server_tool_use', id: 's', name: 'web_search', input: { query: 'q' } }],
    },
    { role: 'user', content: [{ type: 'text', text: 'Go on.' }] },
  ],
};

const OPENAI_REQUEST = {
  model: 'gpt-5.2',
  max_completion_tokens: 300,
  stream: true,
  stream_options: { include_usage: true },
  temperature: 1,
  top_p: 0.5,
  stop: ['END'],
  n: 1,
  user: 'user-1',
  seed: 5,
  reasoning_effort: 'medium',
  parallel_tool_calls: false,
  response_format: { type: 'json_schema', json_schema: { name: 'out', schema: SCHEMA, strict: true } },
  tools: [
    { type: 'function', function: { name: 'read', description: 'Reads', parameters: SCHEMA, strict: true } },
    {
      type: 'custom',
      custom: {
        name: 'patch',
        format: { type: 'grammar', grammar: { syntax: 'lark', definition: 's: "a"' } },
      },
    },
  ],
  tool_choice: {
    type: 'allowed_tools',
    allowed_tools: { mode: 'auto', tools: [{ type: 'function', function: { name: 'read' } }] },
  },
  messages: [
    { role: 'developer', content: [{ type: 'text', text: 'Be brief.' }] },
    {
      role: 'user',
      content: [
        { type: 'text', text: 'Look.', cache_control: { type: 'ephemeral' } },
        { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=', detail: 'low' } },
        { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,JVBERi0=' } },
        { type: 'file', file: { filename: 'a.txt', file_data: 'data:text/plain;base64,aGVsbG8=' } },
      ],
    },
    {
      role: 'assistant',
      content: null,
      reasoning_details: [{ type: 'reasoning.text', text: 'Hm.', signature: 'EqRk' }],
      tool_calls: [
        { id: 'call_1', type: 'function', function: { name: 'read', arguments: '{"path":"a"}' } },
        { id: 'call_2', type: 'custom', custom: { name: 'patch', input: 'a' } },
      ],
    },
    { role: 'tool', tool_call_id: 'call_2', content: [{ type: 'text', text: 'patched' }] },
    { role: 'tool', tool_call_id: 'call_1', content: 'read' },
    { role: 'system', content: 'In French.' },
    { role: 'assistant', content: 'Bon.', function_call: { name: 'old', arguments: '{}' } },
    { role: 'function', name: 'old', content: 'called' },
    { role: 'user', name: 'Ann', content: 'Go on.' },
  ],
};

const RESPONSES_REQUEST = {
  model: 'gpt-5.5',
  stream: true,
  store: false,
  instructions: 'Be brief.',
  include: ['reasoning.encrypted_content'],
  prompt_cache_key: 'thread-1',
  client_metadata: { workspace: '/home/ann' },
  reasoning: { effort: 'medium', summary: 'auto' },
  text: { verbosity: 'low', format: { type: 'json_schema', name: 'out', strict: true, schema: SCHEMA } },
  max_output_tokens: 300,
  metadata: { a: 'b' },
  truncation: 'auto',
  parallel_tool_calls: true,
  tools: [
    { type: 'function', name: 'read', description: 'Reads', parameters: SCHEMA, strict: true },
    { type: 'custom', name: 'patch', format: { type: 'grammar', syntax: 'lark', definition: 's: "a"' } },
    { type: 'namespace', name: 'mcp__files', tools: [{ type: 'function', name: 'read', parameters: {} }] },
    { type: 'tool_search', execution: 'client' },
    { type: 'web_search', external_web_access: false },
  ],
  tool_choice: { type: 'allowed_tools', mode: 'auto', tools: [{ type: 'function', name: 'read' }] },
  input: [
    { type: 'additional_tools', role: 'developer', tools: [{ type: 'custom', name: 'exec' }] },
    { type: 'message', role: 'developer', content: [{ type: 'input_text', text: 'More rules.' }] },
    {
      role: 'user',
      content: [
        { type: 'input_text', text: 'Look.' },
        { type: 'input_image', image_url: 'data:image/png;base64,iVBORw0KGgo=', detail: 'high' },
        { type: 'input_file', filename: 'a.pdf', file_data: 'data:application/pdf;base64,JVBERi0=' },
      ],
    },
    {
      type: 'reasoning',
      id: 'rs_1',
      summary: [{ type: 'summary_text', text: 'Hm.' }],
      encrypted_content: null,
    },
    { type: 'reasoning', id: 'rs_2', summary: [], encrypted_content: 'gwr1.AAAA' },
    {
      type: 'function_call',
      call_id: 'call_1',
      name: 'read',
      namespace: 'mcp__files',
      arguments: '{"path":"a"}',
    },
    { type: 'custom_tool_call', call_id: 'call_2', name: 'patch', input: 'a' },
    { type: 'tool_search_call', call_id: 'call_3', execution: 'client', arguments: { query: 'git' } },
    { type: 'web_search_call', id: 'ws_1', status: 'completed' },
    { type: 'custom_tool_call_output', call_id: 'call_2', output: 'patched' },
    { type: 'function_call_output', call_id: 'call_1', output: [{ type: 'input_text', text: 'read' }] },
    {
      type: 'tool_search_output',
      call_id: 'call_3',
      tools: [{ type: 'namespace', name: 'mcp__git', tools: [{ type: 'function', name: 'log' }] }],
    },
    {
      type: 'message',
      role: 'assistant',
      content: [{ type: 'output_text', text: 'Read.', annotations: [] }],
    },
    { type: 'message', role: 'system', content: 'In French.' },
    { role: 'user', content: 'Go on.' },
  ],
};

const short = (model: string) => ({ model, max_tokens: 1, messages: [{ role: 'user', content: 'quota' }] });

/** Requests, as JSON texts. */
export const REQUESTS: Readonly<Record<Dialect, readonly string[]>> = {
  anthropic: [
    JSON.stringify(ANTHROPIC_REQUEST),
    JSON.stringify(short('claude-haiku-5-5')),
    JSON.stringify({
      ...ANTHROPIC_REQUEST,
      tool_choice: { type: 'tool', name: 'Read' },
      thinking: { type: 'adaptive' },
    }),
  ],
  openai: [
    JSON.stringify(OPENAI_REQUEST),
    JSON.stringify(short('gpt-5')),
    JSON.stringify({
      ...OPENAI_REQUEST,
      tool_choice: 'required',
      response_format: { type: 'json_object' },
      fallbacks: [{ model: 'other' }],
      functions: [{ name: 'old', parameters: { type: 'object', required: null } }],
    }),
  ],
  responses: [
    JSON.stringify(RESPONSES_REQUEST),
    JSON.stringify({ model: 'gpt-5', input: 'Hi' }),
    JSON.stringify({ ...RESPONSES_REQUEST, tool_choice: 'required', reasoning: {}, tools: [] }),
  ],
};

/** Errors of backends: status, headers and body. */
export const FAILURES: readonly string[] = [
  {
    status: 429,
    headers: { 'retry-after': '7' },
    body: '{"error":{"message":"slow down","type":"rate_limit_error"}}',
  },
  {
    status: 429,
    headers: { 'retry-after-ms': '1500' },
    body: '{"error":{"message":"You exceeded your current quota","code":"insufficient_quota"}}',
  },
  {
    status: 503,
    headers: { 'retry-after': 'Sun, 22 Nov 2026 10:00:00 GMT', date: 'Sun, 22 Nov 2026 09:00:00 GMT' },
    body: '<html>503</html>',
  },
  {
    status: 500,
    headers: { 'x-ratelimit-reset-requests': '6m0s', 'x-ratelimit-remaining-requests': '0' },
    body: '',
  },
  {
    status: 400,
    headers: {},
    body: '{"object":"error","message":"This model\'s maximum context length is 4096 tokens. However, you requested 100 output tokens and your prompt contains 5000 input tokens","type":"BadRequestError","code":400}',
  },
  {
    status: 422,
    headers: {},
    body: '{"detail":[{"loc":["body","messages",0],"msg":"field required","input":"canary"}]}',
  },
  {
    status: 400,
    headers: {},
    body: '{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 210000 tokens > 200000 maximum"}}',
  },
  {
    status: 401,
    headers: {},
    body: '{"error":{"message":"Incorrect API key provided: sk-proj-0123456789abcdef at https://backend.internal:8000/v1"}}',
  },
  { status: 404, headers: {}, body: '{"Message":"The model `x` does not exist","code":404}' },
  { status: 200, headers: {}, body: '{"error":"upstream http://10.0.0.1:8000 is overloaded"}' },
].map((failure) => JSON.stringify(failure));

/** Reply events in a sensible order, to be put out of it. */
export const EVENTS: readonly string[] = [
  [
    { type: 'start', usage: null },
    { type: 'reasoning', text: 'hm' },
    { type: 'reasoning-signature', signature: 'EqRk' },
    { type: 'redacted-reasoning', data: 'QUJD' },
    { type: 'text', text: 'one' },
    { type: 'tool-start', key: '0', id: 'call_1', name: 'read' },
    { type: 'tool-arguments', key: '0', json: '{"a":' },
    { type: 'tool-start', key: '1', id: 'call_1', name: 'patch' },
    { type: 'tool-arguments', key: '1', json: '{"input":"x' },
    { type: 'tool-arguments', key: '0', json: '1}' },
    { type: 'text', text: 'two' },
    { type: 'tool-arguments', key: '1', json: '"}' },
    { type: 'tool-end', key: '1' },
    {
      type: 'usage',
      usage: { inputTokens: 5, outputTokens: 6, cacheReadTokens: 1, cacheWriteTokens: 0, reasoningTokens: 2 },
    },
    { type: 'finish', reason: 'tool-calls', stopSequence: null },
  ],
  [
    { type: 'text', text: ' ' },
    { type: 'tool-start', key: '__proto__', id: '', name: 'constructor' },
    { type: 'tool-arguments', key: 'constructor', json: '{}' },
    { type: 'finish', reason: 'stop-sequence', stopSequence: 'END' },
  ],
  [
    { type: 'start', usage: null },
    { type: 'error', error: { code: 'backend_failed', message: 'It failed.' } },
    { type: 'finish', reason: 'refusal', stopSequence: null },
    { type: 'finish', reason: 'length', stopSequence: null },
    { type: 'finish', reason: 'pause', stopSequence: null },
  ],
].map((events) => JSON.stringify(events));
