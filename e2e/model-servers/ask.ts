/** Questions to a gateway before a real model server. Every answer is checked against its dialect's grammar. */
import assert from 'node:assert/strict';
import { contentOf, readWholeStream } from '../../test/support/anthropic-grammar.ts';
import { readWholeChatStream } from '../../test/support/openai-grammar.ts';
import { assertAnthropicStream, assertOpenAIStream, parseSse, payloadsOf } from '../../test/support/sse.ts';
import { KEYS } from '../support/stage.ts';

export type Json = Record<string, unknown>;

/** An answer in either dialect, streamed or not, as far as these tests look at it. */
export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly thinking: string;
  /** Arguments as a value: parsed where the dialect carries them as text, and a failure where they cannot be. */
  readonly calls: readonly { readonly id: string; readonly name: string; readonly input: unknown }[];
  readonly stop: unknown;
  readonly usage: Json;
  /** The error that the answer is or ends in. */
  readonly error: Json | null;
  readonly headers: Headers;
}

/** How the gateway brings answers of this backend: rebuilt by its own encoder, or as the backend's own frames. */
export type Frames = 'encoded' | 'passed-through';

/** Sends a request as an enterprise user. */
export function post(origin: string, path: string, body: Json, signal?: AbortSignal): Promise<Response> {
  return fetch(origin + path, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${KEYS.enterprise}`,
      'anthropic-version': '2023-06-01',
      'content-type': 'application/json',
    },
    body: JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  });
}

/** Asks `POST /v1/messages`; an encoded stream must follow the grammar to the letter, a passed one be complete. */
export async function askMessages(origin: string, body: Json, frames: Frames = 'encoded'): Promise<Answer> {
  const reply = await post(origin, '/v1/messages', body);
  const text = await reply.text();
  if (body.stream !== true || reply.status !== 200) return messageAnswer(reply, JSON.parse(text) as Json);
  if (frames === 'passed-through') return messageAnswer(reply, joinMessage(text));
  const stream = readWholeStream(text);
  const { stop_reason } = stream.delta ?? {};
  const message = { content: contentOf(stream), stop_reason, usage: stream.usage, error: stream.error };
  return messageAnswer(reply, message);
}

function messageAnswer({ status, headers }: Response, message: Json): Answer {
  const blocks = (message.content ?? []) as Json[];
  return {
    status,
    headers,
    text: blocks.map((block) => block.text ?? '').join(''),
    thinking: blocks.map((block) => block.thinking ?? '').join(''),
    calls: blocks
      .filter((block) => block.type === 'tool_use')
      .map((block) => ({ id: String(block.id), name: String(block.name), input: block.input })),
    stop: message.stop_reason,
    usage: (message.usage ?? {}) as Json,
    error: (message.error ?? null) as Json | null,
  };
}

/** A message put together from a passed-through stream as a client would. */
function joinMessage(text: string): Json {
  const events = parseSse(text);
  const payloads = payloadsOf(events);
  const error = payloads.find((payload) => payload.type === 'error')?.error;
  if (error === undefined) assertAnthropicStream(events);
  const blocks: (Json & { json: string })[] = [];
  const end: Json = {};
  for (const payload of payloads) {
    const block = blocks.at(-1);
    const delta = (payload.delta ?? {}) as Json;
    if (payload.type === 'content_block_start') blocks.push({ ...(payload.content_block as Json), json: '' });
    if (payload.type === 'message_delta') Object.assign(end, delta, { usage: payload.usage });
    if (payload.type !== 'content_block_delta' || block === undefined) continue;
    if (delta.type === 'text_delta') block.text = String(block.text ?? '') + String(delta.text);
    if (delta.type === 'thinking_delta')
      block.thinking = String(block.thinking ?? '') + String(delta.thinking);
    if (delta.type === 'input_json_delta') block.json += String(delta.partial_json);
  }
  for (const block of blocks) if (block.json !== '') block.input = parse(block.json);
  return { ...end, content: blocks, error: error ?? null };
}

/** Asks `POST /v1/chat/completions`; an encoded stream must follow the grammar to the letter, a passed one be complete. */
export async function askChat(origin: string, body: Json, frames: Frames): Promise<Answer> {
  const reply = await post(origin, '/v1/chat/completions', body);
  const text = await reply.text();
  if (body.stream !== true || reply.status !== 200) return chatAnswer(reply, JSON.parse(text) as Json);
  if (frames === 'passed-through') return chatAnswer(reply, joinCompletion(text));
  const wantsUsage = (body.stream_options as Json | undefined)?.include_usage === true;
  const stream = readWholeChatStream(text, { usage: wantsUsage });
  const calls = stream.calls.map((call) => ({
    id: call.id,
    function: { name: call.name, arguments: call.text },
  }));
  const message = { content: stream.content, reasoning_content: stream.reasoning, tool_calls: calls };
  return chatAnswer(reply, {
    choices: [{ message, finish_reason: stream.finish }],
    usage: stream.usage,
    error: stream.error,
  });
}

function chatAnswer({ status, headers }: Response, completion: Json): Answer {
  const [choice = {}] = (completion.choices ?? []) as Json[];
  const message = (choice.message ?? {}) as Json;
  const calls = (message.tool_calls ?? []) as { id: string; function: { name: string; arguments: string } }[];
  return {
    status,
    headers,
    text: String(message.content ?? ''),
    thinking: String(message.reasoning_content ?? message.reasoning ?? ''),
    calls: calls.map(({ id, function: { name, arguments: json } }) => ({ id, name, input: parse(json) })),
    stop: choice.finish_reason,
    usage: (completion.usage ?? {}) as Json,
    error: (completion.error ?? null) as Json | null,
  };
}

/** The backend's own arguments are passed on as they are, also where they are no JSON: then the text itself. */
function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return json;
  }
}

/** A completion put together from a passed-through stream as a client would. */
function joinCompletion(text: string): Json {
  const events = parseSse(text);
  const chunks = payloadsOf(events);
  const error = chunks.find((chunk) => chunk.error !== undefined)?.error;
  if (error === undefined) assertOpenAIStream(events);
  const message = { content: '', reasoning: '', tool_calls: [] as Json[] };
  let finish: unknown = null;
  let usage: unknown = null;
  for (const chunk of chunks) {
    usage = chunk.usage ?? usage;
    const [choice] = (chunk.choices ?? []) as { delta: Json; finish_reason: unknown }[];
    if (choice === undefined) continue;
    finish = choice.finish_reason ?? finish;
    message.content += String(choice.delta.content ?? '');
    message.reasoning += String(choice.delta.reasoning ?? '');
    for (const fragment of (choice.delta.tool_calls ?? []) as {
      index: number;
      id?: string;
      function: Json;
    }[]) {
      const { index, id, function: called } = fragment;
      message.tool_calls[index] ??= { id, function: { name: called.name, arguments: '' } };
      const call = message.tool_calls[index];
      const whole = call.function as { arguments: string };
      whole.arguments += String(called.arguments ?? '');
    }
  }
  return { choices: [{ message, finish_reason: finish }], usage, error: error ?? null };
}

/**
 * What must hold for tool calls whatever a backend sends: the input is an object, or there is no call. In a stream,
 * pieces of what began as an object cannot be taken back: they stay as they came, never mended (S-38).
 */
export function assertWholeCalls({ calls, error, stop }: Answer, streamed: boolean): void {
  for (const { id, name, input } of calls) {
    assert.match(id, /^[A-Za-z0-9_-]{1,64}$/);
    assert.notEqual(name, '');
    const isObject = typeof input === 'object' && input !== null && !Array.isArray(input);
    const isBroken = streamed && typeof input === 'string' && /^(?:not JSON: )?\s*\{/.test(input);
    assert.ok(isObject || isBroken, `input of ${name}: ${input}`);
  }
  assert.equal(new Set(calls.map(({ id }) => id)).size, calls.length, 'ids differ');
  assert.equal(typeof (error?.type ?? stop), 'string', 'an answer says why it ended');
  if (error !== null) assert.match(String(error.message), /\S/);
}
