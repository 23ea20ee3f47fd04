import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createJsonProgress } from '../../src/protocol/json-progress.ts';

function isWhole(...pieces: string[]): boolean {
  const progress = createJsonProgress();
  for (const piece of pieces) progress.add(piece);
  return progress.isWhole();
}

test('an object is whole with its last bracket and not before', () => {
  const objects = fc.dictionary(fc.string(), fc.jsonValue());
  fc.assert(
    fc.property(objects, fc.nat(), (object, cut) => {
      const json = JSON.stringify(object);
      const at = cut % json.length;
      assert.equal(isWhole(json.slice(0, at)), false);
      assert.equal(isWhole(json.slice(0, at), json.slice(at)), true);
    }),
  );
});

test('brackets and quotes inside strings do not count', () => {
  assert.equal(isWhole('{"a":"}\\"}'), false);
  assert.equal(isWhole('{"a":"}\\', '"}"}'), true);
});

test('numbers and words are never known to be whole, strings are', () => {
  assert.deepEqual(
    [isWhole('12'), isWhole('null'), isWhole(''), isWhole('"a"')],
    [false, false, false, true],
  );
});
