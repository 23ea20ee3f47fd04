import assert from 'node:assert/strict';
import { test } from 'node:test';
import { promptPrefix, sessionOf } from '../../src/protocol/conversation-key.ts';
import { scanRequest } from '../../src/protocol/scan-request.ts';

function prefix(body: unknown): string {
  const bytes = new TextEncoder().encode(JSON.stringify(body));
  return promptPrefix(bytes, scanRequest(bytes));
}

const user = (content: unknown) => ({ role: 'user', content });
const assistant = { role: 'assistant', content: 'Meow.' };
const system = { role: 'system', content: 'You are a cat.' };

for (const [what, first, later] of [
  [
    'Messages',
    { model: 'm', system: 'You are a cat.', messages: [user('hi')], max_tokens: 5 },
    { model: 'm', system: 'You are a cat.', messages: [user('hi'), assistant, user('again')], max_tokens: 9 },
  ],
  [
    'Chat Completions',
    { model: 'm', messages: [system, user('hi')] },
    { model: 'm', messages: [system, user('hi'), assistant, user('again')], stream: true },
  ],
  [
    'Responses',
    { model: 'm', instructions: 'You are a cat.', input: [user('hi')] },
    { model: 'm', instructions: 'You are a cat.', input: [user('hi'), assistant, user('again')] },
  ],
] as const) {
  test(`${what}: every turn of a conversation begins alike`, () => {
    assert.equal(prefix(first), prefix(later));
  });

  test(`${what}: another first word is another conversation`, () => {
    const [list, turns] =
      'messages' in first ? (['messages', first.messages] as const) : (['input', first.input] as const);
    const other = { ...first, [list]: [...turns.slice(0, -1), user('bye')] };
    assert.notEqual(prefix(first), prefix(other));
  });
}

test('Responses with a text as input has a prefix too', () => {
  assert.equal(prefix({ model: 'm', input: 'hi' }), '"hi"');
});

test('whatever stands there, the prefix is bounded', () => {
  const long = 'x'.repeat(100_000);
  assert.ok(prefix({ model: 'm', system: long, messages: [user(long)] }).length <= 2 * 2048 + 1);
  for (const odd of [null, 7, {}, [], [[]], [null], 'text'])
    assert.equal(typeof prefix({ messages: odd }), 'string');
});

test('the client’s own name for its session counts first', () => {
  assert.equal(sessionOf({ 'x-claude-code-session-id': 'abc' }), 'abc');
  assert.equal(sessionOf({ 'session-id': 'codex' }), 'codex');
  assert.equal(sessionOf({ 'session-id': '' }), null);
  assert.equal(sessionOf({}), null);
});
