import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  createAnthropicEncoder,
  encodeAnthropicReply,
} from '../../../src/protocol/anthropic/encode-reply.ts';
import type { FinishReason, ReplyEvent } from '../../../src/protocol/reply-events.ts';
import { contentOf, readAnthropicStream, readWholeStream } from '../../support/anthropic-grammar.ts';
import { encodeStream, replyContext } from '../../support/openai-to-anthropic.ts';
import { text, thinking, toolUse } from '../../support/stream-fixture.ts';

const START: ReplyEvent = { type: 'start', usage: null };
const say = (words: string): ReplyEvent => ({ type: 'text', text: words });
const think = (words: string): ReplyEvent => ({ type: 'reasoning', text: words });
const begin = (key: string, name = 'f', id = `call_${key}`): ReplyEvent => ({
  type: 'tool-start',
  key,
  id,
  name,
});
const give = (key: string, json: string): ReplyEvent => ({ type: 'tool-arguments', key, json });
const finish = (reason: FinishReason = 'stop', stopSequence: string | null = null): ReplyEvent => ({
  type: 'finish',
  reason,
  stopSequence,
});
const FAILED: ReplyEvent = { type: 'error', error: { code: 'backend_overloaded', message: 'Busy.' } };
const USAGE = {
  inputTokens: 5,
  outputTokens: 7,
  cacheReadTokens: 11,
  cacheWriteTokens: 13,
  reasoningTokens: 2,
};

const contentFor = (...events: ReplyEvent[]) => contentOf(readWholeStream(encodeStream([START, ...events])));

function bodyFor(events: readonly ReplyEvent[], context = replyContext()): Record<string, unknown> {
  const reply = encodeAnthropicReply(events, context);
  assert.ok('body' in reply, JSON.stringify(reply));
  return reply.body as Record<string, unknown>;
}

// The stream as such

test('the frames of a plain answer, byte for byte', () => {
  const encoded = encodeStream([START, say('Hi'), { type: 'usage', usage: USAGE }, finish()]);
  assert.equal(
    encoded,
    [
      'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_test","type":"message","role":"assistant","model":"claude-opus-5-5","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":0,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0}}}',
      'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}',
      'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}',
      'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}',
      'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"input_tokens":5,"cache_creation_input_tokens":13,"cache_read_input_tokens":11,"output_tokens":7,"output_tokens_details":{"thinking_tokens":2}}}',
      'event: message_stop\ndata: {"type":"message_stop"}',
      '',
    ].join('\n\n'),
  );
});

test('S-61 the start says zeros, unless the backend had numbers by then', () => {
  const startOf = (event: ReplyEvent) => readAnthropicStream(encodeStream([event])).start?.usage;
  assert.deepEqual(startOf(START), {
    input_tokens: 0,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
    output_tokens: 0,
  });
  assert.equal((startOf({ type: 'start', usage: USAGE }) as { input_tokens: number }).input_tokens, 5);
});

test('S-62 where the backend never counts, the output is estimated from its length', () => {
  const stream = readWholeStream(encodeStream([START, say('twelve chars'), finish()]));
  assert.equal(stream.usage?.output_tokens, 3);
});

test('S-63 usage of every chunk is told once, at the end', () => {
  const usage = (outputTokens: number): ReplyEvent => ({ type: 'usage', usage: { ...USAGE, outputTokens } });
  const stream = readWholeStream(
    encodeStream([START, usage(1), say('a'), usage(2), say('b'), usage(3), finish()]),
  );
  assert.equal(stream.usage?.output_tokens, 3);
});

test('nothing follows an ending', () => {
  for (const ending of [finish(), FAILED]) {
    const encoder = createAnthropicEncoder(replyContext());
    encoder.push(START);
    encoder.push(ending);
    const later: string[] = [say('x'), begin('k'), FAILED, finish()].map((event) => encoder.push(event));
    assert.deepEqual([...later, encoder.keepAlive()], ['', '', '', '', '']);
  }
});

test('T-11 a ping may come at any moment before the end, even the first', () => {
  const encoder = createAnthropicEncoder(replyContext());
  let sent = encoder.keepAlive();
  for (const event of [START, think('a'), say('b'), begin('k'), give('k', '{}'), finish()]) {
    sent += encoder.push(event) + encoder.keepAlive();
  }
  assert.equal(readWholeStream(sent).pings, 6);
});

test('E-07 a failure ends the stream with a named event and leaves open blocks open', () => {
  const stream = readWholeStream(encodeStream([START, begin('k'), give('k', '{"a"'), FAILED]));
  assert.deepEqual(stream.error, { type: 'overloaded_error', message: 'Busy.' });
  assert.equal(stream.blocks[0]?.closed, false);
});

