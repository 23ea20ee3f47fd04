import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  cleanOutputSchema,
  cleanParameters,
  isStrictSchema,
} from '../../../src/protocol/openai/clean-schema.ts';

test('A-40 no schema is an object without properties', () => {
  for (const schema of [
    {},
    { $schema: 'https://json-schema.org/draft/2020-12/schema' },
    { type: 'object' },
  ]) {
    assert.deepEqual(cleanParameters(schema), { type: 'object', properties: {} });
  }
});

test('A-41 what backends stumble over is repaired at every depth, the rest stays', () => {
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'tool',
    type: 'object',
    required: null,
    properties: {
      list: { type: 'array' },
      nested: { anyOf: [{ type: 'object', required: null }, { type: 'null' }] },
      name: { type: 'string', pattern: '^\\p{L}+$', minLength: 1 },
      plain: { type: 'string', pattern: '^[a-z]+$', default: { required: null } },
      required: { type: 'array', items: { type: 'array' } },
    },
    additionalProperties: {},
    propertyNames: { pattern: '\\P{Lu}' },
    $defs: { x: { type: 'object' } },
  };
  assert.deepEqual(cleanParameters(schema), {
    type: 'object',
    properties: {
      list: { type: 'array', items: {} },
      nested: { anyOf: [{ type: 'object', properties: {} }, { type: 'null' }] },
      name: { type: 'string', minLength: 1 },
      plain: { type: 'string', pattern: '^[a-z]+$', default: { required: null } },
      required: { type: 'array', items: { type: 'array', items: {} } },
    },
    additionalProperties: {},
    propertyNames: {},
    $defs: { x: { type: 'object', properties: {} } },
  });
});

test('a root of alternatives goes on unchanged', () => {
  const schema = { anyOf: [{ type: 'string' }, { type: 'number' }] };
  assert.deepEqual(cleanParameters(schema), schema);
});

test('a tuple keeps its form', () => {
  const schema = { type: 'array', prefixItems: [{ type: 'string' }] };
  assert.deepEqual(cleanOutputSchema(schema), schema);
});

test('A-42 strict means every object closed and every property required, at every depth', () => {
  const closed = { type: 'object', properties: { a: {} }, required: ['a'], additionalProperties: false };
  assert.equal(isStrictSchema(closed), true);
  assert.equal(isStrictSchema({ ...closed, additionalProperties: true }), false);
  assert.equal(isStrictSchema({ ...closed, required: ['b'] }), false);
  assert.equal(isStrictSchema({ ...closed, properties: { a: { type: 'object' } } }), false);
  assert.equal(isStrictSchema({ ...closed, properties: { a: { anyOf: [{ type: 'object' }] } } }), false);
  assert.equal(isStrictSchema({ type: 'array', items: closed }), true);
  assert.equal(isStrictSchema({ type: 'array', items: { type: 'object' } }), false);
});

test('cleaning twice is cleaning once, and no schema breaks it', () => {
  const names = fc.constantFrom(
    'type',
    'properties',
    'required',
    'items',
    'anyOf',
    'pattern',
    '__proto__',
    'x',
  );
  const values = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom<unknown>(null, 'object', 'array', '\\p{L}', true),
      fc.array(tie('value'), { maxLength: 2 }),
      fc.dictionary(names, tie('value'), { maxKeys: 3 }),
    ),
  })).value;
  fc.assert(
    fc.property(fc.dictionary(names, values, { maxKeys: 4 }), (schema) => {
      const clean = cleanParameters(schema);
      assert.deepEqual(cleanParameters(clean), clean);
      assert.equal(typeof isStrictSchema(clean), 'boolean');
    }),
  );
});
