/**
 * What translation costs: CPU for each event of a stream and for a request of 200 kB, beside parsing and writing the
 * same bytes with JSON alone in the same process, and the memory of an open stream. `npm run bench:translate`.
 */
import { createHash } from 'node:crypto';
import { BACKEND_FORMATS, CLIENT_DIALECTS } from '../src/protocol/dialects.ts';
import { PROFILES } from '../src/protocol/profile.ts';
import type { ReplyContext } from '../src/protocol/reply-events.ts';
import { parseBody, scanRequest } from '../src/protocol/scan-request.ts';
import { createFrameSplitter } from '../src/protocol/sse.ts';
import { createTranslation } from '../src/protocol/transcribe.ts';
import type { BackendFormat, Dialect } from '../src/types.ts';

const ROUNDS = process.argv.includes('--quick') ? 5 : 60;
const STREAMS_PER_ROUND = 20;
const BODIES_PER_ROUND = 10;
const OPEN_STREAMS = 2000;
const BODY_BYTES = 200_000;
/** Targets: microseconds for an event, milliseconds for a body, bytes for a stream. */
const MOST = { event: 25, body: 1.5, stream: 64 * 1024 };

const DIRECTIONS: readonly { readonly client: Dialect; readonly backend: BackendFormat }[] = [
  { client: 'anthropic', backend: 'openai' },
  { client: 'openai', backend: 'anthropic' },
  { client: 'responses', backend: 'openai' },
  { client: 'responses', backend: 'anthropic' },
];

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

function context(): ReplyContext {
  let minted = 0;
  return {
    messageId: 'msg_bench',
    model: 'claude-opus-5-5',
    created: 1_795_000_000,
    showReasoning: true,
    streamUsage: true,
    toolNames: new Map(),
    usedToolIds: new Set(),
    mintToolId: () => `toolu_${++minted}`,
    requestId: 'req_bench',
  };
}

const PIECE = 'a few words, ';
const repeat = <T>(count: number, one: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => one(i));

/** 100 events of reasoning, 200 of text, 100 of two tool calls; each a frame of its own. */
function openaiStream(): readonly string[] {
  const chunk = (delta: object, finish: string | null = null): object => ({
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1_795_000_000,
    model: 'qwen3-32b',
    choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
  });
  const called = (index: number): object[] => [
    chunk({
      tool_calls: [
        { index, id: `call_${index}`, type: 'function', function: { name: 'write', arguments: '' } },
      ],
    }),
    chunk({ tool_calls: [{ index, function: { arguments: '{"text":"' } }] }),
    ...repeat(47, () => chunk({ tool_calls: [{ index, function: { arguments: PIECE } }] })),
    chunk({ tool_calls: [{ index, function: { arguments: '"}' } }] }),
  ];
  const chunks = [
    chunk({ role: 'assistant', content: '' }),
    ...repeat(100, () => chunk({ reasoning: PIECE })),
    ...repeat(200, () => chunk({ content: PIECE })),
    ...called(0),
    ...called(1),
    chunk({}, 'tool_calls'),
    { choices: [], usage: { prompt_tokens: 20, completion_tokens: 400, total_tokens: 420 } },
  ];
  return [...chunks.map((one) => `data: ${JSON.stringify(one)}\n\n`), 'data: [DONE]\n\n'];
}

/** The same in Anthropic's events. */
function anthropicStream(): readonly string[] {
  const block = (index: number, content_block: object, deltas: readonly object[]): object[] => [
    { type: 'content_block_start', index, content_block },
    ...deltas.map((delta) => ({ type: 'content_block_delta', index, delta })),
    { type: 'content_block_stop', index },
  ];
  const called = (index: number): object[] =>
    block(index, { type: 'tool_use', id: `toolu_${index}`, name: 'write', input: {} }, [
      { type: 'input_json_delta', partial_json: '{"text":"' },
      ...repeat(47, () => ({ type: 'input_json_delta', partial_json: PIECE })),
      { type: 'input_json_delta', partial_json: '"}' },
    ]);
  const usage = { input_tokens: 20, output_tokens: 1 };
  const events = [
    { type: 'message_start', message: { id: 'msg_1', role: 'assistant', content: [], usage } },
    ...block(
      0,
      { type: 'thinking', thinking: '' },
      repeat(100, () => ({ type: 'thinking_delta', thinking: PIECE })),
    ),
    ...block(
      1,
      { type: 'text', text: '' },
      repeat(200, () => ({ type: 'text_delta', text: PIECE })),
    ),
    ...called(2),
    ...called(3),
    { type: 'message_delta', delta: { stop_reason: 'tool_use' }, usage: { output_tokens: 400 } },
    { type: 'message_stop' },
  ] as readonly { readonly type: string }[];
  return events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
}

