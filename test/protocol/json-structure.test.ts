import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { nextPlace, WINDOW, walkFrom } from '../../src/protocol/json-structure.ts';
import { findField, readField, scanArray, scanRequest } from '../../src/protocol/scan-request.ts';
import { buildStructure, GENERATED } from './build-structure.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const BRACKETS = [...bytes('{}[]')];

/** What the kernel is to find, looked for byte by byte. */
function expectedPlaces(body: Uint8Array, start: number): number[] {
  const found: number[] = [];
  let isInside = false;
  for (let at = start; at < body.length; at++) {
    const byte = body[at]!;
    if (isInside && byte === BACKSLASH) at++;
    else if (byte === QUOTE) {
      found.push(at);
      isInside = !isInside;
    } else if (!isInside && BRACKETS.includes(byte)) found.push(at);
  }
  return found;
}

function placesOf(body: Uint8Array, start: number, goal: number): number[] {
  const found: number[] = [];
  walkFrom(start, goal);
  for (let at = nextPlace(body); at !== body.length; at = nextPlace(body)) found.push(at);
  return found;
}

const check = (body: Uint8Array, start = 0, goal = body.length) =>
  assert.deepEqual(placesOf(body, start, goal), expectedPlaces(body, start));

test('the compiled kernel is that of its source', async () => {
  assert.equal(readFileSync(GENERATED, 'utf8'), await buildStructure(), 'run: npm run structure');
});

test('a run of backslashes counts wherever blocks and windows divide it, inside of strings and outside', () => {
  for (const from of [0, WINDOW - 70])
    for (let offset = from; offset < from + 140; offset++)
      for (const run of [0, 1, 2, 3, 63, 64, 65]) {
        const backslashes = '\\'.repeat(run);
        check(bytes(`${' '.repeat(offset)}["${backslashes}"]"${backslashes}`));
        check(bytes(`"${'x'.repeat(offset)}${backslashes}"{"[]`));
        check(bytes(`"${'x'.repeat(offset)}${backslashes}${'x'.repeat(64)}"]`));
        check(bytes(`${backslashes}"}${' '.repeat(offset)}"${backslashes}]"${backslashes}`));
      }
});

test('a text that ends anywhere in a block has nothing of the text before', () => {
  check(bytes('["\\'.repeat(WINDOW)));
  for (let length = 0; length < 200; length++) {
    check(bytes(' '.repeat(length)));
    check(bytes(`"${'x'.repeat(length)}`));
    check(bytes('['.repeat(length)));
  }
});

const piece = fc.constantFrom(
  '"',
  '\\',
  '\\"',
  '\\\\',
  '{',
  '}',
  '[',
  ']',
  ',',
  'x',
  ' ',
  'é',
  '\u0001',
  '""',
);
const times = fc.oneof(
  { weight: 30, arbitrary: fc.nat(4) },
  { weight: 5, arbitrary: fc.integer({ min: 60, max: 68 }) },
  { weight: 1, arbitrary: fc.integer({ min: WINDOW - 70, max: WINDOW + 4 }) },
);
const anyText = fc
  .array(fc.tuple(piece, times), { maxLength: 60 })
  .map((parts) => bytes(parts.map(([part, count]) => part.repeat(count)).join('')));

test('of any bytes the same places are found as byte by byte, from any start and whatever the goal', () => {
  fc.assert(
    fc.property(anyText, fc.nat(300), fc.nat(2 * WINDOW), (body, start, goal) => {
      check(body, start, goal);
      check(body, start);
    }),
    { numRuns: 1500 },
  );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(80), (body, start) => check(body, start)));
});

test('fields and elements around the edges of windows are those that JSON.parse reads', () => {
  const padding = fc.oneof(fc.nat(140), fc.integer({ min: WINDOW - 140, max: WINDOW + 20 }));
  const text = fc.tuple(padding, fc.string({ unit: fc.constantFrom('"', '\\', '\n', '[', '}', 'é') }));
  const element = fc.tuple(text, fc.jsonValue({ maxDepth: 3 })).map(([[length, end], value]) => ({
    role: `${'x'.repeat(length)}${end}`,
    value: JSON.parse(JSON.stringify(value)) as unknown,
  }));
  fc.assert(
    fc.property(fc.array(element, { maxLength: 4 }), padding, (messages, spaces) => {
      const body = bytes(
        `{"a":"\\"",${' '.repeat(spaces)}"messages":${JSON.stringify(messages)},"model":"m"}`,
      );
      const scan = scanRequest(body);
      assert.equal(scan.model, 'm');
      assert.deepEqual(readField(body, scan, 'messages'), messages);
      const read = (range = { start: 0, end: 0 }): unknown =>
        JSON.parse(new TextDecoder().decode(body.subarray(range.start, range.end)));
      const elements = scanArray(body, scan.fields.get('messages')!);
      assert.deepEqual(
        elements.map((range) => read(findField(body, range, 'role'))),
        messages.map(({ role }) => role),
      );
    }),
    { numRuns: 300 },
  );
});
