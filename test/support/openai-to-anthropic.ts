/** An OpenAI-format backend's answer, taken the whole way to an Anthropic client's bytes. */
import { createHash } from 'node:crypto';
import { createAnthropicEncoder, encodeAnthropicReply } from '../../src/protocol/anthropic/encode-reply.ts';
import type { OpenAIDecoderOptions } from '../../src/protocol/openai/decode-reply.ts';
import { createOpenAIDecoder, decodeOpenAIReply } from '../../src/protocol/openai/decode-reply.ts';
import type { ReplyContext, ReplyEvent, SseFrame } from '../../src/protocol/reply-events.ts';

/** What a backend sends in one frame: an object becomes JSON, a string stays as it is. */
export type Chunk = object | string;

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** A context whose minted ids count up: `toolu_1`, `toolu_2`, … */
export function replyContext(changes: Partial<ReplyContext> = {}): ReplyContext {
  let minted = 0;
  return {
    messageId: 'msg_test',
    model: 'claude-opus-5-5',
    created: 1_795_000_000,
    showReasoning: true,
    streamUsage: true,
    toolNames: new Map(),
    usedToolIds: new Set(),
    mintToolId: () => `toolu_${++minted}`,
    requestId: 'req_test',
    ...changes,
  };
}

export function toFrame(chunk: Chunk): SseFrame {
  return { event: '', data: typeof chunk === 'string' ? chunk : JSON.stringify(chunk) };
}

/** All events of a stream whose bytes have ended. */
export function decodeStream(chunks: readonly Chunk[], options: OpenAIDecoderOptions = {}): ReplyEvent[] {
  const decoder = createOpenAIDecoder(options);
  return [...chunks.flatMap((chunk) => [...decoder.push(toFrame(chunk))]), ...decoder.end()];
}

/** What the client reads. */
export function encodeStream(events: readonly ReplyEvent[], context = replyContext()): string {
  const encoder = createAnthropicEncoder(context);
  return events.map((event) => encoder.push(event)).join('');
}

export function translateStream(chunks: readonly Chunk[], context = replyContext()): string {
  return encodeStream(decodeStream(chunks), context);
}

/** The body a client of a non-streamed request gets; fails on an error. */
export function translateReply(body: unknown, context = replyContext()): Record<string, unknown> {
  const reply = encodeAnthropicReply(decodeOpenAIReply(body), context);
  if ('error' in reply) throw new Error(`${reply.error.code}: ${reply.error.message}`);
  return reply.body as Record<string, unknown>;
}

/** A chunk with one choice. */
export function chunk(delta: object, finish: string | null = null, more: object = {}): object {
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1_795_000_000,
    model: 'qwen3-32b',
    choices: [{ index: 0, delta, finish_reason: finish }],
    ...more,
  };
}

/** A fragment of a tool call. */
export function call(
  index: number | undefined,
  id: string | undefined,
  name?: string,
  args?: unknown,
): object {
  return {
    ...(index === undefined ? {} : { index }),
    ...(id === undefined ? {} : { id, type: 'function' }),
    function: { ...(name === undefined ? {} : { name }), ...(args === undefined ? {} : { arguments: args }) },
  };
}

export const DONE = '[DONE]';
