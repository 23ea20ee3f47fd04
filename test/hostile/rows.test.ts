import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { LESSONS } from './lessons.ts';
import { ROWS } from './rows.ts';

const ROOT = join(import.meta.dirname, '..', '..');

test('all 58 rows are there, each proved or plainly missing', () => {
  assert.deepEqual(
    Object.keys(ROWS).map(Number),
    Array.from({ length: 58 }, (_, index) => index + 1),
  );
  for (const [number, { proofs, missing }] of Object.entries(ROWS)) {
    assert.ok(proofs.length > 0 || missing !== undefined, `row ${number}`);
    if (missing !== undefined) assert.match(missing, /issue \d+/);
  }
});

test('all ten mistakes of others are there, each proved', () => {
  assert.equal(Object.keys(LESSONS).length, 10);
  for (const [id, { proofs }] of Object.entries(LESSONS)) assert.ok(proofs.length > 0, id);
});

test('every test that proves a row exists', () => {
  const proofs = [...Object.values(ROWS), ...Object.values(LESSONS)].flatMap((row) => row.proofs);
  const gone = proofs.filter(([file, name]) => {
    const source = readFileSync(join(ROOT, file), 'utf8').replaceAll('${', '{');
    return !['"', "'", '`'].some((quote) => source.includes(`(${quote}${name}${quote}`));
  });
  assert.deepEqual(gone, []);
});
