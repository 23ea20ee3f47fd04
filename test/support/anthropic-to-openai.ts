/** An Anthropic-format backend's answer, taken the whole way to an OpenAI client's bytes. */
import { createAnthropicDecoder, decodeAnthropicReply } from '../../src/protocol/anthropic/decode-reply.ts';
import { createOpenAIEncoder, encodeOpenAIReply } from '../../src/protocol/openai/encode-reply.ts';
import type { ReplyContext, ReplyEvent, SseFrame } from '../../src/protocol/reply-events.ts';
import { createSseReader } from '../../src/protocol/sse.ts';

/** One event of a backend's stream: an object becomes JSON under its own `type`, a string is data as it is. */
export type BackendEvent = Readonly<Record<string, unknown>> | string;

/** A context whose minted ids count up: `call_1`, `call_2`, … */
export function chatContext(changes: Partial<ReplyContext> = {}): ReplyContext {
  let minted = 0;
  return {
    messageId: 'chatcmpl-test',
    model: 'gpt-like',
    created: 1_795_000_000,
    showReasoning: true,
    streamUsage: true,
    toolNames: new Map(),
    usedToolIds: new Set(),
    mintToolId: () => `call_${++minted}`,
    requestId: 'req_test',
    ...changes,
  };
}

export function toBackendFrame(event: BackendEvent): SseFrame {
  if (typeof event === 'string') return { event: '', data: event };
  return { event: typeof event.type === 'string' ? event.type : '', data: JSON.stringify(event) };
}

export function toBackendBytes(events: readonly BackendEvent[]): Uint8Array {
  const frames = events.map(toBackendFrame);
  const lines = frames.map(
    ({ event, data }) => `${event === '' ? '' : `event: ${event}\n`}data: ${data}\n\n`,
  );
  return new TextEncoder().encode(lines.join(''));
}

/** All reply events of a stream whose bytes have ended. */
export function decodeEvents(events: readonly BackendEvent[]): ReplyEvent[] {
  const decoder = createAnthropicDecoder();
  return [...events.flatMap((event) => [...decoder.push(toBackendFrame(event))]), ...decoder.end()];
}

/** What the client of a streamed request reads. */
export function translateEvents(events: readonly BackendEvent[], context = chatContext()): string {
  const encoder = createOpenAIEncoder(context);
  return decodeEvents(events)
    .map((event) => encoder.push(event))
    .join('');
}

/** As a relay does it, from bytes to bytes. */
export function translatePieces(pieces: readonly Uint8Array[], context = chatContext()): string {
  const reader = createSseReader();
  const decoder = createAnthropicDecoder();
  const encoder = createOpenAIEncoder(context);
  const frames = [...pieces.flatMap((piece) => [...reader.push(piece)]), ...reader.end()];
  const events = [...frames.flatMap((frame) => [...decoder.push(frame)]), ...decoder.end()];
  return events.map((event) => encoder.push(event)).join('');
}

/** The body a client of a non-streamed request gets; fails on an error. */
export function translateMessage(body: unknown, context = chatContext()): Record<string, unknown> {
  const reply = encodeOpenAIReply(decodeAnthropicReply(body), context);
  if ('error' in reply) throw new Error(`${reply.error.code}: ${reply.error.message}`);
  return reply.body;
}

export const PING = { type: 'ping' };
export const STOP = { type: 'message_stop' };

export function messageStart(changes: object = {}, usage: object = { input_tokens: 20, output_tokens: 1 }) {
  return {
    type: 'message_start',
    message: {
      id: 'msg_backend_1',
      type: 'message',
      role: 'assistant',
      model: 'claude-sonnet-4-5',
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage,
      ...changes,
    },
  };
}

export function messageEnd(
  stop_reason: string | null = 'end_turn',
  more: object = {},
  usage: object = { output_tokens: 9 },
) {
  return [{ type: 'message_delta', delta: { stop_reason, stop_sequence: null, ...more }, usage }, STOP];
}

/** A block from its start to its stop, with the given deltas between. */
export function block(index: number, content_block: object, ...deltas: readonly object[]): BackendEvent[] {
  return [
    { type: 'content_block_start', index, content_block },
    ...deltas.map((delta) => ({ type: 'content_block_delta', index, delta })),
    { type: 'content_block_stop', index },
  ];
}

export function textBlock(index: number, ...pieces: readonly string[]): BackendEvent[] {
  const deltas = pieces.map((text) => ({ type: 'text_delta', text }));
  return block(index, { type: 'text', text: '' }, ...deltas);
}

export function thinkingBlock(index: number, ...pieces: readonly string[]): BackendEvent[] {
  const deltas = pieces.map((thinking) => ({ type: 'thinking_delta', thinking }));
  const signature = { type: 'signature_delta', signature: 'EqQBCgIYAg==' };
  return block(index, { type: 'thinking', thinking: '', signature: '' }, ...deltas, signature);
}

export function toolBlock(
  index: number,
  id: string,
  name: string,
  ...pieces: readonly string[]
): BackendEvent[] {
  const deltas = pieces.map((partial_json) => ({ type: 'input_json_delta', partial_json }));
  return block(index, { type: 'tool_use', id, name, input: {} }, ...deltas);
}
