import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { toClaudeSchema } from '../../../src/protocol/anthropic/output-schema.ts';

test('what Claude understands stays, in its order', () => {
  const schema = {
    description: 'A thing.',
    type: 'object',
    properties: { kind: { type: 'string', enum: ['a', 'b'], default: 'a' }, next: { $ref: '#/$defs/n' } },
    required: ['kind'],
    additionalProperties: false,
    $defs: { n: { const: 1 } },
  };
  const written = toClaudeSchema(schema);
  assert.deepEqual(written, schema);
  assert.deepEqual(Object.keys(written), [
    'description',
    'type',
    'properties',
    'required',
    '$defs',
    'additionalProperties',
  ]);
});

test('rules that Claude does not understand are told in the description', () => {
  const written = toClaudeSchema({ type: 'string', minLength: 2, pattern: '^a', description: 'Name.' });
  assert.deepEqual(written, { type: 'string', description: 'Name.\n\n{minLength: 2, pattern: "^a"}' });
  assert.deepEqual(toClaudeSchema({ type: 'integer', maximum: 5 }), {
    type: 'integer',
    description: '{maximum: 5}',
  });
});

test('objects are closed at every depth, whatever they said', () => {
  const open = {
    type: 'object',
    additionalProperties: true,
    properties: { a: { type: ['object', 'null'] } },
  };
  const list = { type: 'array', items: open };
  assert.deepEqual(toClaudeSchema(list), {
    type: 'array',
    items: {
      type: 'object',
      properties: { a: { type: ['object', 'null'], additionalProperties: false } },
      additionalProperties: false,
    },
  });
});

test('oneOf is said as anyOf', () => {
  assert.deepEqual(toClaudeSchema({ oneOf: [{ type: 'string', format: 'email' }, { type: 'null' }] }), {
    anyOf: [{ type: 'string', format: 'email' }, { type: 'null' }],
  });
});

test('known formats stay, others are told', () => {
  assert.deepEqual(toClaudeSchema({ type: 'string', format: 'date-time' }), {
    type: 'string',
    format: 'date-time',
  });
  assert.deepEqual(toClaudeSchema({ type: 'string', format: 'isbn' }), {
    type: 'string',
    description: '{format: "isbn"}',
  });
});

test('a least length of a list is understood up to one', () => {
  assert.deepEqual(toClaudeSchema({ type: 'array', minItems: 1 }), { type: 'array', minItems: 1 });
  assert.deepEqual(toClaudeSchema({ type: 'array', minItems: 2 }), {
    type: 'array',
    description: '{minItems: 2}',
  });
});

test('properties may be named like keywords', () => {
  const schema = {
    type: 'object',
    properties: { pattern: { type: 'string' }, minItems: { type: 'string' } },
  };
  assert.deepEqual(toClaudeSchema(schema).properties, schema.properties);
});

test('bookkeeping is left out silently', () => {
  assert.deepEqual(toClaudeSchema({ $schema: 'x', $id: 'y', type: 'null' }), { type: 'null' });
});

test('no schema is refused, and rewriting twice changes nothing more', () => {
  fc.assert(
    fc.property(
      fc.dictionary(
        fc.constantFrom(
          'type',
          'properties',
          'items',
          'anyOf',
          'oneOf',
          'required',
          'enum',
          'format',
          'description',
        ),
        fc.jsonValue(),
      ),
      (schema) => {
        const once = toClaudeSchema(schema);
        assert.deepEqual(toClaudeSchema(once).properties, once.properties);
        assert.ok(!('oneOf' in once) || !Array.isArray(once.oneOf));
      },
    ),
  );
});
