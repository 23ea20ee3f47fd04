/**
 * Answers for the mock backends, made by our own hand: what a model says is described once and written in any
 * format, whole or as a stream.
 */
import { responsesJson, responsesStream } from './mock-responses.ts';
import { sseFrame } from './sse.ts';

/** The wire formats that a backend may speak. */
export type MockFormat = 'anthropic' | 'openai' | 'responses';

export interface MockToolCall {
  readonly id: string;
  readonly name: string;
  /** Of a custom tool: its text under `input`. */
  readonly arguments: Readonly<Record<string, unknown>>;
  /** Namespace of the tool, told apart in Responses and a prefix of the name elsewhere. */
  readonly namespace?: string;
  /** What Responses has an item of its own for: a custom tool's call carries text, a tool search an object. */
  readonly kind?: 'function' | 'custom' | 'search';
}

/** What the model says. Everything is optional; an empty answer says `Hello from the mock.` */
export interface MockAnswer {
  /** Model name reported in the answer (`mock-model`). */
  readonly model?: string;
  readonly thinking?: string;
  readonly text?: string;
  /** Several entries are parallel calls. */
  readonly tools?: readonly MockToolCall[];
  readonly usage?: { readonly input: number; readonly output: number; readonly cacheRead?: number };
  /** Stop reason in the dialect's own word; by default what fits the content. */
  readonly finish?: string;
}