test('a failure before anything else is the only event', () => {
  const stream = readWholeStream(encodeStream([FAILED]));
  assert.deepEqual([stream.start, stream.error?.type], [null, 'overloaded_error']);
});

test('an answer whose start was never announced starts all the same', () => {
  assert.equal(readWholeStream(encodeStream([say('a'), finish()])).ending, 'message_stop');
});

// Text and thinking

test('S-04 white space before a tool call makes no block, before text it stays', () => {
  assert.deepEqual(contentFor(say('\n'), say('\n'), begin('k'), finish()), [toolUse('call_k', 'f', {})]);
  assert.deepEqual(contentFor(say('\n'), say(' a'), say(' '), finish()), [text('\n a ')]);
});

test('S-04 white space before a call is not kept for the text after it', () => {
  assert.deepEqual(
    contentFor(say('\n\n'), begin('k'), give('k', '{}'), say('a'), finish()).at(-1),
    text('a'),
  );
});

test('S-04 an answer of white space alone has no content', () => {
  assert.deepEqual(contentFor(say('\n\n'), finish()), []);
});

test('S-04 blank text does not cut thinking in two', () => {
  assert.deepEqual(contentFor(think('a'), say('\n'), think('b'), finish()), [thinking('ab')]);
});

test('S-05 text after a call is a block of its own', () => {
  assert.deepEqual(contentFor(begin('k'), give('k', '{}'), say('done'), finish()), [
    toolUse('call_k', 'f', {}),
    text('done'),
  ]);
});

test('S-21 thinking and text in turn are blocks in turn, each thinking signed once', () => {
  assert.deepEqual(contentFor(think('a'), say('b'), think('c'), think('d'), say('e'), finish()), [
    thinking('a'),
    text('b'),
    thinking('cd'),
    text('e'),
  ]);
});

test('S-23 thinking that the client did not ask for is not sent', () => {
  const events = [START, think('secret'), say('a'), think('secret'), say('b'), finish()];
  const sent = encodeStream(events, replyContext({ showReasoning: false }));
  assert.doesNotMatch(sent, /secret|thinking/);
  assert.deepEqual(contentOf(readWholeStream(sent)), [text('ab')]);
});

test('S-24 thinking alone is an answer', () => {
  const stream = readWholeStream(encodeStream([START, think('a'), finish('length')]));
  assert.deepEqual([contentOf(stream), stream.delta?.stop_reason], [[thinking('a')], 'max_tokens']);
});

// Tool calls

test('S-30 interleaved calls come one after the other', () => {
  const content = contentFor(
    begin('x', 'f'),
    give('x', '{"a":'),
    begin('y', 'g'),
    give('y', '{"b":'),
    give('x', '1}'),
    give('y', '2}'),
    finish('tool-calls'),
  );
  assert.deepEqual(content, [toolUse('call_x', 'f', { a: 1 }), toolUse('call_y', 'g', { b: 2 })]);
});

