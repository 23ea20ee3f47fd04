import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ERRORS, type ErrorCode } from '../../../src/errors.ts';
import type { FinishReason, ReplyContext, ReplyEvent } from '../../../src/protocol/reply-events.ts';
import {
  createResponsesEncoder,
  encodeResponsesReply,
} from '../../../src/protocol/responses/encode-reply.ts';
import type { Usage } from '../../../src/types.ts';
import { encodeResponses, responsesContext } from '../../support/responses-context.ts';
import { readResponses, readWholeResponses } from '../../support/responses-grammar.ts';
import { parseSse } from '../../support/sse.ts';

const usage: Usage = {
  inputTokens: 5,
  outputTokens: 7,
  cacheReadTokens: 2,
  cacheWriteTokens: 1,
  reasoningTokens: 3,
};
const START: ReplyEvent = { type: 'start', usage: null };
const finish = (reason: FinishReason = 'stop'): ReplyEvent => ({
  type: 'finish',
  reason,
  stopSequence: null,
});
const say = (text: string): ReplyEvent => ({ type: 'text', text });
const think = (text: string): ReplyEvent => ({ type: 'reasoning', text });
const call = (key: string, name = 'f', id = `call_${key}`): ReplyEvent => ({
  type: 'tool-start',
  key,
  id,
  name,
});
const args = (key: string, json: string): ReplyEvent => ({ type: 'tool-arguments', key, json });
const FAILED: ReplyEvent = { type: 'error', error: { code: 'backend_failed', message: 'No.' } };

const read = (events: readonly ReplyEvent[], changes: Partial<ReplyContext> = {}) =>
  readWholeResponses(encodeResponses(events, responsesContext(changes)));

test('a stream is created, in progress, one item from its announcement to its end, and completed', () => {
  const events = parseSse(
    encodeResponses([START, say('Hel'), say('lo'), { type: 'usage', usage }, finish()]),
  );
  assert.deepEqual(
    events.map(({ event }) => event),
    [
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
    ],
  );
});

test('Codex reads the items as they are done, the Agents SDK those of the ending: both are the same', () => {
  const { items, response } = read([START, say('Hi'), call('0'), args('0', '{"a":1}'), finish('tool-calls')]);
  assert.deepEqual(items, [
    {
      id: 'msg_test_0',
      type: 'message',
      role: 'assistant',
      status: 'completed',
      content: [{ type: 'output_text', text: 'Hi', annotations: [], logprobs: [] }],
    },
    {
      id: 'fc_test_1',
      type: 'function_call',
      status: 'completed',
      call_id: 'call_0',
      name: 'f',
      arguments: '{"a":1}',
    },
  ]);
  assert.deepEqual(response?.output, items);
});

test('usage has every figure, as whole numbers, also where nobody counted', () => {
  assert.deepEqual(read([START, say('Hi'), { type: 'usage', usage }, finish()]).usage, {
    input_tokens: 8,
    input_tokens_details: { cached_tokens: 2 },
    output_tokens: 7,
    output_tokens_details: { reasoning_tokens: 3 },
    total_tokens: 15,
  });
  assert.deepEqual(read([START, say('Hi'), finish()]).usage, {
    input_tokens: 0,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: 0,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: 0,
  });
});

test('a response repeats what its request said', () => {
  const echo = { instructions: 'Be brief.', metadata: { a: 'b' }, temperature: 0.5 };
  const { response } = read([START, say('Hi'), finish()], { echo });
  const { instructions, metadata, temperature, store, model } = response ?? {};
  assert.deepEqual(
    [instructions, metadata, temperature, store, model],
    ['Be brief.', { a: 'b' }, 0.5, false, 'gpt-like'],
  );
});

test('a call of a tool in a namespace carries both its names', () => {
  const [item] = read([START, call('0', 'mcp__demo__add'), args('0', '{}'), finish()]).items;
  assert.deepEqual([item?.type, item?.namespace, item?.name], ['function_call', 'mcp__demo', 'add']);
});

test('a tool whose name had to be changed for the backend is called by the client’s', () => {
  const toolNames = new Map([['mcp__demo__a_12345678', 'mcp__demo__add']]);
  const [item] = read([START, call('0', 'mcp__demo__a_12345678'), finish()], { toolNames }).items;
  assert.deepEqual([item?.namespace, item?.name], ['mcp__demo', 'add']);
});

test('a tool of free text is called with its text, whatever pieces its JSON came in', () => {
  const patch = '*** Begin Patch\n"quoted" \\ ä';
  const json = JSON.stringify({ input: patch });
  const events = [
    START,
    call('0', 'apply_patch'),
    args('0', json.slice(0, 9)),
    args('0', json.slice(9)),
    finish(),
  ];
  assert.deepEqual(read(events).items, [
    {
      id: 'ctc_test_0',
      type: 'custom_tool_call',
      call_id: 'call_0',
      name: 'apply_patch',
      status: 'completed',
      input: patch,
    },
  ]);
});

test('free text that came without its JSON goes on as it is', () => {
  const [item] = read([START, call('0', 'apply_patch'), args('0', '*** Begin Patch'), finish()]).items;
  assert.equal(item?.input, '*** Begin Patch');
});