export interface JsonReply {
  readonly json: unknown;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface StreamReply {
  readonly stream: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
}

export const pieces = (text: string, size = 9): string[] =>
  text.match(new RegExp(`[^]{1,${size}}`, 'gu')) ?? [];
/** The name where namespaces are unknown. */
const flatName = ({ namespace, name }: MockToolCall) =>
  namespace === undefined ? name : `${namespace}__${name}`;
export const textOf = (answer: MockAnswer): string =>
  answer.text ?? (answer.tools === undefined ? 'Hello from the mock.' : '');
export const usageOf = (answer: MockAnswer) => ({
  cacheRead: 0,
  ...(answer.usage ?? { input: 21, output: 7 }),
});
export const modelOf = (answer: MockAnswer): string => answer.model ?? 'mock-model';

function anthropicUsage(answer: MockAnswer) {
  const usage = usageOf(answer);
  return {
    input_tokens: usage.input,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: usage.cacheRead,
    output_tokens: usage.output,
  };
}

const anthropicStop = (answer: MockAnswer): string =>
  answer.finish ?? (answer.tools === undefined ? 'end_turn' : 'tool_use');

/** A Messages answer in one piece. */
export function anthropicJson(answer: MockAnswer = {}): JsonReply {
  const content = [
    ...(answer.thinking === undefined
      ? []
      : [{ type: 'thinking', thinking: answer.thinking, signature: 'bW9jaw==' }]),
    ...(textOf(answer) === '' ? [] : [{ type: 'text', text: textOf(answer) }]),
    ...(answer.tools ?? []).map((tool) => ({
      type: 'tool_use',
      id: tool.id,
      name: flatName(tool),
      input: tool.arguments,
    })),
  ];
  return {
    json: {
      id: 'msg_mock_1',
      type: 'message',
      role: 'assistant',
      model: modelOf(answer),
      content,
      stop_reason: anthropicStop(answer),
      stop_sequence: null,
      usage: anthropicUsage(answer),
    },
    headers: { 'request-id': 'req_mock_1' },
  };
}

/** A Messages answer as a stream: every block opened, fed in several deltas and closed. */
export function anthropicStream(answer: MockAnswer = {}): StreamReply {
  const usage = anthropicUsage(answer);
  const blocks = [
    ...(answer.thinking === undefined ? [] : [thinkingDeltas(answer.thinking)]),
    ...(textOf(answer) === '' ? [] : [textDeltas(textOf(answer))]),
    ...(answer.tools ?? []).map(toolDeltas),
  ];
  const events = [
    { type: 'message_start', message: startOf(answer, { ...usage, output_tokens: 1 }) },
    { type: 'ping' },
    ...blocks.flatMap(({ block, deltas }, index) => [
      { type: 'content_block_start', index, content_block: block },
      ...deltas.map((delta) => ({ type: 'content_block_delta', index, delta })),
      { type: 'content_block_stop', index },
    ]),
    {
      type: 'message_delta',
      delta: { stop_reason: anthropicStop(answer), stop_sequence: null },
      usage: { output_tokens: usage.output_tokens },
    },
    { type: 'message_stop' },
  ];
  return {
    stream: events.map((event) => sseFrame(event, event.type)),
    headers: { 'request-id': 'req_mock_1' },
  };
}

function startOf(answer: MockAnswer, usage: unknown) {
  return {
    id: 'msg_mock_1',
    type: 'message',
    role: 'assistant',
    model: modelOf(answer),
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage,
  };
}

interface BlockDeltas {
  readonly block: Readonly<Record<string, unknown>>;
  readonly deltas: readonly Readonly<Record<string, unknown>>[];
}

function thinkingDeltas(thinking: string): BlockDeltas {
  return {
    block: { type: 'thinking', thinking: '', signature: '' },
    deltas: [
      ...pieces(thinking).map((piece) => ({ type: 'thinking_delta', thinking: piece })),
      { type: 'signature_delta', signature: 'bW9jaw==' },
    ],
  };
}

function textDeltas(text: string): BlockDeltas {
  return {
    block: { type: 'text', text: '' },
    deltas: pieces(text).map((piece) => ({ type: 'text_delta', text: piece })),
  };
}

function toolDeltas(tool: MockToolCall): BlockDeltas {
  return {
    block: { type: 'tool_use', id: tool.id, name: flatName(tool), input: {} },
    deltas: pieces(JSON.stringify(tool.arguments)).map((piece) => ({
      type: 'input_json_delta',
      partial_json: piece,
    })),
  };
}

function openaiUsage(answer: MockAnswer) {
  const usage = usageOf(answer);
  return {
    prompt_tokens: usage.input + usage.cacheRead,
    completion_tokens: usage.output,
    total_tokens: usage.input + usage.cacheRead + usage.output,
    prompt_tokens_details: { cached_tokens: usage.cacheRead },
  };
}

const openaiFinish = (answer: MockAnswer): string =>
  answer.finish ?? (answer.tools === undefined ? 'stop' : 'tool_calls');

const openaiCall = (call: MockToolCall) => ({
  id: call.id,
  type: 'function',
  function: { name: flatName(call), arguments: JSON.stringify(call.arguments) },
});

/** A Chat Completions answer in one piece. Thinking is written as vLLM does, in `reasoning`. */
export function openaiJson(answer: MockAnswer = {}): JsonReply {
  const message = {
    role: 'assistant',
    content: textOf(answer) === '' ? null : textOf(answer),
    ...(answer.thinking === undefined ? {} : { reasoning: answer.thinking }),
    ...(answer.tools === undefined ? {} : { tool_calls: answer.tools.map(openaiCall) }),
  };
  return {
    json: {
      id: 'chatcmpl-mock-1',
      object: 'chat.completion',
      created: 1_790_000_000,
      model: modelOf(answer),
      choices: [{ index: 0, message, logprobs: null, finish_reason: openaiFinish(answer) }],
      usage: openaiUsage(answer),
    },
  };
}

/** A Chat Completions answer as a stream; the usage chunk only where the request asked for one. */
export function openaiStream(answer: MockAnswer = {}, includeUsage = true): StreamReply {
  const chunk = (fields: Record<string, unknown>): string =>
    sseFrame({
      id: 'chatcmpl-mock-1',
      object: 'chat.completion.chunk',
      created: 1_790_000_000,
      model: modelOf(answer),
      ...fields,
    });
  const delta = (fields: Record<string, unknown>, finish: string | null = null): string =>
    chunk({ choices: [{ index: 0, delta: fields, logprobs: null, finish_reason: finish }] });
  const calls = (answer.tools ?? []).flatMap((call, index) => [
    delta({
      tool_calls: [
        { index, id: call.id, type: 'function', function: { name: flatName(call), arguments: '' } },
      ],
    }),
    ...pieces(JSON.stringify(call.arguments)).map((piece) =>
      delta({ tool_calls: [{ index, function: { arguments: piece } }] }),
    ),
  ]);
  return {
    stream: [
      delta({ role: 'assistant', content: '' }),
      ...pieces(answer.thinking ?? '').map((piece) => delta({ reasoning: piece })),
      ...pieces(textOf(answer)).map((piece) => delta({ content: piece })),
      ...calls,
      delta({}, openaiFinish(answer)),
      ...(includeUsage ? [chunk({ choices: [], usage: openaiUsage(answer) })] : []),
      sseFrame('[DONE]'),
    ],
  };
}

/** An error in the dialect's envelope. */
export function errorReply(
  dialect: MockFormat,
  status: number,
  type: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): JsonReply {
  const json =
    dialect === 'anthropic'
      ? { type: 'error', error: { type, message }, request_id: 'req_mock_1' }
      : { error: { message, type, param: null, code: null } };
  return { json, status, headers };
}

/** Answers as the request asks to be answered: in one piece or as a stream. */
export function answer(
  format: MockFormat,
  said: MockAnswer = {},
): (request: { readonly json: unknown }) => JsonReply | StreamReply {
  return ({ json }) => {
    const body = (json ?? {}) as { stream?: unknown; stream_options?: { include_usage?: unknown } };
    const stream = body.stream === true;
    if (format === 'anthropic') return stream ? anthropicStream(said) : anthropicJson(said);
    if (format === 'responses') return stream ? responsesStream(said) : responsesJson(said);
    return stream ? openaiStream(said, body.stream_options?.include_usage === true) : openaiJson(said);
  };
}
