/**
 * What a legal Chat Completions stream is, written from translation.md §9.1 and independent of the encoder: it
 * checks and adds up a stream as strictly as openai-node would, and stricter.
 */
import assert from 'node:assert/strict';

export interface ChatCall {
  readonly id: string;
  readonly type: 'function' | 'custom';
  readonly name: string;
  text: string;
}

/** A stream, checked and added up. */
export interface ChatStream {
  readonly content: string;
  readonly reasoning: string;
  readonly calls: readonly ChatCall[];
  readonly finish: string | null;
  readonly usage: Record<string, unknown> | null;
  readonly error: { message: string; type: string; code: string | null } | null;
  /** `done`: `[DONE]` was said; `error`: an error frame ended it; `open`: more must follow. */
  readonly ending: 'done' | 'error' | 'open';
}

interface Expectation {
  /** Whether the client asked for usage. Default true. */
  readonly usage?: boolean;
}

type Json = Record<string, unknown>;

/** Checks a stream that has ended. */
export function readWholeChatStream(text: string, expected: Expectation = {}): ChatStream {
  const stream = readChatStream(text, expected);
  assert.notEqual(stream.ending, 'open', 'the stream must end with [DONE] or an error');
  return stream;
}

/** Checks a stream or the beginning of one. */
export function readChatStream(text: string, { usage: wantsUsage = true }: Expectation = {}): ChatStream {
  assert.ok(text === '' || text.endsWith('\n\n'), 'no half frame may be sent');
  const seen = {
    content: '',
    reasoning: '',
    calls: [] as ChatCall[],
    finish: null as string | null,
    usage: null as Json | null,
    error: null as ChatStream['error'],
    ending: 'open' as ChatStream['ending'],
  };
  let head: Json | null = null;
  for (const frame of text.split('\n\n').slice(0, -1)) {
    if (frame.startsWith(':')) continue;
    assert.ok(frame.startsWith('data: ') && !frame.includes('\n'), `only data frames of one line: ${frame}`);
    assert.equal(seen.ending, 'open', 'nothing may follow the ending');
    const data = frame.slice('data: '.length);
    if (data === '[DONE]') {
      assert.notEqual(seen.finish, null, '[DONE] needs a finish before it');
      if (wantsUsage) assert.notEqual(seen.usage, null, 'usage was asked for');
      seen.ending = 'done';
      continue;
    }
    const chunk = JSON.parse(data) as Json;
    if (chunk.error !== undefined) {
      seen.error = readError(chunk);
      seen.ending = 'error';
      continue;
    }
    const { id, object, created, model, choices, usage, ...rest } = chunk;
    assert.deepEqual(rest, {}, 'no unknown keys');
    assert.equal(object, 'chat.completion.chunk');
    assert.ok(Number.isInteger(created) && typeof id === 'string' && typeof model === 'string');
    const isFirst = head === null;
    head ??= { id, created, model };
    assert.deepEqual({ id, created, model }, head, 'every chunk has the same head');
    assert.ok(Array.isArray(choices));
    if (choices.length === 0) {
      assert.ok(
        wantsUsage && seen.finish !== null && seen.usage === null,
        'one usage chunk, after the finish',
      );
      seen.usage = readUsage(usage as Json);
      continue;
    }
    assert.deepEqual('usage' in chunk, wantsUsage, 'usage: null in every chunk, only if asked for');
    if (wantsUsage) assert.equal(usage, null);
    assert.equal(seen.finish, null, 'nothing but usage follows the finish');
    assert.equal(choices.length, 1);
    readChoice(choices[0] as Json, isFirst, seen);
  }
  return seen;
}

function readChoice(
  choice: Json,
  isFirst: boolean,
  seen: { content: string; reasoning: string; calls: ChatCall[]; finish: string | null },
): void {
  const { index, delta, logprobs, finish_reason, ...rest } = choice;
  assert.deepEqual(rest, {});
  assert.equal(index, 0);
  assert.equal(logprobs, null);
  const { role, content, reasoning_content, tool_calls, ...others } = delta as Json;
  assert.deepEqual(others, {}, 'no unknown keys in a delta');
  if (isFirst) {
    assert.deepEqual(delta, { role: 'assistant', content: '' }, 'the role chunk comes first');
    return;
  }
  assert.equal(role, undefined, 'the role is said once');
  if (finish_reason !== null) {
    assert.deepEqual(delta, {}, 'the finish chunk says nothing else');
    assert.ok(['stop', 'length', 'tool_calls', 'content_filter'].includes(finish_reason as string));
    assert.ok(finish_reason !== 'tool_calls' || seen.calls.length > 0, 'tool_calls needs calls');
    for (const call of seen.calls) {
      if (call.type === 'function') assert.notEqual(call.text, '', 'arguments are never empty');
    }
    seen.finish = finish_reason as string;
    return;
  }
  assert.equal(Object.keys(delta as Json).length, 1, 'one thing per chunk');
  if (content !== undefined) seen.content += nonEmpty(content);
  if (reasoning_content !== undefined) seen.reasoning += nonEmpty(reasoning_content);
  if (tool_calls !== undefined) readCall(tool_calls as Json[], seen.calls);
}

function readCall(fragments: readonly Json[], calls: ChatCall[]): void {
  assert.equal(fragments.length, 1);
  const [{ index, id, type, function: fn, custom, ...rest } = {}] = fragments;
  assert.deepEqual(rest, {});
  const { name, arguments: args, input } = (fn ?? custom) as Json;
  const text = (fn === undefined ? input : args) as string;
  assert.equal(typeof text, 'string');
  const known = calls[index as number];
  if (known !== undefined) {
    assert.deepEqual([id, type, name], [undefined, undefined, undefined], 'id, type and name are said once');
    assert.equal(fn === undefined ? 'custom' : 'function', known.type);
    known.text += text;
    return;
  }
  assert.equal(index, calls.length, 'indices count up from 0');
  assert.equal(type, fn === undefined ? 'custom' : 'function');
  assert.equal(text, '');
  assert.match(id as string, /^[A-Za-z0-9_-]{1,64}$/);
  assert.ok(!calls.some((call) => call.id === id), 'ids are unique');
  assert.ok(typeof name === 'string' && name !== '');
  calls.push({ id: id as string, type: type as ChatCall['type'], name, text });
}

function nonEmpty(value: unknown): string {
  assert.ok(typeof value === 'string' && value !== '');
  return value;
}

function readUsage(usage: Json): Json {
  const { prompt_tokens, completion_tokens, total_tokens, prompt_tokens_details } = usage;
  for (const tokens of [prompt_tokens, completion_tokens, total_tokens]) {
    assert.ok(Number.isInteger(tokens) && (tokens as number) >= 0);
  }
  assert.equal(total_tokens, (prompt_tokens as number) + (completion_tokens as number));
  const { cached_tokens, cache_write_tokens } = prompt_tokens_details as Json;
  assert.ok((cached_tokens as number) + (cache_write_tokens as number) <= (prompt_tokens as number));
  return usage;
}

function readError(chunk: Json): ChatStream['error'] {
  assert.deepEqual(Object.keys(chunk), ['error']);
  const { message, type, param, code, ...rest } = chunk.error as Json;
  assert.deepEqual(rest, {});
  assert.equal(param, null);
  assert.ok(typeof message === 'string' && message !== '' && typeof type === 'string');
  assert.ok(code === null || typeof code === 'string');
  return { message, type, code };
}
