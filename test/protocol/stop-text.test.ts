import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ReplyEvent } from '../../src/protocol/reply-events.ts';
import { createStopText } from '../../src/protocol/stop-text.ts';

const USAGE = {
  inputTokens: 1,
  outputTokens: 2,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  reasoningTokens: 0,
};
const text = (words: string): ReplyEvent => ({ type: 'text', text: words });
const finish: ReplyEvent = { type: 'finish', reason: 'stop', stopSequence: null };
const stoppedBy = (stopSequence: string): ReplyEvent => ({
  type: 'finish',
  reason: 'stop-sequence',
  stopSequence,
});

const run = (stops: readonly string[], ...events: readonly ReplyEvent[]) => {
  const filter = createStopText(stops);
  return events.flatMap((event) => [...filter([event])]);
};
const textIn = (events: readonly ReplyEvent[]) =>
  events.map((event) => (event.type === 'text' ? event.text : '')).join('');

test('the text ends before the sequence, and the answer with it', () => {
  assert.deepEqual(run(['END'], text('one END two'), finish), [text('one '), stoppedBy('END')]);
});

test('a sequence cut in pieces is found, and none of it is shown', () => {
  assert.deepEqual(run(['END'], text('one E'), text('N'), text('D two')), [text('one '), stoppedBy('END')]);
});

test('text that only began like a sequence comes late but comes', () => {
  assert.deepEqual(run(['END'], text('one EN'), text('TER'), finish), [text('one '), text('ENTER'), finish]);
  assert.deepEqual(run(['END'], text('one EN'), finish), [text('one '), text('EN'), finish]);
});

test('held-back text comes before whatever follows it, but usage does not wait', () => {
  const call: ReplyEvent = { type: 'tool-start', key: '0', id: 'a', name: 'f' };
  const usage: ReplyEvent = { type: 'usage', usage: USAGE };
  assert.deepEqual(run(['END'], text('E'), usage, text('N'), call, text('D')), [
    usage,
    text('EN'),
    call,
    text('D'),
  ]);
});

test('of several sequences the one complete first counts, of those complete at once the longest', () => {
  assert.deepEqual(run(['bcd', 'c'], text('abcd')), [text('ab'), stoppedBy('c')]);
  assert.deepEqual(run(['c', 'bc'], text('abc')), [text('a'), stoppedBy('bc')]);
  assert.deepEqual(run(['bc', 'c'], text('abc')), [text('a'), stoppedBy('bc')]);
});

test('usage known with the rest of a whole reply is kept, everything else after the sequence is not', () => {
  const filter = createStopText(['END']);
  const usage: ReplyEvent = { type: 'usage', usage: USAGE };
  assert.deepEqual(filter([text('one END two'), usage, text('three'), finish]), [
    text('one '),
    usage,
    stoppedBy('END'),
  ]);
  assert.deepEqual(filter([text('four'), finish]), []);
});

test('an error lets go what was held back', () => {
  const error: ReplyEvent = { type: 'error', error: { code: 'backend_truncated', message: 'gone' } };
  assert.deepEqual(run(['END'], text('E'), error), [text('E'), error]);
});

test('an empty sequence stops nothing', () => {
  assert.deepEqual(run([''], text('one'), finish), [text('one'), finish]);
});

test('however the text is cut, the same is shown and the same sequence found', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 24 });
  const stops = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 4 }), {
    minLength: 1,
    maxLength: 4,
  });
  fc.assert(
    fc.property(letters, stops, fc.array(fc.nat(24)), (words, sequences, cuts) => {
      const places = [0, ...cuts.filter((cut) => cut < words.length).sort((a, b) => a - b), words.length];
      const cut = places.slice(1).map((end, index) => text(words.slice(places[index], end)));
      const whole = run(sequences, text(words), finish);
      const pieces = run(sequences, ...cut, finish);
      assert.equal(textIn(pieces), textIn(whole));
      assert.deepEqual(pieces.at(-1), whole.at(-1));
      assert.ok(!sequences.some((sequence) => textIn(whole).includes(sequence)));
    }),
  );
});
