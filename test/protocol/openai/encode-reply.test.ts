import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createOpenAIEncoder, encodeOpenAIReply } from '../../../src/protocol/openai/encode-reply.ts';
import type { FinishReason, ReplyContext, ReplyEvent } from '../../../src/protocol/reply-events.ts';
import type { Usage } from '../../../src/types.ts';
import { chatContext } from '../../support/anthropic-to-openai.ts';
import { readChatStream, readWholeChatStream } from '../../support/openai-grammar.ts';
import { parseSse } from '../../support/sse.ts';

const usage: Usage = {
  inputTokens: 5,
  outputTokens: 7,
  cacheReadTokens: 2,
  cacheWriteTokens: 1,
  reasoningTokens: 3,
};
const START: ReplyEvent = { type: 'start', usage: null };
const FINISH: ReplyEvent = { type: 'finish', reason: 'stop', stopSequence: null };
const say = (text: string): ReplyEvent => ({ type: 'text', text });
const think = (text: string): ReplyEvent => ({ type: 'reasoning', text });
const call = (key: string, id = `call_${key}`, name = 'f'): ReplyEvent => ({
  type: 'tool-start',
  key,
  id,
  name,
});
const args = (key: string, json: string): ReplyEvent => ({ type: 'tool-arguments', key, json });

function encode(events: readonly ReplyEvent[], changes: Partial<ReplyContext> = {}): string {
  const encoder = createOpenAIEncoder(chatContext(changes));
  return events.map((event) => encoder.push(event)).join('');
}

function bodyOf(events: readonly ReplyEvent[], changes: Partial<ReplyContext> = {}) {
  const reply = encodeOpenAIReply(events, chatContext(changes));
  assert.ok('body' in reply);
  return reply.body as {
    choices: [{ message: Record<string, unknown>; finish_reason: string }];
    usage: unknown;
  };
}

test('a stream is exactly role, content, finish, usage and [DONE]', () => {
  const frames = parseSse(encode([START, say('Hi'), { type: 'usage', usage }, FINISH]));
  const head = {
    id: 'chatcmpl-test',
    object: 'chat.completion.chunk',
    created: 1_795_000_000,
    model: 'gpt-like',
  };
  const choice = (delta: object, finish_reason: string | null = null) => ({
    ...head,
    choices: [{ index: 0, delta, logprobs: null, finish_reason }],
    usage: null,
  });
  assert.deepEqual(
    frames.slice(0, -1).map((frame) => JSON.parse(frame.data)),
    [
      choice({ role: 'assistant', content: '' }),
      choice({ content: 'Hi' }),
      choice({}, 'stop'),
      {
        ...head,
        choices: [],
        usage: {
          prompt_tokens: 8,
          completion_tokens: 7,
          total_tokens: 15,
          prompt_tokens_details: { cached_tokens: 2, cache_write_tokens: 1 },
          completion_tokens_details: { reasoning_tokens: 3 },
        },
      },
    ],
  );
  assert.deepEqual(frames.at(-1), { event: '', data: '[DONE]' });
});

test('usage appears nowhere in a stream that did not ask for it (R-10)', () => {
  const text = encode([START, say('Hi'), { type: 'usage', usage }, FINISH], { streamUsage: false });
  assert.equal(readWholeChatStream(text, { usage: false }).ending, 'done');
  assert.doesNotMatch(text, /usage/);
});

test('the last usage counts, and that of the start when no other came (R-09)', () => {
  const later = { ...usage, outputTokens: 70 };
  const tokens = (events: readonly ReplyEvent[]) =>
    readWholeChatStream(encode(events)).usage?.completion_tokens;
  assert.equal(tokens([{ type: 'start', usage }, FINISH]), 7);
  assert.equal(tokens([{ type: 'start', usage }, { type: 'usage', usage: later }, FINISH]), 70);
  assert.equal(tokens([START, FINISH]), 0);
});