test('a search for tools has its arguments as an object', () => {
  const [item] = read([START, call('0', 'tool_search'), args('0', '{"query":"x"}'), finish()]).items;
  assert.deepEqual(
    [item?.type, item?.execution, item?.arguments],
    ['tool_search_call', 'client', { query: 'x' }],
  );
});

test('a call without arguments has an empty object', () => {
  assert.equal(read([START, call('0'), finish()]).items[0]?.arguments, '{}');
});

test('half a patch is not told of, half a function call is told as incomplete', () => {
  const { items, ending } = read([
    START,
    call('0'),
    args('0', '{"a":'),
    { type: 'tool-end', key: '0' },
    call('1', 'apply_patch'),
    args('1', '{"input":"*** Beg'),
    finish('length'),
  ]);
  assert.equal(ending, 'incomplete');
  assert.deepEqual(
    items.map(({ type, arguments: json }) => [type, json]),
    [['function_call', '{"a":']],
  );
  const [cut] = read([START, call('0'), args('0', '{"a":'), finish('length')]).items;
  assert.deepEqual([cut?.status, cut?.arguments], ['incomplete', '{"a":']);
});

test('the length limit is the only thing that leaves a response incomplete', () => {
  const endings: Readonly<Record<FinishReason, string>> = {
    stop: 'completed',
    'stop-sequence': 'completed',
    length: 'incomplete',
    'tool-calls': 'completed',
    refusal: 'completed',
    pause: 'completed',
  };
  for (const [reason, ending] of Object.entries(endings)) {
    assert.equal(read([START, say('Hi'), finish(reason as FinishReason)]).ending, ending, reason);
  }
});

test('a refusal is a message of a completed response, because Codex sends failed ones again', () => {
  const texts = (events: readonly ReplyEvent[]) =>
    read(events).items.map(({ content }) => JSON.stringify(content));
  assert.match(texts([START, finish('refusal')])[0] ?? '', /declined to go on/);
  const [said, sentence] = texts([START, say('I was saying'), finish('refusal')]);
  assert.match(said ?? '', /I was saying/);
  assert.match(sentence ?? '', /declined to go on/);
});

test('calls announced and none sent are a failure, not an empty answer', () => {
  assert.equal(
    read([START, finish('tool-calls')]).error?.message,
    'The backend announced a tool call and sent none.',
  );
});

test('a failure is one response.failed, with the code that makes Codex stop or try again', () => {
  const codeOf = (code: ErrorCode) =>
    read([START, { type: 'error', error: { code, message: 'Why.' } }]).error;
  const expected: readonly (readonly [ErrorCode, string])[] = [
    ['context_overflow', 'context_length_exceeded'],
    ['backend_overloaded', 'server_is_overloaded'],
    ['quota_exhausted', 'insufficient_quota'],
    ['rate_limited', 'rate_limit_exceeded'],
    ['invalid_request', 'invalid_prompt'],
    ['model_not_found', 'invalid_prompt'],
    ['backend_truncated', 'server_error'],
    ['shutting_down', 'server_error'],
  ];
  for (const [code, told] of expected) assert.deepEqual(codeOf(code), { code: told, message: 'Why.' });
  for (const code of Object.keys(ERRORS) as ErrorCode[]) assert.equal(codeOf(code)?.message, 'Why.');
});

test('a failure before anything was said is still a stream of its own', () => {
  assert.equal(read([FAILED]).ending, 'failed');
});

test('what keeps the client waiting is an event, which resets Codex’s idle timer, and never a comment', () => {
  const encoder = createResponsesEncoder(responsesContext());
  const first = encoder.keepAlive();
  assert.equal(readResponses(first).ending, 'open');
  const more =
    first + encoder.push(START) + encoder.keepAlive() + encoder.push(say('Hi')) + encoder.keepAlive();
  assert.equal(more.match(/event: response\.created/g)?.length, 1);
  assert.equal(more.match(/event: response\.in_progress/g)?.length, 3);
  assert.doesNotMatch(more, /^:/m);
  const ended = more + encoder.push(finish());
  assert.equal(readWholeResponses(ended).ending, 'completed');
  assert.equal(encoder.keepAlive(), '');
});

test('reasoning is shown to clients that asked for a summary, and to nobody else', () => {
  const events = [START, think('Hm.'), say('Hi'), finish()];
  const [shown] = read(events).items;
  assert.deepEqual(shown, {
    id: 'rs_test_0',
    type: 'reasoning',
    summary: [{ type: 'summary_text', text: 'Hm.' }],
  });
  const hidden = encodeResponses(events, responsesContext({ showReasoning: false }));
  assert.doesNotMatch(hidden, /Hm\.|reasoning_summary|rs_/);
});

