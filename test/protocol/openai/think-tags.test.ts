import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createThinkTagReader } from '../../../src/protocol/openai/think-tags.ts';
import type { ReplyEvent } from '../../../src/protocol/reply-events.ts';
import { chunk, decodeStream } from '../../support/openai-to-anthropic.ts';

/** All reasoning and all text, in pieces of the given lengths. */
function read(
  text: string,
  unopened = false,
  cuts: readonly number[] = [],
): { reasoning: string; text: string } {
  const reader = createThinkTagReader({ unopened });
  const events: ReplyEvent[] = [];
  let from = 0;
  for (const to of [...cuts.filter((cut) => cut < text.length).sort((a, b) => a - b), text.length]) {
    events.push(...reader.push(text.slice(from, to)));
    from = to;
  }
  events.push(...reader.flush());
  const all = (type: string) =>
    events.map((event) => ('text' in event && event.type === type ? event.text : '')).join('');
  return { reasoning: all('reasoning'), text: all('text') };
}

test('S-22 what stands between the tags at the beginning is reasoning', () => {
  assert.deepEqual(read('\n<think>why</think>so'), { reasoning: 'why', text: 'so' });
});

test('S-22 tags later in the answer are text', () => {
  assert.deepEqual(read('Use <think>x</think> tags'), { reasoning: '', text: 'Use <think>x</think> tags' });
  assert.deepEqual(read('<think>a</think>b<think>c'), { reasoning: 'a', text: 'b<think>c' });
});

test('S-22 a closing tag alone ends reasoning that the template opened', () => {
  assert.deepEqual(read('why</think>so', true), { reasoning: 'why', text: 'so' });
  assert.deepEqual(read('why</think>so', false), { reasoning: '', text: 'why</think>so' });
});

test('an answer that never closes what nobody opened is text', () => {
  assert.deepEqual(read('just text', true), { reasoning: '', text: 'just text' });
});

test('reasoning that is never closed stays reasoning', () => {
  assert.deepEqual(read('<think>endless</thi'), { reasoning: 'endless</thi', text: '' });
});

test('text is streamed as soon as it cannot be a tag', () => {
  const reader = createThinkTagReader({ unopened: false });
  assert.deepEqual(reader.push('<thi'), []);
  assert.deepEqual(reader.push('s is'), [{ type: 'text', text: '<this is' }]);
  assert.deepEqual(reader.push(' fine'), [{ type: 'text', text: ' fine' }]);
});

test('tags may be cut anywhere', () => {
  const answer = fc.array(fc.constantFrom('<think>', '</think>', '<', 'th', 'ink>', 'a', '\n', '/'), {
    maxLength: 8,
  });
  fc.assert(
    fc.property(answer, fc.array(fc.nat(40), { maxLength: 12 }), fc.boolean(), (parts, cuts, unopened) => {
      const text = parts.join('');
      assert.deepEqual(read(text, unopened, cuts), read(text, unopened));
    }),
  );
});

test('held text comes before the tool call that follows it', () => {
  const chunks = [
    chunk({ content: 'I will call.' }),
    chunk({ tool_calls: [{ index: 0, id: 'a1', function: { name: 'f', arguments: '{}' } }] }, 'tool_calls'),
  ];
  const events = decodeStream(chunks, { thinkTags: { unopened: true } });
  assert.deepEqual(
    events.map((event) => event.type),
    ['start', 'text', 'tool-start', 'tool-arguments', 'finish'],
  );
});

test('a tool call ends held reasoning, and without the option tags are text', () => {
  const chunks = [
    chunk({ content: '<think>plan' }),
    chunk({ tool_calls: [{ index: 0, id: 'a1', function: { name: 'f', arguments: '{}' } }] }, 'tool_calls'),
  ];
  const types = (events: readonly ReplyEvent[]) => events.slice(1).map((event) => event.type);
  const tagged = decodeStream(chunks, { thinkTags: { unopened: false } });
  assert.deepEqual(types(tagged), ['reasoning', 'tool-start', 'tool-arguments', 'finish']);
  assert.deepEqual(types(decodeStream(chunks)), ['text', 'tool-start', 'tool-arguments', 'finish']);
});
