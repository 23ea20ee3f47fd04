/** What must hold for a backend's whole reply, however mutated. */
import assert from 'node:assert/strict';
import { BACKEND_FORMATS, CLIENT_DIALECTS } from '../../src/protocol/dialects.ts';
import type { ReplyEvent } from '../../src/protocol/reply-events.ts';
import type { Dialect } from '../../src/types.ts';
import { contentOf, type ReadStream } from '../support/anthropic-grammar.ts';
import type { ChatStream } from '../support/openai-grammar.ts';
import { FUZZ_OPTIONS, fuzzContext } from './context.ts';
import { type ClientStream, GRAMMARS, hasFailed } from './grammars.ts';

type Json = Record<string, unknown>;

/** One ending, legal as a stream and as a whole, for every kind of client. */
export function checkReply(from: Dialect, input: Uint8Array): void {
  const body: unknown = JSON.parse(new TextDecoder().decode(input));
  const events = BACKEND_FORMATS[from].decodeReply(body, FUZZ_OPTIONS);
  for (const to of DIALECTS) checkWhole(to, events, streamOf(to, events));
}

const DIALECTS = ['anthropic', 'openai', 'responses'] as const;

export function streamOf(to: Dialect, events: readonly ReplyEvent[]): ClientStream {
  const encoder = CLIENT_DIALECTS[to].createEncoder(fuzzContext(to));
  const text = events.map((event) => encoder.push(event)).join('');
  return GRAMMARS[to].readWhole(text);
}

/** Exactly one ending, and the whole reply says what the stream said. */
export function checkWhole(to: Dialect, events: readonly ReplyEvent[], stream: ClientStream): void {
  const endings = events.filter((event) => event.type === 'finish' || event.type === 'error');
  assert.equal(endings.length, 1, 'an answer ends once');
  assert.equal(events.at(-1), endings[0], 'nothing follows the ending');
  const reply = CLIENT_DIALECTS[to].encodeReply(events, fuzzContext(to));
  assert.equal('error' in reply, hasFailed(stream), 'stream and whole reply end alike');
  if ('error' in reply) {
    assert.equal(reply.error.message, stream.error?.message);
    return;
  }
  const body = JSON.parse(JSON.stringify(reply.body)) as Json;
  if ('blocks' in stream) compareMessage(body, stream);
  else if ('items' in stream) assert.deepEqual(body, stream.response);
  else compareCompletion(body, stream);
}

function compareMessage(body: Json, stream: ReadStream): void {
  const said = (content: readonly Json[]) =>
    content.map((block) => (block.type === 'tool_use' ? { ...block, input: null } : block));
  assert.deepEqual(said(body.content as Json[]), said(contentOf(stream)));
  for (const { type, input } of body.content as Json[]) {
    if (type === 'tool_use') assert.ok(typeof input === 'object' && input !== null && !Array.isArray(input));
  }
  assert.deepEqual(
    [body.stop_reason, body.stop_sequence],
    [stream.delta?.stop_reason, stream.delta?.stop_sequence],
  );
  assert.deepEqual(body.usage, stream.usage);
}

function compareCompletion(body: Json, stream: ChatStream): void {
  const [choice] = body.choices as { message: Json; finish_reason: string }[];
  const calls = (choice?.message.tool_calls ?? []) as Json[];
  assert.deepEqual(
    [
      choice?.message.content ?? '',
      choice?.message.reasoning_content ?? '',
      choice?.finish_reason,
      body.usage,
    ],
    [stream.content, stream.reasoning, stream.finish, stream.usage],
  );
  const told = calls.map((call) => {
    const inner = (call.function ?? call.custom) as Json;
    return { id: call.id, type: call.type, name: inner.name, text: inner.arguments ?? inner.input };
  });
  assert.deepEqual(told, stream.calls);
}