const STREAMS: Readonly<Record<BackendFormat, readonly string[]>> = {
  openai: openaiStream(),
  anthropic: anthropicStream(),
};

const SAID = 'The test fails because the clock is read twice:\n\n```ts\nconst now = clock();\n```\n'.repeat(
  6,
);
const SCHEMA = {
  type: 'object',
  properties: { path: { type: 'string', description: 'Path of the file.' }, limit: { type: 'integer' } },
  required: ['path'],
};

interface Telling {
  readonly tool: (name: string, description: string) => object;
  readonly round: (i: number) => readonly object[];
  /** The body around the tools and what was said. */
  readonly body: (tools: readonly object[], said: readonly object[]) => object;
}

const LIMITED = { model: 'm', max_tokens: 4000, stream: true };
const argumentsOf = (i: number) => `{"path":"src/${i}.ts","limit":9}`;

const TELLINGS: Readonly<Record<Dialect, Telling>> = {
  anthropic: {
    tool: (name, description) => ({ name, description, input_schema: SCHEMA }),
    round: (i) => [
      {
        role: 'assistant',
        content: [
          { type: 'text', text: SAID },
          { type: 'tool_use', id: `toolu_${i}`, name: 'tool_1', input: { path: `src/${i}.ts`, limit: 9 } },
        ],
      },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: `toolu_${i}`, content: SAID }] },
    ],
    body: (tools, messages) => ({ ...LIMITED, tools, messages }),
  },
  openai: {
    tool: (name, description) => ({ type: 'function', function: { name, description, parameters: SCHEMA } }),
    round: (i) => [
      {
        role: 'assistant',
        content: SAID,
        tool_calls: [
          { id: `call_${i}`, type: 'function', function: { name: 'tool_1', arguments: argumentsOf(i) } },
        ],
      },
      { role: 'tool', tool_call_id: `call_${i}`, content: SAID },
    ],
    body: (tools, messages) => ({ ...LIMITED, tools, messages }),
  },
  responses: {
    tool: (name, description) => ({ type: 'function', name, description, parameters: SCHEMA, strict: false }),
    round: (i) => [
      { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: SAID }] },
      { type: 'function_call', call_id: `call_${i}`, name: 'tool_1', arguments: argumentsOf(i) },
      { type: 'function_call_output', call_id: `call_${i}`, output: SAID },
    ],
    body: (tools, input) => ({ model: 'm', stream: true, store: false, tools, input }),
  },
};

/** A coding agent's conversation: 20 tools, then rounds of a call, its result and a text, up to the wished size. */
function requestOf(dialect: Dialect): Uint8Array {
  const { tool, round, body } = TELLINGS[dialect];
  const description = 'Reads a file, from its first line or from a given one. '.repeat(8);
  const tools = repeat(20, (i) => tool(`tool_${i}`, description));
  const said: object[] = [{ role: 'user', content: SAID }];
  for (let i = 0; ; i++) {
    const bytes = encode(JSON.stringify(body(tools, said)));
    if (bytes.length >= BODY_BYTES) return bytes;
    said.push(...round(i));
  }
}

