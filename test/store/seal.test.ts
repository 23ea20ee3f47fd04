import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { SEAL_MARK, type Seal } from '../../src/protocol/responses/sealed-reasoning.ts';
import type { Collection } from '../../src/store/records.ts';
import { createSeal } from '../../src/store/seal.ts';
import { createSqliteRecords } from '../../src/store/sqlite-records.ts';

function openRecords(context: TestContext): Collection {
  const file = join(mkdtempSync(join(tmpdir(), 'seal-')), 'records.db');
  const records = createSqliteRecords({ file, clock: Date.now });
  context.after(() => records.close());
  return records.collection('seal');
}

/** Waits until the seal has its key, and seals with it. */
async function sealed(seal: Seal, text: string): Promise<string> {
  for (let turn = 0; turn < 1000; turn++) {
    const blob = seal.seal(text);
    if (blob !== null) return blob;
    await setImmediate();
  }
  throw new Error('the seal never got its key');
}

test('what is sealed opens, and looks different every time', async (context) => {
  const seal = createSeal(openRecords(context));
  const [one, other] = [await sealed(seal, 'canary ä'), await sealed(seal, 'canary ä')];
  assert.notEqual(one, other);
  assert.ok(one.startsWith(SEAL_MARK));
  assert.doesNotMatch(Buffer.from(one.slice(SEAL_MARK.length), 'base64url').toString('latin1'), /canary/);
  assert.deepEqual([seal.open(one), seal.open(other)], ['canary ä', 'canary ä']);
});

test('every replica opens what another sealed, also those that start at once', async (context) => {
  const records = openRecords(context);
  const seals = [createSeal(records), createSeal(records), createSeal(records)];
  const blobs = await Promise.all(seals.map((seal, i) => sealed(seal, `text ${i}`)));
  for (const seal of seals) assert.deepEqual(blobs.map(seal.open), ['text 0', 'text 1', 'text 2']);
  const late = createSeal(records);
  await sealed(late, '');
  assert.equal(late.open(blobs[0] ?? ''), 'text 0');
});

test('a blob with any byte changed, cut off, of another key or of others does not open', async (context) => {
  const seal = createSeal(openRecords(context));
  const blob = await sealed(seal, 'text');
  const bytes = Buffer.from(blob.slice(SEAL_MARK.length), 'base64url');
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 1;
    assert.equal(seal.open(SEAL_MARK + changed.toString('base64url')), null, `byte ${at}`);
    assert.equal(seal.open(SEAL_MARK + bytes.subarray(0, at).toString('base64url')), null, `cut at ${at}`);
  }
  const stranger = createSeal(openRecords(context));
  await sealed(stranger, '');
  assert.deepEqual(['', 'x', 'gAAAAABm', SEAL_MARK].map(seal.open), [null, null, null, null]);
  assert.equal(stranger.open(blob), null);
});

test('as long as the store does not answer nothing is sealed, and from its first answer on it is', async (context) => {
  const working = openRecords(context);
  let isDown = true;
  let asked = 0;
  const records: Collection = {
    ...working,
    async put(...given) {
      asked++;
      if (isDown) throw new Error('down');
      return working.put(...given);
    },
  };
  const seal = createSeal(records);
  assert.equal(seal.seal('text'), null);
  await setImmediate();
  assert.equal(seal.seal('text'), null);
  assert.equal(seal.open(`${SEAL_MARK}abc`), null);
  assert.ok(asked >= 1);
  isDown = false;
  assert.equal(seal.open(await sealed(seal, 'text')), 'text');
});
