/** A model's answer in OpenAI's Responses format, made by our own hand: whole, or as the canonical stream. */
import {
  type JsonReply,
  type MockAnswer,
  type MockToolCall,
  modelOf,
  pieces,
  type StreamReply,
  textOf,
  usageOf,
} from './mock-replies.ts';
import { sseFrame } from './sse.ts';

type Fields = Readonly<Record<string, unknown>>;

interface Told {
  /** The finished item. */
  readonly item: Fields;
  /** The item as it is announced. */
  readonly opening: Fields;
  /** What is streamed between the two. */
  readonly events: readonly Fields[];
}

function tellReasoning(thinking: string): Told {
  const id = 'rs_mock_1';
  const text = { type: 'summary_text', text: thinking };
  const part = { item_id: id, summary_index: 0 };
  return {
    item: { id, type: 'reasoning', summary: [text], encrypted_content: 'bW9jaw==' },
    opening: { id, type: 'reasoning', summary: [] },
    events: [
      { type: 'response.reasoning_summary_part.added', ...part, part: { ...text, text: '' } },
      ...pieces(thinking).map((delta) => ({ type: 'response.reasoning_summary_text.delta', ...part, delta })),
      { type: 'response.reasoning_summary_text.done', ...part, text: thinking },
      { type: 'response.reasoning_summary_part.done', ...part, part: text },
    ],
  };
}

function tellText(text: string): Told {
  const id = 'msg_mock_1';
  const whole = { type: 'output_text', text, annotations: [], logprobs: [] };
  const place = { item_id: id, content_index: 0 };
  const message = { id, type: 'message', role: 'assistant' };
  return {
    item: { ...message, status: 'completed', content: [whole] },
    opening: { ...message, status: 'in_progress', content: [] },
    events: [
      { type: 'response.content_part.added', ...place, part: { ...whole, text: '' } },
      ...pieces(text).map((delta) => ({ type: 'response.output_text.delta', ...place, delta, logprobs: [] })),
      { type: 'response.output_text.done', ...place, text, logprobs: [] },
      { type: 'response.content_part.done', ...place, part: whole },
    ],
  };
}

const CALLS = {
  function: { type: 'function_call', prefix: 'fc_', field: 'arguments', event: 'function_call_arguments' },
  custom: { type: 'custom_tool_call', prefix: 'ctc_', field: 'input', event: 'custom_tool_call_input' },
};

function tellCall({ id: callId, name, namespace, kind = 'function', arguments: args }: MockToolCall): Told {
  if (kind === 'search') return tellSearch(callId, args);
  const { type, prefix, field, event } = CALLS[kind];
  const id = prefix + callId;
  const text = kind === 'custom' ? String(args.input) : JSON.stringify(args);
  const call = { id, type, call_id: callId, name, ...(namespace === undefined ? {} : { namespace }) };
  return {
    item: { ...call, status: 'completed', [field]: text },
    opening: { ...call, status: 'in_progress', [field]: '' },
    events: [
      ...pieces(text).map((delta) => ({ type: `response.${event}.delta`, item_id: id, delta })),
      { type: `response.${event}.done`, item_id: id, [field]: text },
    ],
  };
}

function tellSearch(callId: string, args: Fields): Told {
  const call = { id: `tsc_${callId}`, type: 'tool_search_call', call_id: callId, execution: 'client' };
  return {
    item: { ...call, status: 'completed', arguments: args },
    opening: { ...call, status: 'in_progress', arguments: {} },
    events: [],
  };
}

const tell = (answer: MockAnswer): readonly Told[] => [
  ...(answer.thinking === undefined ? [] : [tellReasoning(answer.thinking)]),
  ...(textOf(answer) === '' ? [] : [tellText(textOf(answer))]),
  ...(answer.tools ?? []).map(tellCall),
];

function toResponse(answer: MockAnswer, status: string, output: readonly Fields[]) {
  const { input, output: written, cacheRead } = usageOf(answer);
  const usage = {
    input_tokens: input + cacheRead,
    input_tokens_details: { cached_tokens: cacheRead },
    output_tokens: written,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: input + cacheRead + written,
  };
  return {
    id: 'resp_mock_1',
    object: 'response',
    created_at: 1_790_000_000,
    status,
    error: null,
    incomplete_details: status === 'incomplete' ? { reason: 'max_output_tokens' } : null,
    model: modelOf(answer),
    output,
    parallel_tool_calls: true,
    previous_response_id: null,
    store: false,
    tool_choice: 'auto',
    tools: [],
    usage: status === 'in_progress' ? null : usage,
  };
}

/** `finish: 'incomplete'` for an answer that grew too long. */
const endOf = ({ finish }: MockAnswer) => finish ?? 'completed';

/** What OpenAI tells its own clients beside an answer, and nobody else's client should hear. */
const TALE_HEADERS = {
  'openai-model': 'gpt-mock-2026-10-01',
  'x-models-etag': '"mock"',
  'x-codex-primary-used-percent': '99.5',
  'x-codex-plan-type': 'plus',
  'x-ratelimit-remaining-requests': '1',
  'set-cookie': 'mock=1',
};

/** A response in one piece. */
export function responsesJson(answer: MockAnswer = {}): JsonReply {
  const output = tell(answer).map(({ item }) => item);
  return { json: toResponse(answer, endOf(answer), output), headers: TALE_HEADERS };
}

/** A response as a stream: every item announced, fed, finished, and all of them once more at the end. */
export function responsesStream(answer: MockAnswer = {}): StreamReply {
  const told = tell(answer);
  const end = endOf(answer);
  const items = told.map(({ item }) => item);
  const events: Fields[] = [
    { type: 'response.created', response: toResponse(answer, 'in_progress', []) },
    { type: 'response.in_progress', response: toResponse(answer, 'in_progress', []) },
    ...told.flatMap(({ item, opening, events: fed }, index) => [
      { type: 'response.output_item.added', output_index: index, item: opening },
      ...fed.map((event) => ({ ...event, output_index: index })),
      { type: 'response.output_item.done', output_index: index, item },
    ]),
    { type: `response.${end}`, response: toResponse(answer, end, items) },
  ];
  return {
    stream: events.map((event, index) => sseFrame({ ...event, sequence_number: index }, String(event.type))),
    headers: TALE_HEADERS,
  };
}