test('an answer without a start still begins with its role', () => {
  for (const events of [[say('Hi'), FINISH], [call('0'), FINISH], [FINISH]])
    readWholeChatStream(encode(events));
});

test('every finish reason has its word (R-08)', () => {
  const words: Readonly<Record<FinishReason, string>> = {
    stop: 'stop',
    'stop-sequence': 'stop',
    length: 'length',
    'tool-calls': 'stop',
    refusal: 'content_filter',
    pause: 'stop',
  };
  for (const [reason, word] of Object.entries(words)) {
    const finish: ReplyEvent = { type: 'finish', reason: reason as FinishReason, stopSequence: null };
    assert.equal(readWholeChatStream(encode([START, finish])).finish, word, reason);
  }
});

test('calls decide between stop and tool_calls, but not over length or refusal (P9)', () => {
  const finishOf = (reason: FinishReason) =>
    readWholeChatStream(encode([START, call('0'), { type: 'finish', reason, stopSequence: null }])).finish;
  assert.deepEqual((['stop', 'tool-calls', 'length', 'refusal'] as const).map(finishOf), [
    'tool_calls',
    'tool_calls',
    'length',
    'content_filter',
  ]);
});

test('reasoning goes out under one name, and not at all to clients that must not see it (R-02)', () => {
  const events = [START, think('Hm.'), say('Hi'), FINISH];
  assert.equal(readWholeChatStream(encode(events)).reasoning, 'Hm.');
  const hidden = encode(events, { showReasoning: false });
  assert.equal(readWholeChatStream(hidden).content, 'Hi');
  assert.doesNotMatch(hidden, /Hm|reasoning_content/);
  assert.equal(bodyOf(events).choices[0].message.reasoning_content, 'Hm.');
  assert.equal('reasoning_content' in bodyOf(events, { showReasoning: false }).choices[0].message, false);
});

test('texts on both sides of a call or of reasoning are parted by a blank line, others are not (R-01)', () => {
  const content = (...events: readonly ReplyEvent[]) =>
    readWholeChatStream(encode([START, ...events, FINISH])).content;
  assert.equal(content(say('a'), say('b')), 'ab');
  assert.equal(content(say('a'), call('0'), say('b'), say('c')), 'a\n\nbc');
  assert.equal(content(say('a'), think('x'), say('b')), 'a\n\nb');
  assert.equal(content(call('0'), say('a')), 'a');
});

test('interleaved calls keep their own indices from 0 and their own arguments (R-03, R-04)', () => {
  const { calls } = readWholeChatStream(
    encode([START, call('7'), call('9'), args('9', '{"b":'), args('7', '{"a":1}'), args('9', '2}'), FINISH]),
  );
  assert.deepEqual(
    calls.map(({ id, text }) => [id, text]),
    [
      ['call_7', '{"a":1}'],
      ['call_9', '{"b":2}'],
    ],
  );
});

test('a call without arguments gets empty ones at its end, or at the end of all (R-04)', () => {
  const events = [
    START,
    call('0'),
    args('0', ''),
    { type: 'tool-end', key: '0' },
    call('1'),
    FINISH,
  ] as const;
  const { calls } = readWholeChatStream(encode(events));
  assert.deepEqual(
    calls.map(({ text }) => text),
    ['{}', '{}'],
  );
  const [{ message }] = bodyOf(events).choices;
  assert.deepEqual(
    (message.tool_calls as { function: unknown }[]).map((one) => one.function),
    [
      { name: 'f', arguments: '{}' },
      { name: 'f', arguments: '{}' },
    ],
  );
});

test('arguments of no call, of an ended call, and a call started twice are ignored', () => {
  const { calls } = readWholeChatStream(
    encode([
      START,
      args('x', '{}'),
      call('0'),
      call('0'),
      args('0', '{}'),
      { type: 'tool-end', key: '0' },
      args('0', 'late'),
      FINISH,
    ]),
  );
  assert.deepEqual(
    calls.map(({ text }) => text),
    ['{}'],
  );
});

