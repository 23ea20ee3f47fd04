import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { referencesIn, withItems } from '../../../src/protocol/responses/references.ts';
import { scanRequest } from '../../../src/protocol/scan-request.ts';
import { bytesOf } from '../../support/chunks.ts';

type Json = Record<string, unknown>;

const scanned = (body: Json) => {
  const bytes = bytesOf(JSON.stringify(body));
  return { body: bytes, scan: scanRequest(bytes) };
};

const said = { role: 'user', content: 'What is an {"type":"item_reference","id":"msg_1"}?' };
const call = { type: 'function_call', id: 'fc_1', call_id: 'c', name: 'f', arguments: '{}' };

test('a reference is known by its type, or by having none and no role', () => {
  const input = [
    said,
    { type: 'item_reference', id: 'msg_1' },
    call,
    { id: 'msg_2' },
    { type: null, id: 'msg_3' },
    { type: 'message', role: 'user', content: 'Hi' },
    { type: 'item_reference' },
    'text',
    7,
  ];
  assert.deepEqual(referencesIn(scanned({ model: 'm', input })), [
    { index: 1, id: 'msg_1' },
    { index: 3, id: 'msg_2' },
    { index: 4, id: 'msg_3' },
    { index: 6, id: '' },
  ]);
  for (const plain of ['Hi', [said, call], undefined, { id: 'msg_1' }])
    assert.deepEqual(referencesIn(scanned({ model: 'm', input: plain })), []);
});

const message = { type: 'message', id: 'msg_1', role: 'assistant', content: [] };
const hidden = { type: 'reasoning', id: 'rs_1', summary: [] };
const sealed = { type: 'reasoning', id: 'rs_2', summary: [], encrypted_content: 'gAAAA' };
const FOUND = new Map<string, Json>([message, hidden, sealed].map((item) => [item.id, item]));
const refer = (id: string) => ({ type: 'item_reference', id });

test('items stand in the places of their references, and reasoning that was not handed out is left out', () => {
  const pieces: readonly (readonly [given: Json, wanted: readonly Json[]])[] = [
    [refer('msg_1'), [message]],
    [refer('rs_1'), []],
    [refer('rs_2'), [sealed]],
    [said, [said]],
    [call, [call]],
  ];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...pieces)), fc.boolean(), (chosen, isFirst) => {
      const withInput = (input: readonly Json[]): Json =>
        isFirst ? { input, model: 'm' } : { model: 'm', n: [1], input };
      const request = scanned(withInput(chosen.map(([given]) => given)));
      const { body, scan } = withItems(request, referencesIn(request), FOUND);
      assert.deepEqual(
        JSON.parse(new TextDecoder().decode(body)),
        withInput(chosen.flatMap(([, wanted]) => wanted)),
      );
      assert.deepEqual(scan, scanRequest(body));
    }),
  );
});
