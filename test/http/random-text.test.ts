import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createOrderedText, createRandomText } from '../../src/http/random-text.ts';

test('texts of chance are letters and digits, and none comes twice', () => {
  const randomText = createRandomText();
  const texts = Array.from({ length: 10_000 }, randomText);
  assert.equal(new Set(texts).size, 10_000);
  assert.ok(texts.every((text) => /^[0-9A-Za-z]{22}$/.test(text)));
});

test('ordered texts sort as the moments they were made in, and none comes twice', () => {
  const moments = [0, 1, 61, 62, 999, 1_795_000_000_000, 1_795_000_000_001, Date.UTC(2080, 0, 1)];
  let now = 0;
  const orderedText = createOrderedText(() => now, createRandomText());
  const texts = moments.flatMap((moment) => {
    now = moment;
    return Array.from({ length: 100 }, orderedText).sort();
  });
  assert.deepEqual(texts.toSorted(), texts);
  assert.equal(new Set(texts).size, texts.length);
  assert.ok(texts.every((text) => /^[0-9A-Za-z]{22}$/.test(text)));
});