test('S-30 the first call streams while the second waits', () => {
  const encoder = createAnthropicEncoder(replyContext());
  for (const event of [START, begin('x'), begin('y')]) encoder.push(event);
  assert.match(encoder.push(give('x', '{"a":')), /input_json_delta/);
  assert.equal(encoder.push(give('y', '{"b":2}')), '');
  assert.match(encoder.push(give('x', '1}')), /content_block_stop.*content_block_start.*"b/s);
});

test('S-31 a new call alone does not close one whose arguments go on', () => {
  const content = contentFor(begin('x'), begin('y'), give('y', '{}'), give('x', '{"late":1}'), finish());
  assert.deepEqual(content, [toolUse('call_x', 'f', { late: 1 }), toolUse('call_y', 'f', {})]);
});

test('S-31 text in the middle of a call follows it', () => {
  const content = contentFor(
    begin('x'),
    give('x', '{"a":'),
    say('hm'),
    think('so'),
    give('x', '1}'),
    finish(),
  );
  assert.deepEqual(content, [toolUse('call_x', 'f', { a: 1 }), text('hm'), thinking('so')]);
});

test('S-31 held text waits until the arguments are whole, not only for their next piece', () => {
  const content = contentFor(
    begin('x'),
    give('x', '{"a":'),
    say('hm'),
    give('x', '1'),
    give('x', '}'),
    finish(),
  );
  assert.deepEqual(content, [toolUse('call_x', 'f', { a: 1 }), text('hm')]);
});

test('S-31 a late piece for a closed call is left out rather than corrupting it', () => {
  const content = contentFor(
    begin('x'),
    give('x', '{}'),
    begin('y'),
    give('x', 'junk'),
    give('y', '{}'),
    finish(),
  );
  assert.deepEqual(content, [toolUse('call_x', 'f', {}), toolUse('call_y', 'f', {})]);
});

test('S-31 a late piece for a call that text has followed is left out too', () => {
  const content = contentFor(begin('x'), give('x', '{}'), say('a'), give('x', 'junk'), say('b'), finish());
  assert.deepEqual(content, [toolUse('call_x', 'f', {}), text('ab')]);
});

test('a call that begins twice is one call', () => {
  assert.deepEqual(contentFor(begin('x'), begin('x', 'g'), give('x', '{}'), finish()), [
    toolUse('call_x', 'f', {}),
  ]);
});

test('a call that the backend has ended makes way for the next at once', () => {
  const encoder = createAnthropicEncoder(replyContext());
  for (const event of [START, begin('x'), begin('y')]) encoder.push(event);
  assert.match(encoder.push({ type: 'tool-end', key: 'x' }), /"\{\}".*call_y/s);
});

test('pieces for a call that never began are left out', () => {
  assert.deepEqual(contentFor(give('ghost', '{}'), { type: 'tool-end', key: 'ghost' }, say('a'), finish()), [
    text('a'),
  ]);
});

test('S-37 a call without arguments has the empty object', () => {
  const stream = readWholeStream(encodeStream([START, begin('x'), give('x', ''), finish()]));
  assert.equal(stream.blocks[0]?.text, '{}');
});

for (const [json, input] of [
  ['true', { __unparsed_arguments: 'true' }],
  ['-', { __unparsed_arguments: '-' }],
  [' [1, {"a": 2}]', { __unparsed_arguments: ' [1, {"a": 2}]' }],
  ['"no, \\"never\\"', { __unparsed_arguments: '"no, \\"never\\"' }],
  ['null', {}],
  [' \n ', {}],
  ['"{\\"a\\":1}"', { a: 1 }],
  [' \n{"a":1}', { a: 1 }],
] as const) {
  test(`arguments that vLLM sent are an object in a stream as in a whole reply: ${JSON.stringify(json)}`, () => {
    const pieces = [...json].map((piece) => give('0', piece));
    const events = [START, begin('0'), ...pieces, begin('1'), give('1', '{}'), finish('tool-calls')];
    const streamed = contentOf(readWholeStream(encodeStream(events)));
    assert.deepEqual(
      streamed.map((block) => block.input),
      [input, {}],
    );
    assert.deepEqual(streamed, bodyFor(events).content);
  });
}

test('arguments that begin an object are sent on with every piece', () => {
  const encoded = encodeStream([START, begin('0'), give('0', ' '), give('0', '{"a"'), give('0', ':1')]);
  assert.deepEqual(encoded.match(/"partial_json":"(?:[^"\\]|\\.)*"/g), [
    String.raw`"partial_json":" {\"a\""`,
    '"partial_json":":1"',
  ]);
});

test('S-38 broken arguments pass through a stream unrepaired', () => {
  const stream = readWholeStream(encodeStream([START, begin('x'), give('x', '{"a": tru'), finish('length')]));
  assert.equal(stream.blocks[0]?.text, '{"a": tru');
});

test('S-41 a name that was shortened on the way out is restored, an unknown one passes', () => {
  const context = replyContext({ toolNames: new Map([['short_1', 'mcp__server__long']]) });
  const stream = readWholeStream(
    encodeStream([START, begin('x', 'short_1'), begin('y', 'new'), finish()], context),
  );
  assert.deepEqual(
    stream.blocks.map((block) => block.name),
    ['mcp__server__long', 'new'],
  );
});

test('A-66 ids that are empty, illegal, repeated or of an earlier turn are replaced', () => {
  const context = replyContext({ usedToolIds: new Set(['call_old', 'toolu_1']) });
  const ids = ['', 'functions.f:0', 'call_a', 'call_a', 'call_old', 'x'.repeat(65), 'chatcmpl-tool-1'];
  const events = ids.map((id, i) => begin(String(i), 'f', id));
  const stream = readWholeStream(encodeStream([START, ...events, finish()], context));
  assert.deepEqual(
    stream.blocks.map((block) => block.id),
    ['toolu_2', 'toolu_3', 'call_a', 'toolu_4', 'toolu_5', 'toolu_6', 'chatcmpl-tool-1'],
  );
});

