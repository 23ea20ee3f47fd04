/**
 * An independent checker of Anthropic streams (translation.md §5.1), stricter than any client: it reads the bytes
 * itself and shares no code with the encoder.
 */
import assert from 'node:assert/strict';

type Json = Record<string, unknown>;

export interface ReadBlock {
  readonly type: string;
  /** All text deltas, thinking deltas or argument pieces, put together. */
  text: string;
  readonly id?: string;
  readonly name?: string;
  signature?: string;
  closed: boolean;
}

export interface ReadStream {
  readonly ending: 'message_stop' | 'error' | 'open';
  readonly start: Json | null;
  readonly blocks: readonly ReadBlock[];
  /** `message_delta`: `delta` and `usage`. */
  readonly delta: Json | null;
  readonly usage: Json | null;
  readonly error: Json | null;
  readonly pings: number;
}

const ID = /^[A-Za-z0-9_-]{1,64}$/;

/** Fails unless the text is a legal stream, whole or cut between two frames. */
export function readAnthropicStream(text: string): ReadStream {
  const state = {
    phase: 'before' as 'before' | 'content' | 'delta' | 'ended',
    ending: 'open' as ReadStream['ending'],
    start: null as Json | null,
    blocks: [] as ReadBlock[],
    delta: null as Json | null,
    usage: null as Json | null,
    error: null as Json | null,
    pings: 0,
  };
  for (const { event, data } of framesOf(text)) {
    assert.notEqual(state.phase, 'ended', `nothing follows an ending, but ${event} did`);
    const step = STEPS[event];
    assert.ok(step, `"${event}" is not an event of this format`);
    step(state, data);
  }
  return state;
}

/** As {@link readAnthropicStream}, and the stream must have ended. */
export function readWholeStream(text: string): ReadStream {
  const stream = readAnthropicStream(text);
  assert.notEqual(stream.ending, 'open', 'the stream ends in message_stop or error');
  return stream;
}

/** The message a client would put together, as the non-streamed body's content. */
export function contentOf(stream: ReadStream): Json[] {
  return stream.blocks.map((block) => {
    if (block.type === 'text') return { type: 'text', text: block.text };
    if (block.type === 'thinking') {
      return { type: 'thinking', thinking: block.text, signature: block.signature };
    }
    return { type: 'tool_use', id: block.id, name: block.name, input: parse(block.text) };
  });
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return `not JSON: ${json}`;
  }
}

function framesOf(text: string): { event: string; data: Json }[] {
  if (text === '') return [];
  assert.ok(text.endsWith('\n\n'), 'the text ends with a whole frame');
  return text
    .slice(0, -2)
    .split('\n\n')
    .map((block) => {
      const lines = block.split('\n');
      assert.equal(lines.length, 2, `a frame is an event line and a data line: ${block}`);
      const event = /^event: (.+)$/s.exec(lines[0] ?? '')?.[1];
      const json = /^data: (.+)$/s.exec(lines[1] ?? '')?.[1];
      assert.ok(event && json, `a frame is an event line and a data line: ${block}`);
      const data = JSON.parse(json) as Json;
      assert.equal(data.type, event, 'the data repeats the name of its event');
      return { event, data };
    });
}

interface State {
  phase: 'before' | 'content' | 'delta' | 'ended';
  ending: ReadStream['ending'];
  start: Json | null;
  blocks: ReadBlock[];
  delta: Json | null;
  usage: Json | null;
  error: Json | null;
  pings: number;
}

