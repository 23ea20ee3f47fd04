import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  createAnthropicDecoder,
  decodeAnthropicReply,
} from '../../../src/protocol/anthropic/decode-reply.ts';
import {
  type BackendEvent,
  block,
  chatContext,
  decodeEvents,
  messageEnd,
  messageStart,
  PING,
  STOP,
  textBlock,
  thinkingBlock,
  toBackendBytes,
  toolBlock,
  translateEvents,
  translateMessage,
  translatePieces,
} from '../../support/anthropic-to-openai.ts';
import { cutAt } from '../../support/chunks.ts';
import { readWholeChatStream } from '../../support/openai-grammar.ts';

const whole = (content: readonly object[], more: object = {}) => ({
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'claude-sonnet-4-5',
  content,
  stop_reason: 'end_turn',
  stop_sequence: null,
  usage: { input_tokens: 20, output_tokens: 9 },
  ...more,
});

test('the events of a plain answer, one by one', () => {
  const usage = {
    inputTokens: 20,
    outputTokens: 1,
    cacheReadTokens: 0,
    cacheWriteTokens: 0,
    reasoningTokens: 0,
  };
  assert.deepEqual(decodeEvents([messageStart(), PING, ...textBlock(0, 'a', '', 'b'), ...messageEnd()]), [
    { type: 'start', usage },
    { type: 'text', text: 'a' },
    { type: 'text', text: 'b' },
    { type: 'usage', usage: { ...usage, outputTokens: 9 } },
    { type: 'finish', reason: 'stop', stopSequence: null },
  ]);
});

test('a stop sequence is named', () => {
  const events = decodeEvents([messageStart(), ...messageEnd('stop_sequence', { stop_sequence: 'END' })]);
  assert.deepEqual(events.at(-1), { type: 'finish', reason: 'stop-sequence', stopSequence: 'END' });
});

test('an event is known by its data, and by its name where the data has no type (T-07)', () => {
  const decoder = createAnthropicDecoder();
  const { type: _, ...untyped } = messageStart();
  assert.equal(decoder.push({ event: 'message_start', data: JSON.stringify(untyped) })[0]?.type, 'start');
  const misnamed = { event: 'ping', data: JSON.stringify({ type: 'message_stop' }) };
  assert.equal(decoder.push(misnamed)[0]?.type, 'finish');
});

test('after its ending a stream says nothing more', () => {
  const decoder = createAnthropicDecoder();
  for (const event of [messageStart(), STOP]) decoder.push({ event: '', data: JSON.stringify(event) });
  assert.deepEqual(decoder.push({ event: '', data: JSON.stringify(messageStart({ id: 'other' })) }), []);
  assert.deepEqual(decoder.push({ event: 'error', data: '{"type":"error","error":{}}' }), []);
  assert.deepEqual(decoder.end(), []);
});

test('what is no JSON is skipped, three in a row are too much (T-05)', () => {
  const decoder = createAnthropicDecoder();
  const noise = { event: '', data: '<p>' };
  const ping = { event: 'ping', data: '{"type":"ping"}' };
  assert.deepEqual(
    [noise, noise, ping, noise, noise].flatMap((frame) => decoder.push(frame)),
    [],
  );
  const [error] = decoder.push(noise);
  assert.ok(error?.type === 'error' && error.error.code === 'backend_failed');
});

test('a bare JSON error in place of a stream is that error (T-05)', () => {
  const body = JSON.stringify({ type: 'error', error: { type: 'rate_limit_error', message: 'Slow.' } });
  const stream = readWholeChatStream(translatePieces([new TextEncoder().encode(body)]));
  assert.deepEqual(stream.error, { message: 'Slow.', type: 'rate_limit_error', code: 'rate_limit_exceeded' });
});