test('ids that were used before, or have a foreign form, are made anew (A-66)', () => {
  const used = new Set(['call_old', 'call_1']);
  const { calls } = readWholeChatStream(
    encode(
      [
        START,
        call('a', 'call_old'),
        call('b', 'fine'),
        call('c', 'fine'),
        call('d', 'a b'),
        call('e', ''),
        FINISH,
      ],
      {
        usedToolIds: used,
      },
    ),
  );
  assert.deepEqual(
    calls.map(({ id }) => id),
    ['call_2', 'fine', 'call_3', 'call_4', 'call_5'],
  );
});

test('names that were changed on the way out come back as the client knows them (R-15)', () => {
  const { calls } = readWholeChatStream(
    encode([START, call('0', 'call_0', 'fs_read_1a2b'), FINISH], {
      toolNames: new Map([['fs_read_1a2b', 'fs.read']]),
    }),
  );
  assert.equal(calls[0]?.name, 'fs.read');
});

test('calls of free-text tools go back as text, however the backend cut them (R-15)', () => {
  const changes = { customTools: new Set(['patch']) };
  const events = [
    START,
    call('0', 'c0', 'patch'),
    args('0', '{"inp'),
    args('0', 'ut":"a\\nb"}'),
    call('1', 'c1', 'f'),
    FINISH,
  ];
  const { calls } = readWholeChatStream(encode(events, changes));
  assert.deepEqual(
    calls.map(({ type, name, text }) => [type, name, text]),
    [
      ['custom', 'patch', 'a\nb'],
      ['function', 'f', '{}'],
    ],
  );
  assert.deepEqual(bodyOf(events, changes).choices[0].message.tool_calls, [
    { id: 'c0', type: 'custom', custom: { name: 'patch', input: 'a\nb' } },
    { id: 'c1', type: 'function', function: { name: 'f', arguments: '{}' } },
  ]);
});

test('a free-text call in another form than expected goes back as it came', () => {
  const { calls } = readWholeChatStream(
    encode([START, call('0', 'c0', 'patch'), args('0', '{"text":"x"'), FINISH], {
      customTools: new Set(['patch']),
    }),
  );
  assert.equal(calls[0]?.text, '{"text":"x"');
});

test('an error ends the stream in its own envelope, without [DONE] (R-11)', () => {
  const error = { code: 'backend_overloaded', message: 'Busy.' } as const;
  const stream = readWholeChatStream(
    encode([START, say('Hi'), { type: 'error', error }, say('late'), FINISH]),
  );
  assert.deepEqual(stream.error, { message: 'Busy.', type: 'server_error', code: 'service_unavailable' });
  assert.deepEqual([stream.ending, stream.content], ['error', 'Hi']);
});

test('nothing follows an ending, not even a keep-alive', () => {
  const encoder = createOpenAIEncoder(chatContext());
  assert.equal(encoder.keepAlive(), ': keepalive\n\n');
  encoder.push(FINISH);
  assert.deepEqual([encoder.push(say('late')), encoder.push(FINISH), encoder.keepAlive()], ['', '', '']);
});

test('a whole reply has content, or null beside calls (R-12)', () => {
  assert.deepEqual(bodyOf([START, say('Hi'), FINISH]).choices, [
    {
      index: 0,
      message: { role: 'assistant', content: 'Hi', refusal: null },
      logprobs: null,
      finish_reason: 'stop',
    } as never,
  ]);
  assert.equal(bodyOf([START, call('0'), FINISH]).choices[0].message.content, null);
  assert.equal(bodyOf([START, FINISH]).choices[0].message.content, '');
});

