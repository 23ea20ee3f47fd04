/** Conversations of OpenAI clients, good and bad, as Claude gets them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { assertAcceptable } from '../../support/claude-body-rules.ts';
import { calling, result, toClaude, user } from '../../support/claude-request.ts';

const words = fc.constantFrom('Hi.', 'Go on.', ' ', '', 'x\n');
const callIds = fc.constantFrom('call_0', 'call_1', 'call_0_2', 'functions.f:0', 'toolu_x');
const toolNames = fc.constantFrom('f', 'g', 'fs.read', `mcp__${'long'.repeat(20)}`);
const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,aGk=' } };

const message = fc.oneof(
  words.map(user),
  words.map((text) => user([{ type: 'text', text }, image])),
  words.map((content) => ({ role: 'system', content })),
  fc.record({ content: fc.option(words), reasoning: words }).map(({ content, reasoning }) => ({
    role: 'assistant',
    content,
    reasoning_content: reasoning,
  })),
  fc
    .array(fc.tuple(callIds, toolNames, fc.constantFrom('{}', '', '{"a":1}', '{"half', '[1]')), {
      minLength: 1,
      maxLength: 3,
    })
    .map((calls) => ({ ...calling(...calls), content: 'I call.' })),
  fc.tuple(callIds, words).map(([id, text]) => result(id, text)),
  fc.record({ role: fc.constant('function'), name: toolNames, content: words }),
);
const conversations = fc.array(message, { minLength: 1, maxLength: 14 });
const wishes = fc.record(
  {
    tools: fc.constant([{ type: 'function', function: { name: 'f' } }]),
    tool_choice: fc.constantFrom('auto', 'required', 'none'),
    parallel_tool_calls: fc.boolean(),
    reasoning_effort: fc.constantFrom('none', 'low', 'max'),
    temperature: fc.constantFrom(0, 1, 2),
    top_p: fc.constantFrom(0.1, 1),
    top_k: fc.constant(5),
    max_tokens: fc.integer({ min: 1, max: 100_000 }),
    stop: fc.constantFrom('END', ' '),
  },
  { requiredKeys: [] },
);
const models = fc.constantFrom(
  'claude-opus-5-5',
  'claude-fable-5-2',
  'claude-opus-4-6',
  'claude-sonnet-4-5',
  'claude-3-5-haiku-20241022',
);

test('whatever an OpenAI client sends, Claude gets a body that it accepts', () => {
  fc.assert(
    fc.property(conversations, wishes, models, (messages, more, model) => {
      assertAcceptable(toClaude({ messages, ...more }, model).body);
    }),
    { numRuns: 1000 },
  );
});

test('equal requests give equal bytes (P5)', () => {
  fc.assert(
    fc.property(conversations, wishes, models, (messages, more, model) => {
      const once = JSON.stringify(toClaude({ messages, ...more }, model).body);
      assert.equal(JSON.stringify(toClaude(structuredClone({ messages, ...more }), model).body), once);
    }),
  );
});

test('a conversation that grows begins as it did before, so that caches hold', () => {
  fc.assert(
    fc.property(conversations, conversations, (before, after) => {
      // What follows an answered turn: an open call would get its results, a beginning its rest.
      const past = [...before, user('Question.')];
      const short = toClaude({ messages: past }).body.messages;
      const long = toClaude({ messages: [...past, { role: 'assistant', content: 'Answer.' }, ...after] }).body
        .messages;
      assert.deepEqual(long.slice(0, short.length), short);
    }),
    { numRuns: 500 },
  );
});

test('every call and result of the history is still there, under one id', () => {
  const messages = [
    user('Go.'),
    calling(['call_0', 'f', '{"n":1}'], ['call_1', 'g']),
    result('call_1', 'second'),
    result('call_0', 'first'),
    calling(['call_0', 'f', '{"n":2}']),
    result('call_0', 'third'),
  ];
  const { body } = toClaude({ messages });
  assertAcceptable(body);
  const blocks = body.messages.flatMap(({ content }) => content);
  const answerOf = (id: unknown) => blocks.find((block) => block.tool_use_id === id)?.content;
  const pairs = blocks
    .filter((block) => block.type === 'tool_use')
    .map((block) => [JSON.stringify(block.input), answerOf(block.id)]);
  assert.deepEqual(pairs, [
    ['{"n":1}', [{ type: 'text', text: 'first' }]],
    ['{}', [{ type: 'text', text: 'second' }]],
    ['{"n":2}', [{ type: 'text', text: 'third' }]],
  ]);
});