test('a whole reply is read like its stream, order and all', () => {
  const message = whole(
    [
      { type: 'thinking', thinking: 'Hm.', signature: 'EqQB' },
      { type: 'text', text: 'I look.' },
      { type: 'server_tool_use', id: 'srv_1', name: 'web_search', input: { q: 1 } },
      { type: 'text', text: 'Seen.' },
      { type: 'tool_use', id: 'toolu_a', name: 'f', input: { a: 1 } },
      { type: 'tool_use', id: 'toolu_b', name: 'g', input: {} },
    ],
    { stop_reason: 'tool_use' },
  );
  assert.deepEqual(translateMessage(message), {
    id: 'chatcmpl-test',
    object: 'chat.completion',
    created: 1_795_000_000,
    model: 'gpt-like',
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: 'I look.\n\nSeen.',
          refusal: null,
          reasoning_content: 'Hm.',
          tool_calls: [
            { id: 'toolu_a', type: 'function', function: { name: 'f', arguments: '{"a":1}' } },
            { id: 'toolu_b', type: 'function', function: { name: 'g', arguments: '{}' } },
          ],
        },
        logprobs: null,
        finish_reason: 'tool_calls',
      },
    ],
    usage: {
      prompt_tokens: 20,
      completion_tokens: 9,
      total_tokens: 29,
      prompt_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: 0 },
    },
  });
});

test('a whole refusal without content carries its explanation', () => {
  const stop_details = { type: 'refusal', explanation: 'Declined.' };
  const events = decodeAnthropicReply(whole([], { stop_reason: 'refusal', stop_details }));
  assert.deepEqual(events.slice(1), [
    { type: 'text', text: 'Declined.' },
    { type: 'finish', reason: 'refusal', stopSequence: null },
  ]);
});

test('an error under status 200, and anything that is no message, is a failure', () => {
  const overloaded = decodeAnthropicReply({
    type: 'error',
    error: { type: 'overloaded_error', message: 'Busy.' },
  });
  assert.deepEqual(overloaded, [{ type: 'error', error: { code: 'backend_overloaded', message: 'Busy.' } }]);
  for (const body of [null, 'x', [], {}, { type: 'message' }, { content: 'text' }, { choices: [] }]) {
    const [event, ...rest] = decodeAnthropicReply(body);
    assert.ok(event?.type === 'error' && event.error.code === 'backend_failed', JSON.stringify(body));
    assert.deepEqual(rest, []);
  }
});

interface Said {
  readonly block: Record<string, unknown>;
  readonly events: (index: number) => readonly BackendEvent[];
}

const pieces = fc.array(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 4 }), {
  minLength: 1,
  maxLength: 3,
});
const input = fc.dictionary(fc.constantFrom('a', 'b'), fc.jsonValue({ maxDepth: 1 }));
const saidText = pieces.map(
  (texts): Said => ({
    block: { type: 'text', text: texts.join('') },
    events: (index) => textBlock(index, ...texts),
  }),
);
const saidThinking = pieces.map(
  (texts): Said => ({
    block: { type: 'thinking', thinking: texts.join(''), signature: 'EqQB' },
    events: (index) => thinkingBlock(index, ...texts),
  }),
);
const saidTool = fc
  .record({
    id: fc.constantFrom('toolu_a', 'toolu_b', 'used', 'b d'),
    name: fc.constantFrom('f', 'g'),
    input,
  })
  .map((tool): Said => {
    const json = JSON.stringify(tool.input);
    return {
      block: { type: 'tool_use', ...tool },
      events: (index) =>
        toolBlock(index, tool.id, tool.name, ...(json === '{}' ? [] : [json.slice(0, 3), json.slice(3)])),
    };
  });
const saidHidden = fc.constant<Said>({
  block: { type: 'server_tool_use', id: 's', name: 'web_search', input: {} },
  events: (index) => block(index, { type: 'server_tool_use', id: 's', name: 'web_search', input: {} }),
});
const tokens = fc.nat(100_000);
const usages = fc.record(
  {
    input_tokens: tokens,
    output_tokens: tokens,
    cache_read_input_tokens: tokens,
    cache_creation_input_tokens: tokens,
  },
  { requiredKeys: ['input_tokens', 'output_tokens'] },
);
const answers = fc.record({
  said: fc.array(fc.oneof(saidText, saidThinking, saidTool, saidHidden), { maxLength: 6 }),
  stop_reason: fc.constantFrom('end_turn', 'tool_use', 'max_tokens', 'refusal', 'pause_turn', 'novel'),
  usage: usages,
});
const ids = { usedToolIds: new Set(['used']) };