/** Microseconds of this process's CPU, garbage collection included. */
function cpuOf(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/** The median of the rounds of two kinds of work that take turns, so that whatever else happens falls on both. */
function compare(ours: () => void, plain: () => void): { readonly ours: number; readonly plain: number } {
  const samples = { ours: [] as number[], plain: [] as number[] };
  for (let round = 0; round < ROUNDS + ROUNDS / 5; round++) {
    const [a, b] = [cpuOf(ours), cpuOf(plain)];
    // The first rounds warm the compiler up.
    if (round < ROUNDS / 5) continue;
    samples.ours.push(a);
    samples.plain.push(b);
  }
  return { ours: median(samples.ours), plain: median(samples.plain) };
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

let sink = 0;

function measureStream(from: BackendFormat, to: Dialect): { readonly ours: number; readonly plain: number } {
  const frames = STREAMS[from];
  const chunks = frames.map(encode);
  const texts = frames.map((frame) => frame.slice(frame.indexOf('data: ') + 6).trim());
  const translate = (): void => {
    for (let i = 0; i < STREAMS_PER_ROUND; i++) {
      const splitter = createFrameSplitter();
      const transcriber = createTranslation(from, to, context(), {});
      for (const chunk of chunks) sink += transcriber.push(splitter.push(chunk)).bytes.length;
    }
  };
  const parse = (): void => {
    for (let i = 0; i < STREAMS_PER_ROUND; i++) {
      for (const text of texts) if (text !== '[DONE]') sink += JSON.stringify(JSON.parse(text)).length;
    }
  };
  const events = frames.length * STREAMS_PER_ROUND;
  const { ours, plain } = compare(translate, parse);
  return { ours: ours / events, plain: plain / events };
}

function measureBody(
  client: Dialect,
  backend: BackendFormat,
): { readonly ours: number; readonly plain: number } {
  const body = requestOf(client);
  const target = { model: 'claude-opus-5-5', profile: PROFILES.vllm, maxOutputTokens: 8192, hash: sha256 };
  const translate = (): void => {
    for (let i = 0; i < BODIES_PER_ROUND; i++) {
      scanRequest(body);
      const conversation = CLIENT_DIALECTS[client].readRequest(parseBody(body));
      sink += JSON.stringify(BACKEND_FORMATS[backend].writeRequest(conversation, target).body).length;
    }
  };
  const parse = (): void => {
    for (let i = 0; i < BODIES_PER_ROUND; i++) {
      sink += JSON.stringify(JSON.parse(new TextDecoder().decode(body))).length;
    }
  };
  const { ours, plain } = compare(translate, parse);
  return { ours: ours / BODIES_PER_ROUND / 1000, plain: plain / BODIES_PER_ROUND / 1000 };
}

/** Bytes that a stream holds when it stands in the middle of its last call. */
function measureMemory(from: BackendFormat, to: Dialect): number {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error('start it with --expose-gc');
  const chunks = STREAMS[from].slice(0, -20).map(encode);
  const held = (): number => {
    gc();
    gc();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const before = held();
  const open = repeat(OPEN_STREAMS, () => {
    const splitter = createFrameSplitter();
    const transcriber = createTranslation(from, to, context(), {});
    for (const chunk of chunks) sink += transcriber.push(splitter.push(chunk.slice())).bytes.length;
    return { splitter, transcriber };
  });
  const bytes = (held() - before) / open.length;
  sink += open.length;
  return bytes;
}

function report(what: string, value: number, unit: string, most: number, plain?: number): boolean {
  const beside =
    plain === undefined
      ? ''
      : ` beside ${plain.toFixed(2)} ${unit} of JSON alone (${(value / plain).toFixed(1)}×)`;
  const kept = value <= most;
  process.stdout.write(
    `${what.padEnd(44)} ${value.toFixed(2).padStart(9)} ${unit}${beside}, at most ${most}: ${kept ? 'kept' : 'MISSED'}\n`,
  );
  return kept;
}

const kept = DIRECTIONS.flatMap(({ client, backend }) => {
  const names = `${client} client, ${backend} backend`;
  const stream = measureStream(backend, client);
  const body = measureBody(client, backend);
  return [
    report(`${names}: event`, stream.ours, 'µs', MOST.event, stream.plain),
    report(`${names}: 200 kB`, body.ours, 'ms', MOST.body, body.plain),
    report(`${names}: open stream`, measureMemory(backend, client), 'bytes', MOST.stream),
  ];
});
if (sink === 0) throw new Error('nothing was done');
process.exitCode = kept.every((one) => one) ? 0 : 1;