const STEPS: Record<string, (state: State, data: Json) => void> = {
  ping: (state) => {
    state.pings++;
  },
  message_start: (state, data) => {
    assert.equal(state.phase, 'before', 'message_start comes first and once');
    const message = data.message as Json;
    assert.match(String(message.id), /./);
    assert.deepEqual(
      [message.type, message.role, message.content, message.stop_reason, message.stop_sequence],
      ['message', 'assistant', [], null, null],
    );
    assertUsage(message.usage as Json);
    state.start = message;
    state.phase = 'content';
  },
  content_block_start: (state, data) => {
    assert.equal(state.phase, 'content', 'blocks come between message_start and message_delta');
    assert.equal(openBlock(state), undefined, 'one block is open at a time');
    assert.equal(data.index, state.blocks.length, 'indices count from 0 without gaps');
    state.blocks.push(readStart(data.content_block as Json, state.blocks));
  },
  content_block_delta: (state, data) => {
    const block = openBlock(state);
    assert.ok(block, 'a delta belongs to an open block');
    assert.equal(data.index, state.blocks.length - 1, 'a delta belongs to the open block');
    readDelta(block, data.delta as Json);
  },
  content_block_stop: (state, data) => {
    const block = openBlock(state);
    assert.ok(block, 'only an open block is closed');
    assert.equal(data.index, state.blocks.length - 1, 'the open block is closed');
    if (block.type === 'text') assert.match(block.text, /\S/, 'a text block is never blank');
    if (block.type === 'thinking') assert.match(block.signature ?? '', /^gw1\./, 'thinking is signed');
    if (block.type === 'tool_use') assert.notEqual(block.text, '', 'a tool call has arguments');
    block.closed = true;
  },
  message_delta: (state, data) => {
    assert.equal(state.phase, 'content', 'message_delta comes once, after message_start');
    assert.equal(openBlock(state), undefined, 'every block is closed before message_delta');
    const delta = data.delta as Json;
    assert.equal(typeof delta.stop_reason, 'string');
    assert.ok('stop_sequence' in delta);
    const hasTool = state.blocks.some((block) => block.type === 'tool_use');
    if (delta.stop_reason === 'tool_use') assert.ok(hasTool, 'tool_use needs a tool');
    if (delta.stop_reason === 'end_turn') assert.ok(!hasTool, 'a tool call is no end of the turn');
    assertUsage(data.usage as Json);
    state.delta = delta;
    state.usage = data.usage as Json;
    state.phase = 'delta';
  },
  message_stop: (state) => {
    assert.equal(state.phase, 'delta', 'message_stop follows message_delta');
    state.phase = 'ended';
    state.ending = 'message_stop';
  },
  error: (state, data) => {
    assert.notEqual(state.phase, 'delta', 'an answer that was complete does not fail');
    const error = data.error as Json;
    assert.equal(typeof error.type, 'string');
    assert.equal(typeof error.message, 'string');
    assert.equal(typeof data.request_id, 'string');
    state.error = error;
    state.phase = 'ended';
    state.ending = 'error';
  },
};

function openBlock(state: State): ReadBlock | undefined {
  const last = state.blocks.at(-1);
  return last?.closed === false ? last : undefined;
}

function readStart(block: Json, before: readonly ReadBlock[]): ReadBlock {
  if (block.type === 'text') {
    assert.deepEqual(block, { type: 'text', text: '' });
    return { type: 'text', text: '', closed: false };
  }
  if (block.type === 'thinking') {
    assert.deepEqual(block, { type: 'thinking', thinking: '', signature: '' });
    return { type: 'thinking', text: '', closed: false };
  }
  assert.equal(block.type, 'tool_use');
  assert.deepEqual(block.input, {});
  const id = String(block.id);
  const name = String(block.name);
  assert.match(id, ID, 'a tool id every client can send back');
  assert.notEqual(name, '', 'a tool has a name');
  assert.ok(!before.some((one) => one.id === id), 'tool ids differ within a message');
  return { type: 'tool_use', text: '', id, name, closed: false };
}

const DELTAS: Record<string, [type: string, field: string]> = {
  text_delta: ['text', 'text'],
  thinking_delta: ['thinking', 'thinking'],
  input_json_delta: ['tool_use', 'partial_json'],
};

function readDelta(block: ReadBlock, delta: Json): void {
  assert.equal(block.signature, undefined, 'nothing follows the signature');
  if (delta.type === 'signature_delta') {
    assert.equal(block.type, 'thinking');
    block.signature = String(delta.signature);
    return;
  }
  const kind = DELTAS[String(delta.type)];
  assert.ok(kind, `unknown delta ${delta.type}`);
  assert.equal(block.type, kind[0], `a ${delta.type} in a ${block.type} block`);
  const text = delta[kind[1]];
  assert.ok(typeof text === 'string' && text !== '', 'a delta carries text');
  block.text += text;
}

function assertUsage(usage: Json): void {
  const fields = [
    'input_tokens',
    'cache_creation_input_tokens',
    'cache_read_input_tokens',
    'output_tokens',
  ] as const;
  for (const field of fields) {
    const count = usage[field];
    assert.ok(typeof count === 'number' && Number.isInteger(count) && count >= 0, `${field} is a count`);
  }
}
