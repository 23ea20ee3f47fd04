import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createToolIdWriter } from '../../../src/protocol/openai/tool-ids.ts';
import { sha256 } from '../../support/openai-to-anthropic.ts';

test('A-65 most backends take any id', () => {
  assert.equal(createToolIdWriter('any', sha256)('functions.f:0', 'f'), 'functions.f:0');
});

test('A-65 OpenAI takes 40 characters: longer ids keep their beginning and get a hash', () => {
  const write = createToolIdWriter('openai', sha256);
  assert.equal(write('toolu_01AbCdEfGhIjKlMnOpQrStUv', 'f'), 'toolu_01AbCdEfGhIjKlMnOpQrStUv');
  const long = 'toolu_bdrk_01AbCdEfGhIjKlMnOpQrStUvWxYz01';
  assert.equal(write(long, 'f'), `${long.slice(0, 31)}_${sha256(long).slice(0, 8)}`);
});

test('A-65 Mistral takes nine letters or digits, and its own ids stay', () => {
  const write = createToolIdWriter('mistral', sha256);
  assert.equal(write('Xy12Ab9Qz', 'f'), 'Xy12Ab9Qz');
  assert.match(write('toolu_1', 'f'), /^[A-Za-z0-9]{9}$/);
});

test('A-65 ids that fall together are salted apart', () => {
  let calls = 0;
  const colliding = () => (++calls <= 2 ? 'f'.repeat(64) : sha256(String(calls)));
  const write = createToolIdWriter('mistral', colliding);
  const [one, two] = [write('a', 'f'), write('b', 'f')];
  assert.notEqual(one, two);
  assert.deepEqual([write('a', 'f'), write('b', 'f')], [one, two]);
});

test('A-65 Kimi counts all calls of the conversation, with their names', () => {
  const write = createToolIdWriter('kimi', sha256);
  assert.deepEqual([write('x', 'read'), write('y', 'run')], ['functions.read:0', 'functions.run:1']);
});

test('every format gives different ids to different calls', () => {
  const formats = fc.constantFrom('any', 'openai', 'mistral', 'kimi');
  fc.assert(
    fc.property(formats, fc.uniqueArray(fc.string({ minLength: 1, maxLength: 60 })), (format, ids) => {
      const write = createToolIdWriter(format as 'any', sha256);
      assert.equal(new Set(ids.map((id) => write(id, 'f'))).size, ids.length);
    }),
  );
});
