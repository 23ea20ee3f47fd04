import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { measurePrompt } from '../../src/upstream/prompt-size.ts';

const measure = (body: unknown) => measurePrompt(new TextEncoder().encode(JSON.stringify(body)));
const lengthOf = (body: unknown) => Buffer.byteLength(JSON.stringify(body));
const data = Buffer.alloc(30_000, 7).toString('base64');

test('text counts by its bytes', () => {
  const body = { messages: [{ role: 'user', content: 'grüße' }] };
  assert.deepEqual(measure(body), { textBytes: lengthOf(body), media: 0 });
});

test('an image of either dialect counts as one piece, whatever its length', () => {
  for (const image of [
    { type: 'image', source: { type: 'base64', media_type: 'image/png', data } },
    { type: 'image_url', image_url: { url: `data:image/png;base64,${data}` } },
  ]) {
    const body = { messages: [{ role: 'user', content: [{ type: 'text', text: 'look' }, image, image] }] };
    const { textBytes, media } = measure(body);
    assert.equal(media, 2);
    assert.ok(textBytes < 600, String(textBytes));
  }
});

test('long texts beside an image stay text: prose, code without blanks, other scripts, escaped quotes', () => {
  for (const text of [
    'word '.repeat(2000),
    'a(b);'.repeat(2000),
    '漢字'.repeat(2000),
    `${'"'.repeat(10)}${'x y'.repeat(2000)}`,
  ]) {
    const body = { text, source: { type: 'base64', data: 'aGk=' } };
    assert.deepEqual(measure(body), { textBytes: lengthOf(body), media: 0 });
  }
});

test('a view into a larger buffer is measured by itself', () => {
  const bytes = new TextEncoder().encode('xxxx{"a":"base64"}xxxx');
  assert.deepEqual(measurePrompt(bytes.subarray(4, 18)), { textBytes: 14, media: 0 });
});

test('pieces are found wherever they lie, and only they', () => {
  const piece = fc.record({
    before: fc.nat(5000),
    bytes: fc.integer({ min: 2048, max: 9000 }),
  });
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 5 }), (pieces) => {
      const content = pieces.flatMap(({ before, bytes }) => ['a b '.repeat(before / 4), 'A'.repeat(bytes)]);
      const body = { type: 'base64', content };
      const mediaBytes = pieces.reduce((sum, { bytes }) => sum + bytes, 0);
      assert.deepEqual(measure(body), { textBytes: lengthOf(body) - mediaBytes, media: pieces.length });
    }),
  );
});
