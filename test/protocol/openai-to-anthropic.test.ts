/** What holds for every answer of an OpenAI-format backend to an Anthropic client (translation.md §14). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createAnthropicEncoder } from '../../src/protocol/anthropic/encode-reply.ts';
import { createOpenAIDecoder } from '../../src/protocol/openai/decode-reply.ts';
import { contentOf, readAnthropicStream, readWholeStream } from '../support/anthropic-grammar.ts';
import { answers, rubbish, toStream, toWhole } from '../support/openai-answers.ts';
import {
  chunk,
  decodeStream,
  replyContext,
  toFrame,
  translateReply,
  translateStream,
} from '../support/openai-to-anthropic.ts';

const places = fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { maxLength: 5 });

test('invariant 1: whatever the backend sends, the client gets a legal stream with one ending', () => {
  fc.assert(
    fc.property(fc.array(rubbish, { maxLength: 14 }), (chunks) => {
      readWholeStream(translateStream(chunks));
    }),
    { numRuns: 3000 },
  );
});

test('invariant 1: also at every moment in between', () => {
  fc.assert(
    fc.property(fc.array(rubbish, { maxLength: 8 }), (chunks) => {
      const decoder = createOpenAIDecoder();
      const encoder = createAnthropicEncoder(replyContext());
      let sent = '';
      for (const one of chunks) {
        for (const event of decoder.push(toFrame(one))) sent += encoder.push(event);
        readAnthropicStream(sent);
      }
    }),
    { numRuns: 500 },
  );
});

test('P7: no stream without a finish ends well', () => {
  const unfinished = rubbish.filter((one) => !/"finish_reason":"(?!")/.test(JSON.stringify(one)));
  fc.assert(
    fc.property(fc.array(unfinished, { maxLength: 10 }), (chunks) => {
      assert.equal(readWholeStream(translateStream(chunks)).ending, 'error');
    }),
    { numRuns: 500 },
  );
});

test('invariant 3: where the backend cuts its texts, and in what turn its calls come, changes nothing', () => {
  fc.assert(
    fc.property(answers, places, fc.boolean(), (answer, cuts, together) => {
      const cutUp = readWholeStream(translateStream(toStream(answer, cuts, together)));
      const plain = readWholeStream(translateStream(toStream(answer, [], false)));
      assert.deepEqual(contentOf(cutUp), contentOf(plain));
      assert.deepEqual([cutUp.delta, cutUp.usage], [plain.delta, plain.usage]);
    }),
  );
});

test('invariant 4: a stream put together is the whole reply', () => {
  fc.assert(
    fc.property(answers, places, fc.boolean(), (answer, cuts, together) => {
      const stream = readWholeStream(translateStream(toStream(answer, cuts, together)));
      const body = translateReply(toWhole(answer));
      assert.deepEqual(contentOf(stream), body.content);
      const { stop_reason, stop_sequence, usage } = body;
      assert.deepEqual([stream.delta, stream.usage], [{ stop_reason, stop_sequence }, usage]);
    }),
  );
});

test('nothing that the backend said is lost or added', () => {
  fc.assert(
    fc.property(answers, places, fc.boolean(), (answer, cuts, together) => {
      const { blocks } = readWholeStream(translateStream(toStream(answer, cuts, together)));
      const said = (type: string) => blocks.filter((block) => block.type === type).map((block) => block.text);
      assert.equal(said('text').join(''), answer.content);
      assert.equal(said('thinking').join(''), answer.reasoning);
      assert.deepEqual(
        said('tool_use'),
        answer.calls.map((one) => one.json),
      );
    }),
  );
});

test('invariant 8: the parts of the input add up to the prompt and are never negative', () => {
  const tokens = fc.nat({ max: 1_000_000 });
  const usage = fc.record(
    {
      prompt_tokens: tokens,
      completion_tokens: tokens,
      total_tokens: tokens,
      prompt_cache_hit_tokens: tokens,
      prompt_tokens_details: fc.record(
        { cached_tokens: tokens, cache_write_tokens: tokens },
        { requiredKeys: [] },
      ),
      completion_tokens_details: fc.record({ reasoning_tokens: tokens }),
    },
    { requiredKeys: ['prompt_tokens'] },
  );
  fc.assert(
    fc.property(usage, (counted) => {
      const { usage: told } = readWholeStream(
        translateStream([chunk({ content: 'a' }, 'stop', { usage: counted })]),
      );
      const { input_tokens, cache_read_input_tokens, cache_creation_input_tokens } = told as Record<
        string,
        number
      >;
      const parts = [input_tokens, cache_read_input_tokens, cache_creation_input_tokens] as number[];
      assert.ok(parts.every((part) => part >= 0));
      assert.equal(
        parts.reduce((sum, part) => sum + part, 0),
        counted.prompt_tokens,
      );
    }),
  );
});

test('invariant 9: fields nobody knows change nothing', () => {
  const unknown = fc.dictionary(
    fc.string({ minLength: 1, maxLength: 8 }).map((name) => `x_${name}`),
    fc.jsonValue(),
    { maxKeys: 3 },
  );
  const add = (value: unknown, more: object): unknown => {
    if (Array.isArray(value)) return value.map((one) => add(one, more));
    if (typeof value !== 'object' || value === null) return value;
    return {
      ...Object.fromEntries(Object.entries(value).map(([key, one]) => [key, add(one, more)])),
      ...more,
    };
  };
  fc.assert(
    fc.property(answers, unknown, (answer, more) => {
      const chunks = toStream(answer, [0.5], true);
      const extended = chunks.map((one) => add(one, more) as object | string);
      assert.equal(translateStream(extended), translateStream(chunks));
    }),
  );
});

test('invariant 10: every tool id is legal, new in the message and new in the conversation', () => {
  fc.assert(
    fc.property(fc.array(rubbish, { maxLength: 14 }), (chunks) => {
      const usedToolIds = new Set(['call_0', 'toolu_1', 'toolu_2']);
      // The checker refuses illegal and repeated ids by itself.
      const { blocks } = readWholeStream(translateStream(chunks, replyContext({ usedToolIds })));
      for (const { id } of blocks) if (id !== undefined) assert.ok(!usedToolIds.has(id));
    }),
    { numRuns: 500 },
  );
});

test('what is decoded has exactly one ending, and it comes last', () => {
  fc.assert(
    fc.property(fc.array(rubbish, { maxLength: 14 }), (chunks) => {
      const types = decodeStream(chunks).map((event) => event.type);
      const endings = types.filter((type) => type === 'finish' || type === 'error');
      assert.deepEqual(endings, [types.at(-1)]);
      assert.ok(types.filter((type) => type === 'start').length <= 1);
    }),
  );
});
