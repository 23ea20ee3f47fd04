import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Conversation, Turn } from '../../src/protocol/conversation.ts';
import { estimatePart } from '../../src/protocol/estimate-tokens.ts';
import { readResponsesRequest } from '../../src/protocol/responses/read-request.ts';
import { truncateTurns } from '../../src/protocol/truncate.ts';

type Item = Record<string, unknown>;

const LONG = 'word '.repeat(200);
const user = (text: string): Item => ({ role: 'user', content: text });
const assistant = (text: string): Item => ({ role: 'assistant', content: text });
const developer = (text: string): Item => ({ role: 'developer', content: text });
const call = (id: string): Item => ({ type: 'function_call', call_id: id, name: 'f', arguments: '{}' });
const output = (id: string): Item => ({ type: 'function_call_output', call_id: id, output: LONG });

const read = (input: readonly Item[]): Conversation =>
  readResponsesRequest({ model: 'm', instructions: 'Be brief.', truncation: 'auto', input });

/** What a turn is, in a few letters: the first word of a text, the ids of calls and results. */
const sketch = (turn: Turn): string =>
  turn.role === 'system'
    ? `system ${turn.text}`
    : turn.parts
        .map((part) => {
          if (part.type === 'text') return `${turn.role} ${part.text.split(' ')[0]}`;
          return part.type === 'tool-call' || part.type === 'tool-result'
            ? `${part.type} ${part.id}`
            : part.type;
        })
        .join(', ');

function cut(input: readonly Item[], tokens: number, promptTokens: number | null = null) {
  return truncateTurns(read(input), { tokens, promptTokens })?.map(sketch) ?? null;
}

const EXCHANGES = [
  user(`first ${LONG}`),
  assistant(`answer ${LONG}`),
  user(`second ${LONG}`),
  call('a'),
  output('a'),
  assistant('done'),
  developer('Mind the gap.'),
  user('third'),
];

test('whole exchanges go from the beginning, and instructions stay where they are', () => {
  assert.deepEqual(cut(EXCHANGES, 800), [
    'user second',
    'tool-call a',
    'tool-result a',
    'assistant done',
    'system Mind the gap.',
    'user third',
  ]);
  assert.deepEqual(cut(EXCHANGES, 200), ['system Mind the gap.', 'user third']);
});

test('where the last question alone is left, its oldest steps go, and the last one stays', () => {
  const steps = [user('question'), call('a'), output('a'), call('b'), output('b'), call('c'), output('c')];
  assert.deepEqual(cut(steps, 700), [
    'user question',
    'tool-call b',
    'tool-result b',
    'tool-call c',
    'tool-result c',
  ]);
  assert.deepEqual(cut(steps, 400), ['user question', 'tool-call c', 'tool-result c']);
  assert.equal(cut(steps, 200), null, 'the last step is what is to be answered');
});

test('a question that is too long by itself is not cut', () => {
  assert.equal(cut([user(LONG.repeat(3))], 100), null);
  assert.equal(cut([developer(LONG), user('question')], 100), null);
});

test('the count of the backend decides how much goes, unless it stopped counting early', () => {
  const words = Array.from({ length: 20 }, (_, index) => user(`${index} ${LONG}`));
  const kept = (tokens: number, counted: number | null) => cut(words, tokens, counted)?.length ?? 0;
  const estimated = estimatePart(read(words).turns);
  assert.ok(Math.abs(kept(estimated / 2, null) - 10) <= 1);
  assert.ok(Math.abs(kept(estimated / 2, estimated * 2) - 5) <= 1);
  assert.equal(kept(estimated / 2, 10), kept(estimated / 2, estimated * 0.7));
});

test('a result whose call is gone goes as well, however late it came', () => {
  const late = [user(LONG), call('a'), user('meanwhile'), output('a'), assistant('done'), user('last')];
  assert.deepEqual(cut(late, 450), ['user meanwhile', 'assistant done', 'user last']);
});

test('whatever is cut, the rest stands in its order, with every call answered and the last question in it', () => {
  const arbitrary = fc.array(fc.constantFrom('question', 'answer', 'step', 'system'), { maxLength: 12 });
  fc.assert(
    fc.property(arbitrary, fc.integer({ min: 0, max: 4000 }), (kinds, tokens) => {
      const input = kinds.flatMap((kind, index): Item[] => {
        if (kind === 'question') return [user(`q${index} ${LONG}`)];
        if (kind === 'answer') return [assistant(`a${index} ${LONG}`)];
        if (kind === 'system') return [developer('Mind.')];
        return [call(`c${index}`), output(`c${index}`)];
      });
      const conversation = read([...input, user('last')]);
      const turns = truncateTurns(conversation, { tokens, promptTokens: null });
      if (turns === null) return;
      const before = conversation.turns.map(sketch);
      const after = turns.map(sketch);
      assert.ok(after.length < before.length);
      let at = 0;
      for (const one of after) {
        at = before.indexOf(one, at) + 1;
        assert.ok(at > 0, `${one} in its order`);
      }
      assert.equal(after.at(-1), 'user last');
      const parts = turns.flatMap((turn) => (turn.role === 'system' ? [] : [...turn.parts]));
      const ids = (type: string) =>
        parts.flatMap((part) => (part.type === type && 'id' in part ? [part.id] : []));
      assert.deepEqual(ids('tool-call'), ids('tool-result'));
      assert.ok(estimatePart([conversation.system, conversation.tools, turns]) <= Math.max(tokens, 0) + 1);
    }),
  );
});
