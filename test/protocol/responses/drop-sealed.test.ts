import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { dropSealed } from '../../../src/protocol/responses/drop-sealed.ts';
import { scanRequest } from '../../../src/protocol/scan-request.ts';
import { bytesOf } from '../../support/chunks.ts';

type Json = Record<string, unknown>;

const ours = { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'gwr1.abc' };
const theirs = { type: 'reasoning', id: 'rs_2', summary: [], encrypted_content: 'gAAAAABm' };
const said = { role: 'user', content: 'What does gwr1. mean, and "encrypted_content":"gwr1.x"?' };

function drop(body: Json): { readonly same: boolean; readonly body: Json } {
  const bytes = bytesOf(JSON.stringify(body));
  const request = { body: bytes, scan: scanRequest(bytes) };
  const dropped = dropSealed(request);
  assert.deepEqual(dropped.scan, scanRequest(dropped.body));
  return { same: dropped === request, body: JSON.parse(new TextDecoder().decode(dropped.body)) };
}

test('a request without reasoning of ours is the very same', () => {
  for (const input of ['gwr1.', 'Hi', [said], [said, theirs], []]) {
    assert.equal(drop({ model: 'm', input }).same, true, JSON.stringify(input));
  }
  assert.equal(drop({ model: 'm' }).same, true);
});

test('reasoning of ours goes, wherever it stands, and nothing else does', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom<Json>(ours, theirs, said)), fc.boolean(), (input, first) => {
      const body = first ? { input, model: 'm', n: 1 } : { model: 'm', n: 1, input };
      const kept = input.filter((item) => item !== ours);
      assert.deepEqual(drop(body).body, { ...body, input: kept });
    }),
  );
});
