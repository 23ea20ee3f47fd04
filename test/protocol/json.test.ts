import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asList, asObject, asText, isObject, parseJson } from '../../src/protocol/json.ts';

test('lists and null are not objects', () => {
  assert.deepEqual([{}, [], null, 'a', undefined].map(isObject), [true, false, false, false, false]);
});

test('a value of another kind is read as an empty one', () => {
  assert.deepEqual([asObject([1]), asList({ a: 1 }), asText(5)], [{}, [], '']);
  assert.deepEqual([asObject({ a: 1 }), asList([1]), asText('a')], [{ a: 1 }, [1], 'a']);
});

test('text that is not JSON is undefined, and null stays null', () => {
  assert.deepEqual([parseJson('{"a'), parseJson('null'), parseJson(' [1]')], [undefined, null, [1]]);
});