test('a whole reply that failed or never ended is its error', () => {
  const error = { code: 'rate_limited', message: 'Slow down.', retryAfterSeconds: 3 } as const;
  assert.deepEqual(encodeOpenAIReply([START, say('Hi'), { type: 'error', error }], chatContext()), { error });
  const truncated = encodeOpenAIReply([START, say('Hi')], chatContext());
  assert.equal('error' in truncated && truncated.error.code, 'backend_truncated');
});

const keys = fc.constantFrom('0', '1', '2');
const counted = fc.nat(1_000_000);
const anyUsage = fc.record({
  inputTokens: counted,
  outputTokens: counted,
  cacheReadTokens: counted,
  cacheWriteTokens: counted,
  reasoningTokens: counted,
});
const anyEvent = fc.oneof(
  fc.record({ type: fc.constant('start' as const), usage: fc.option(anyUsage) }),
  fc.record({ type: fc.constant('text' as const), text: fc.string({ unit: 'grapheme', maxLength: 6 }) }),
  fc.record({ type: fc.constant('reasoning' as const), text: fc.string({ maxLength: 6 }) }),
  fc.record({
    type: fc.constant('tool-start' as const),
    key: keys,
    id: fc.constantFrom('', 'call_0', 'call_1', 'bad id', 'used'),
    name: fc.constantFrom('f', 'g', 'patch'),
  }),
  fc.record({ type: fc.constant('tool-arguments' as const), key: keys, json: fc.string({ maxLength: 6 }) }),
  fc.record({ type: fc.constant('tool-end' as const), key: keys }),
  fc.record({ type: fc.constant('usage' as const), usage: anyUsage }),
);
const anyEnding = fc.oneof(
  fc.record({
    type: fc.constant('finish' as const),
    reason: fc.constantFrom<FinishReason>(
      'stop',
      'stop-sequence',
      'length',
      'tool-calls',
      'refusal',
      'pause',
    ),
    stopSequence: fc.constant(null),
  }),
  fc.constant({ type: 'error', error: { code: 'backend_failed', message: 'No.' } } as const),
);
const contexts = fc.record({ streamUsage: fc.boolean(), showReasoning: fc.boolean() });
const ids = { usedToolIds: new Set(['used']), customTools: new Set(['patch']) };

test('whatever events come in, the stream is legal at every moment', () => {
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 20 }), anyEnding, contexts, (events, ending, changes) => {
      const encoder = createOpenAIEncoder(chatContext({ ...changes, ...ids }));
      const expected = { usage: changes.streamUsage };
      let text = '';
      for (const event of [...events, ending]) {
        text += encoder.keepAlive() + encoder.push(event);
        readChatStream(text, expected);
      }
      const stream = readWholeChatStream(text, expected);
      assert.ok(stream.calls.every((one) => one.id !== 'used'));
    }),
    { numRuns: 400 },
  );
});

test('a stream added up is the whole reply', () => {
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 20 }), anyEnding, contexts, (events, ending, changes) => {
      const all = [...events, ending];
      const stream = readWholeChatStream(encode(all, { ...changes, ...ids, streamUsage: true }));
      const reply = encodeOpenAIReply(all, chatContext({ ...changes, ...ids }));
      if ('error' in reply) {
        assert.equal(stream.error?.message, reply.error.message);
        return;
      }
      const [{ message, finish_reason }] = (reply.body as ReturnType<typeof bodyOf>).choices;
      assert.equal(message.content ?? '', stream.content);
      assert.equal(message.reasoning_content ?? '', stream.reasoning);
      assert.equal(finish_reason, stream.finish);
      assert.deepEqual(reply.body.usage, stream.usage);
      const calls = (
        (message.tool_calls ?? []) as Record<string, { arguments?: string; input?: string; name: string }>[]
      ).map(({ id, type, function: fn, custom }) => ({
        id,
        type,
        name: (fn ?? custom)?.name,
        text: fn?.arguments ?? custom?.input,
      }));
      assert.deepEqual(calls, stream.calls);
    }),
    { numRuns: 400 },
  );
});