test('reasoning is sealed with its signatures, shown or not', () => {
  const sealed: unknown[] = [];
  const sealReasoning = (parts: readonly unknown[]) => `sealed ${sealed.push(parts)}`;
  const events: readonly ReplyEvent[] = [
    START,
    think('One.'),
    { type: 'reasoning-signature', signature: 's1' },
    { type: 'redacted-reasoning', data: 'dark' },
    think('Two.'),
    say('Hi'),
    { type: 'reasoning-signature', signature: 's2' },
    call('0'),
    finish(),
  ];
  for (const showReasoning of [true, false]) {
    const items = read(events, { showReasoning, sealReasoning }).items.filter(
      ({ type }) => type === 'reasoning',
    );
    const shown = items.map(({ summary }) => JSON.stringify(summary));
    assert.deepEqual(
      shown,
      showReasoning ? ['[{"type":"summary_text","text":"One.\\n\\nTwo."}]', '[]'] : ['[]', '[]'],
    );
    assert.deepEqual(sealed.splice(0), [
      [
        { type: 'reasoning', text: 'One.', signature: 's1' },
        { type: 'redacted-reasoning', data: 'dark' },
        { type: 'reasoning', text: 'Two.', signature: '' },
      ],
      [{ type: 'reasoning', text: '', signature: 's2' }],
    ]);
  }
});

test('white space alone is no message', () => {
  const types = (events: readonly ReplyEvent[]) => read(events).items.map(({ type }) => type);
  assert.deepEqual(types([START, say('\n\n'), call('0'), finish()]), ['function_call']);
  assert.deepEqual(types([START, think('Hm.'), say('\n'), say('Hi'), finish()]), ['reasoning', 'message']);
});

test('parallel calls come one after the other', () => {
  const { items } = read([
    START,
    call('0'),
    args('0', '{"a":'),
    call('1'),
    args('1', '{"b":'),
    args('0', '1}'),
    args('1', '2}'),
    finish(),
  ]);
  assert.deepEqual(
    items.map((item) => item.arguments),
    ['{"a":1}', '{"b":2}'],
  );
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
const words = fc.string({ unit: 'grapheme', maxLength: 6 });
const anyEvent: fc.Arbitrary<ReplyEvent> = fc.oneof(
  fc.record({ type: fc.constant('start' as const), usage: fc.option(anyUsage) }),
  fc.record({ type: fc.constant('text' as const), text: words }),
  fc.record({ type: fc.constant('reasoning' as const), text: words }),
  fc.record({ type: fc.constant('reasoning-signature' as const), signature: words }),
  fc.record({ type: fc.constant('redacted-reasoning' as const), data: words }),
  fc.record({
    type: fc.constant('tool-start' as const),
    key: keys,
    id: fc.constantFrom('', 'call_0', 'call_1', 'bad id', 'used'),
    name: fc.constantFrom('f', 'apply_patch', 'mcp__demo__add', 'ns__patch', 'tool_search', 'unknown'),
  }),
  fc.record({
    type: fc.constant('tool-arguments' as const),
    key: keys,
    json: fc.oneof(words, fc.constantFrom('{', '}', '{"input":"', 'x"}', '{"a":1}')),
  }),
  fc.record({ type: fc.constant('tool-end' as const), key: keys }),
  fc.record({ type: fc.constant('usage' as const), usage: anyUsage }),
);
const anyEnding: fc.Arbitrary<ReplyEvent> = fc.oneof(
  fc
    .constantFrom<FinishReason>('stop', 'stop-sequence', 'length', 'tool-calls', 'refusal', 'pause')
    .map(finish),
  fc.constant(FAILED),
);
const contexts = fc
  .record({ showReasoning: fc.boolean(), seals: fc.boolean() })
  .map(({ showReasoning, seals }) => ({
    showReasoning,
    usedToolIds: new Set(['used']),
    sealReasoning: seals ? (parts: readonly unknown[]) => JSON.stringify(parts) : undefined,
  }));

test('whatever events come in, the stream is legal at every moment and ends once', () => {
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 20 }), anyEnding, contexts, (events, ending, changes) => {
      const encoder = createResponsesEncoder(responsesContext(changes));
      let text = '';
      for (const event of [...events, ending]) {
        text += encoder.keepAlive() + encoder.push(event);
        readResponses(text);
      }
      const stream = readWholeResponses(text);
      assert.equal(encoder.ending() === 'failed', stream.ending === 'failed');
      assert.ok(stream.items.every((item) => item.call_id !== 'used'));
      assert.equal(encoder.push(say('more')) + encoder.push(finish()) + encoder.keepAlive(), '');
    }),
    { numRuns: 600 },
  );
});

test('a stream added up is the whole reply', () => {
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 20 }), anyEnding, contexts, (events, ending, changes) => {
      const all = [...events, ending];
      const stream = read(all, changes);
      const reply = encodeResponsesReply(all, responsesContext(changes));
      if ('error' in reply) assert.equal(stream.error?.message, reply.error.message);
      else assert.deepEqual(JSON.parse(JSON.stringify(reply.body)), stream.response);
    }),
    { numRuns: 600 },
  );
});

test('events without an ending are a truncated answer', () => {
  const reply = encodeResponsesReply([START, say('Hi')], responsesContext());
  assert.ok('error' in reply);
  assert.equal(reply.error.code, 'backend_truncated');
});
