import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createToolNames } from '../../src/protocol/tool-names.ts';
import { sha256 } from '../support/openai-to-anthropic.ts';

test('A-46 accepted names stay as they are', () => {
  const names = createToolNames(['Read', 'mcp__a__b-c', 'x'.repeat(64)], sha256);
  assert.equal(names.toSent('Read'), 'Read');
  assert.equal(names.changed.size, 0);
});

test('A-46 characters that backends refuse are replaced', () => {
  const names = createToolNames(['naïve tool.v2'], sha256);
  assert.match(names.toSent('naïve tool.v2'), /^na_ve_tool_v2_[0-9a-f]{8}$/);
});

test('A-46 two names that would collide are told apart by a longer hash', () => {
  const sameStart = (text: string) => `00000000${sha256(text)}`;
  const [one, two] = [`${'a'.repeat(70)}1`, `${'a'.repeat(70)}2`];
  const names = createToolNames([one, two], sameStart);
  assert.notEqual(names.toSent(one), names.toSent(two));
  assert.deepEqual([...names.changed.values()], [one, two]);
});

test('every name is accepted by backends, differs from all others, and can be told back', () => {
  const name = fc.oneof(fc.string({ minLength: 1, maxLength: 130 }), fc.stringMatching(/^[a-z]{60,70}$/));
  fc.assert(
    fc.property(fc.uniqueArray(name, { maxLength: 20 }), (given) => {
      const names = createToolNames(given, sha256);
      const sent = given.map(names.toSent);
      for (const one of sent) assert.match(one, /^[A-Za-z0-9_-]{1,64}$/);
      assert.equal(new Set(sent).size, given.length);
      assert.deepEqual(
        sent.map((one) => names.changed.get(one) ?? one),
        given,
      );
    }),
  );
});
