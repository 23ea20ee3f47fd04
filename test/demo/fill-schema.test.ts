import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fillSchema } from '../../src/demo/fill-schema.ts';

const word = (property: string): string => `<${property}>`;

const CASES: readonly { readonly what: string; readonly schema: unknown; readonly value: unknown }[] = [
  {
    what: 'required properties only, in their order',
    schema: {
      type: 'object',
      properties: { title: { type: 'string' }, note: { type: 'string' }, count: { type: 'integer' } },
      required: ['title', 'count'],
    },
    value: { title: '<title>', count: 0 },
  },
  { what: 'the first of an enum', schema: { enum: ['b', 'a'] }, value: 'b' },
  { what: 'a constant', schema: { const: 7 }, value: 7 },
  { what: 'the first of a choice', schema: { anyOf: [{ type: 'boolean' }, { type: 'null' }] }, value: false },
  { what: 'a nullable type is not null', schema: { type: ['null', 'string'] }, value: '<>' },
  { what: 'numbers within their bounds', schema: { type: 'integer', exclusiveMinimum: 4 }, value: 5 },
  { what: 'a negative maximum', schema: { type: 'number', maximum: -2 }, value: -2 },
  {
    what: 'as many items as needed',
    schema: { type: 'array', items: { type: 'boolean' }, minItems: 2 },
    value: [false, false],
  },
  { what: 'an empty list otherwise', schema: { type: 'array', items: {} }, value: [] },
  { what: 'a text as long as needed', schema: { type: 'string', minLength: 4 }, value: '<>..' },
  {
    what: 'references within the document',
    schema: { $ref: '#/$defs/a', $defs: { a: { type: 'object', properties: {} } } },
    value: {},
  },
  { what: 'an object by its properties alone', schema: { properties: {}, required: [] }, value: {} },
  { what: 'null where the schema is none', schema: 'nonsense', value: null },
  { what: 'null for a reference to nowhere', schema: { $ref: '#/$defs/none' }, value: null },
];

for (const { what, schema, value } of CASES) {
  test(what, () => assert.deepEqual(fillSchema(schema, word), value));
}

test('a schema that contains itself many times over is cut off at once', () => {
  const names = Array.from({ length: 50 }, (_, index) => `p${index}`);
  const properties = Object.fromEntries(names.map((name) => [name, { $ref: '#' }]));
  const started = performance.now();
  const filled = fillSchema({ type: 'object', properties, required: names }, word);
  assert.ok(performance.now() - started < 1000);
  assert.equal(typeof filled, 'object');
});