const toStream = ({
  said,
  stop_reason,
  usage,
}: {
  said: readonly Said[];
  stop_reason: string;
  usage: object;
}) => [
  messageStart({}, { ...usage, output_tokens: 1 }),
  ...said.flatMap((one, index) => one.events(index)),
  ...messageEnd(stop_reason, {}, usage),
];

test('a stream and the whole reply of the same content are the same to the client', () => {
  fc.assert(
    fc.property(answers, (answer) => {
      const stream = readWholeChatStream(translateEvents(toStream(answer), chatContext(ids)));
      const { said, ...rest } = answer;
      const body = translateMessage(
        whole(
          said.map((one) => one.block),
          rest,
        ),
        chatContext(ids),
      );
      const [{ message, finish_reason }] = body.choices as [
        { message: Record<string, unknown>; finish_reason: string },
      ];
      assert.equal(message.content ?? '', stream.content);
      assert.equal(message.reasoning_content ?? '', stream.reasoning);
      assert.equal(finish_reason, stream.finish);
      assert.deepEqual(body.usage, stream.usage);
      const calls = (
        (message.tool_calls ?? []) as { id: string; type: string; function: Record<string, string> }[]
      ).map((one) => ({ id: one.id, type: one.type, name: one.function.name, text: one.function.arguments }));
      assert.deepEqual(calls, stream.calls);
    }),
  );
});

test('the three kinds of prompt tokens add up to prompt_tokens', () => {
  fc.assert(
    fc.property(answers, (answer) => {
      const { usage } = readWholeChatStream(translateEvents(toStream(answer)));
      const { input_tokens, cache_read_input_tokens = 0, cache_creation_input_tokens = 0 } = answer.usage;
      assert.equal(
        usage?.prompt_tokens,
        input_tokens + cache_read_input_tokens + cache_creation_input_tokens,
      );
    }),
  );
});

test('bytes cut anywhere, and streams cut off anywhere, stay legal', () => {
  fc.assert(
    fc.property(answers, fc.array(fc.nat(3000), { maxLength: 8 }), fc.nat(3000), (answer, cuts, length) => {
      const bytes = toBackendBytes(toStream(answer));
      const uncut = translatePieces([bytes]);
      assert.equal(translatePieces(cutAt(bytes, cuts)), uncut);
      const short = readWholeChatStream(translatePieces([bytes.subarray(0, length)]));
      if (short.ending === 'done') assert.equal(translatePieces([bytes.subarray(0, length)]), uncut);
    }),
  );
});

test('events lost, doubled or made up never break the stream of the client', () => {
  const changes = fc.array(fc.tuple(fc.nat(40), fc.constantFrom('drop', 'double', 'junk')), { maxLength: 5 });
  const junk = fc.dictionary(
    fc.constantFrom('type', 'index', 'delta', 'content_block', 'message', 'usage', 'error'),
    fc.jsonValue(),
  );
  fc.assert(
    fc.property(answers, changes, junk, (answer, edits, strange) => {
      const events: BackendEvent[] = toStream(answer);
      for (const [at, edit] of edits) {
        const index = at % Math.max(events.length, 1);
        if (edit === 'drop') events.splice(index, 1);
        else events.splice(index, 0, edit === 'junk' ? strange : (events[index] ?? PING));
      }
      readWholeChatStream(translateEvents(events, chatContext(ids)));
    }),
    { numRuns: 400 },
  );
});

test('unknown fields anywhere change nothing', () => {
  fc.assert(
    fc.property(answers, fc.jsonValue(), (answer, value) => {
      const events = toStream(answer);
      const extended = events.map((event) =>
        typeof event === 'string' ? event : { ...event, zz_new: value },
      );
      assert.equal(translateEvents(extended), translateEvents(events));
    }),
  );
});