test('A-66 ids stay unique even where the minting repeats itself', () => {
  const context = replyContext({ mintToolId: () => 'toolu_same' });
  const stream = readWholeStream(
    encodeStream([START, ...['1', '2', '3'].map((k) => begin(k, 'f', '')), finish()], context),
  );
  assert.equal(new Set(stream.blocks.map((block) => block.id)).size, 3);
});

// Stop reasons

const STOPS: readonly [name: string, events: ReplyEvent[], stop: string][] = [
  ['stop with a call is tool_use', [begin('k'), finish('stop')], 'tool_use'],
  ['stop with text is end_turn', [say('a'), finish('stop')], 'end_turn'],
  ['stop with nothing is end_turn', [finish('stop')], 'end_turn'],
  ['tool-calls with a call is tool_use', [begin('k'), finish('tool-calls')], 'tool_use'],
  ['tool-calls with text only is end_turn', [say('a'), finish('tool-calls')], 'end_turn'],
  [
    'length in the middle of a call is max_tokens',
    [begin('k'), give('k', '{"a'), finish('length')],
    'max_tokens',
  ],
  ['a filter is a refusal', [say('a'), finish('refusal')], 'refusal'],
  ['a named sequence is stop_sequence', [say('a'), finish('stop-sequence', 'END')], 'stop_sequence'],
  ['a named sequence after a call is tool_use', [begin('k'), finish('stop-sequence', 'END')], 'tool_use'],
  ['a pause is pause_turn', [say('a'), finish('pause')], 'pause_turn'],
];

for (const [name, events, stop] of STOPS) {
  test(`§5.5 ${name}`, () => {
    const stream = readWholeStream(encodeStream([START, ...events]));
    assert.equal(stream.delta?.stop_reason, stop);
    assert.equal(stream.delta?.stop_sequence, stop === 'stop_sequence' ? 'END' : null);
    assert.equal(bodyFor([START, ...events]).stop_reason, stop);
  });
}

test('S-50 a refusal carries its details', () => {
  const stream = readWholeStream(encodeStream([START, finish('refusal')]));
  assert.deepEqual(stream.delta?.stop_details, { type: 'refusal', category: null, explanation: null });
});

test('P7 announced calls that never come, and no text, are a failure', () => {
  const events = [START, think('a'), finish('tool-calls')];
  assert.equal(readWholeStream(encodeStream(events)).ending, 'error');
  assert.ok('error' in encodeAnthropicReply(events, replyContext()));
});

// Whole replies

test('S-70 a whole reply names the asked model and has no blank text', () => {
  const body = bodyFor([
    START,
    say(' '),
    think('why'),
    begin('k'),
    { type: 'usage', usage: USAGE },
    finish(),
  ]);
  assert.deepEqual(body, {
    id: 'msg_test',
    type: 'message',
    role: 'assistant',
    model: 'claude-opus-5-5',
    content: [thinking('why'), toolUse('call_k', 'f', {})],
    stop_reason: 'tool_use',
    stop_sequence: null,
    usage: {
      input_tokens: 5,
      cache_creation_input_tokens: 13,
      cache_read_input_tokens: 11,
      output_tokens: 7,
      output_tokens_details: { thinking_tokens: 2 },
    },
  });
});

const INPUTS: readonly [name: string, json: string, reason: FinishReason, input: object][] = [
  [
    'S-38 broken arguments are handed on for the client to refuse',
    '{"a":',
    'stop',
    { __unparsed_arguments: '{"a":' },
  ],
  ['S-38 arguments cut by the length limit are empty', '{"a":', 'length', {}],
  ['S-38 whole arguments before the length limit stay', '{"a":1}', 'length', { a: 1 }],
  ['S-39 arguments encoded twice are read', '"{\\"a\\":1}"', 'stop', { a: 1 }],
  ['S-43 a list is no object', '[1]', 'stop', { __unparsed_arguments: '[1]' }],
  ['S-43 a text is no object', '"x"', 'stop', { __unparsed_arguments: '"x"' }],
  ['S-43 null is the empty object', 'null', 'stop', {}],
];

for (const [name, json, reason, input] of INPUTS) {
  test(name, () => {
    const { content } = bodyFor([START, begin('k'), give('k', json), finish(reason)]);
    assert.deepEqual(content, [{ type: 'tool_use', id: 'call_k', name: 'f', input }]);
  });
}

test('a failure after content makes the whole reply a failure', () => {
  assert.deepEqual(encodeAnthropicReply([START, say('a'), FAILED], replyContext()), {
    error: { code: 'backend_overloaded', message: 'Busy.' },
  });
});

test('events without an ending are a failure', () => {
  const reply = encodeAnthropicReply([START, say('a')], replyContext());
  assert.ok('error' in reply && reply.error.code === 'backend_truncated');
});
