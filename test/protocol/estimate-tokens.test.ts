import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { estimateTokens } from '../../src/protocol/estimate-tokens.ts';

const request = (text: string, more = {}) => ({ messages: [{ role: 'user', content: text }], ...more });

test('English prose is never estimated below its usual four characters a token', () => {
  const prose = 'The quick brown fox jumps over the lazy dog and goes on. '.repeat(100);
  assert.ok(estimateTokens(request(prose)) >= prose.length / 4);
});

test('more text never counts less', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (a, b) => {
      assert.ok(estimateTokens(request(a + b)) >= estimateTokens(request(a)));
    }),
  );
});

test('system, tools and tool results count', () => {
  const plain = estimateTokens(request('hi'));
  assert.ok(estimateTokens(request('hi', { system: 'x'.repeat(350) })) >= plain + 100);
  assert.ok(
    estimateTokens(request('hi', { tools: [{ name: 'a', description: 'x'.repeat(350) }] })) >= plain + 100,
  );
});

test('an image counts as one, whatever its size', () => {
  const image = (data: string) => [
    { type: 'image', source: { type: 'base64', media_type: 'image/png', data } },
  ];
  const small = estimateTokens({ messages: [{ role: 'user', content: image('AA==') }] });
  const large = estimateTokens({ messages: [{ role: 'user', content: image('A'.repeat(1_000_000)) }] });
  assert.equal(large, small);
  assert.ok(small >= 1600);
});

test('anything that is no request counts as little as it says', () => {
  for (const odd of [null, undefined, 7, 'x', [], { messages: 'none' }]) assert.ok(estimateTokens(odd) >= 0);
});
