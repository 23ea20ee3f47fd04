/** Invariant 5 of translation.md §14: there and back again changes nothing but what is listed here. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readAnthropicRequest } from '../../src/protocol/anthropic/read-request.ts';
import { writeAnthropicRequest } from '../../src/protocol/anthropic/write-request.ts';
import { readOpenAIRequest } from '../../src/protocol/openai/read-request.ts';
import { writeOpenAIRequest } from '../../src/protocol/openai/write-request.ts';
import { PROFILES } from '../../src/protocol/profile.ts';
import { sha256 } from '../support/openai-to-anthropic.ts';

/*
 * Lost on the way, on purpose: thinking (OpenAI has no field for it, A-70), `is_error` (becomes a prefix of the text,
 * A-57), cache marks, borders between text blocks (one string, A-20), `metadata` (hashed, A-84), `top_k`.
 * None of these is generated below.
 */
const word = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }).map((text) => `w${text.trim()}w`);
const name = fc.constantFrom('Read', 'Write', 'mcp__server__look_up');
const json = fc.dictionary(fc.constantFrom('path', 'content', 'n'), fc.oneof(word, fc.integer()));

/** One round of a tool loop: the calls of a turn, each with its result. */
const round = fc.record({
  said: fc.option(word, { nil: undefined }),
  calls: fc.array(fc.record({ name, input: json, result: word }), { minLength: 1, maxLength: 3 }),
  note: fc.option(word, { nil: undefined }),
});

const request = fc
  .record({
    system: fc.option(word, { nil: undefined }),
    question: word,
    rounds: fc.array(round, { maxLength: 3 }),
    max_tokens: fc.integer({ min: 1, max: 9000 }),
    temperature: fc.option(fc.constantFrom(0, 0.5, 1), { nil: undefined }),
    stop_sequences: fc.option(fc.uniqueArray(word, { minLength: 1, maxLength: 4 }), { nil: undefined }),
    tool_choice: fc.constantFrom(
      undefined,
      { type: 'auto' },
      { type: 'any' },
      { type: 'none' },
      { type: 'tool', name: 'Read' },
    ),
    stream: fc.boolean(),
  })
  .map(({ system, question, rounds, ...fields }) => ({
    model: 'claude-3-5-haiku-latest',
    ...(system === undefined ? {} : { system: [{ type: 'text', text: system }] }),
    messages: [{ role: 'user', content: [{ type: 'text', text: question }] }, ...rounds.flatMap(toMessages)],
    tools: ['Read', 'Write', 'mcp__server__look_up'].map((tool) => ({
      name: tool,
      description: `Does ${tool}.`,
      input_schema: { type: 'object', properties: { path: { type: 'string' } } },
    })),
    ...Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)),
  }));

function toMessages(
  {
    said,
    calls,
    note,
  }: {
    said?: string | undefined;
    calls: { name: string; input: object; result: string }[];
    note?: string | undefined;
  },
  index: number,
) {
  const id = (n: number) => `toolu_${index}_${n}`;
  const text = (said?: string) => (said === undefined ? [] : [{ type: 'text', text: said }]);
  return [
    {
      role: 'assistant',
      content: [
        ...text(said),
        ...calls.map(({ name, input }, n) => ({ type: 'tool_use', id: id(n), name, input })),
      ],
    },
    {
      role: 'user',
      content: [
        ...calls.map(({ result }, n) => ({
          type: 'tool_result',
          tool_use_id: id(n),
          content: [{ type: 'text', text: result }],
        })),
        ...text(note),
      ],
    },
  ];
}

/** Strings and one-block lists mean the same; so do absent and empty. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).map(([key, inner]) => {
    const asBlocks = key === 'content' && typeof inner === 'string' ? [{ type: 'text', text: inner }] : inner;
    return [key, plain(asBlocks)];
  });
  return Object.fromEntries(fields);
}

test('invariant 5: an Anthropic request that goes to OpenAI’s form and back says the same', () => {
  fc.assert(
    fc.property(request, (original) => {
      const chat = writeOpenAIRequest(readAnthropicRequest(original), {
        model: 'm',
        profile: PROFILES.openai,
        hash: sha256,
      });
      const back = writeAnthropicRequest(readOpenAIRequest(chat.body), {
        model: original.model,
        maxOutputTokens: 1,
        profile: PROFILES.generic,
        hash: sha256,
      });
      assert.deepEqual(chat.dropped, []);
      const { thinking: _, ...body } = back.body as Record<string, unknown>;
      assert.deepEqual(plain(body), plain(original));
    }),
  );
});
