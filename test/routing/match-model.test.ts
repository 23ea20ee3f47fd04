import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isModelName, matchModel, readModelName } from '../../src/routing/match-model.ts';

const none = () => [];

const VARIANTS: readonly [string, string | null][] = [
  ['claude-3-opus', 'opus'],
  ['claude-3-5-haiku-latest', 'haiku'],
  ['claude-3-7-sonnet-20250219', 'sonnet'],
  ['claude-opus-4-1-20250805', 'opus'],
  ['claude-haiku-4-5-20251001', 'haiku'],
  ['claude-haiku-5-5', 'haiku'],
  ['claude-fable-5-2', 'fable'],
  ['claude-sonnet-5-5[1m]', 'sonnet'],
  ['claude-opus-9.3', 'opus'],
  ['anthropic/claude-haiku-5-5', 'haiku'],
  ['us.anthropic.claude-haiku-4-5-20251001-v1:0', 'haiku'],
  ['Claude-Haiku-5-5', 'haiku'],
  ['claude-haiku-4-5@20251001', 'haiku'],
  ['claude-3', null],
  ['claude-', null],
  ['claude', null],
  ['claude-opus-haiku', null],
  ['claude-haiku-opus-5', null],
  ['claude-haiku-5-5-opus', null],
  ['claude-haiku/../claude-opus', null],
  ['claude-haiku-5-5,claude-opus-5-5', null],
  ['claude-haiku-123456789', null],
];

for (const [name, variant] of VARIANTS) {
  test(`"${name}" is read as ${variant ?? 'no exact variant of'} Claude`, () => {
    const model = readModelName(name);
    assert.equal(model.family, 'claude');
    assert.equal(model.variant, variant);
  });
}

for (const name of [
  'gpt-4',
  'gpt-5.6-mini',
  'chatgpt-4o-latest',
  'o3',
  'o4-mini',
  'openai/gpt-9',
  'codex-mini-1',
]) {
  test(`"${name}" is read as a GPT name`, () => assert.equal(readModelName(name).family, 'gpt'));
}

for (const name of ['qwen3-32b', 'gpt', 'not-claude-opus', 'gpt-4 ', 'xclaude-3-opus', 'o', 'gpt-../x']) {
  test(`"${name}" belongs to no family`, () => assert.equal(readModelName(name).family, 'other'));
}

test('a name that is too long, empty, no text or not printable is no model name', () => {
  for (const odd of [
    '',
    'a'.repeat(257),
    'a b',
    'a\nb',
    'a\u0000',
    'müller',
    7,
    null,
    undefined,
    {},
    ['gpt-4'],
  ]) {
    assert.equal(isModelName(odd), false, JSON.stringify(odd));
  }
});

test('a pattern with a star matches literally around it', () => {
  assert.equal(matchModel('llama-3.*', readModelName('llama-3.1'), none), 'llama-3.1');
  assert.equal(matchModel('llama-3.*', readModelName('llama-3x1'), none), null);
});

test('a backend prefix is cut off, and must not be all there is', () => {
  assert.equal(matchModel('axon/*', readModelName('axon/fast'), none), 'fast');
  assert.equal(matchModel('axon/*', readModelName('axon/'), none), null);
  assert.equal(matchModel('axon/*', readModelName('x-axon/fast'), none), null);
});

test('models of a backend match by their exact names only', () => {
  const listed = (backend: string) => (backend === 'internal' ? ['qwen3-32b', 'gpt-oss-20b'] : []);
  assert.equal(matchModel('models-of:internal', readModelName('gpt-oss-20b'), listed), 'gpt-oss-20b');
  assert.equal(matchModel('models-of:internal', readModelName('anthropic/qwen3-32b'), listed), 'qwen3-32b');
  assert.equal(matchModel('models-of:internal', readModelName('Qwen3-32B'), listed), null);
});

test('whatever is passed as a Haiku has no other family in its name', () => {
  const word = fc.constantFrom(
    'claude',
    'haiku',
    'opus',
    'sonnet',
    '4',
    '5',
    '20251001',
    'latest',
    '-',
    '/',
    '[1m]',
    'v1',
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 8 }), fc.constantFrom('-', ''), (words, separator) => {
      const name = matchModel('claude:haiku', readModelName(words.join(separator)), none);
      if (name === null) return;
      assert.match(name, /^claude-[a-z0-9.:@-]*haiku[a-z0-9.:@-]*$/);
      assert.doesNotMatch(name, /opus|sonnet/);
    }),
    { numRuns: 2000 },
  );
});
