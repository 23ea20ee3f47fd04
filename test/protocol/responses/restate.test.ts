import assert from 'node:assert/strict';
import { test } from 'node:test';
import { restateBody, restateFrame } from '../../../src/protocol/responses/restate.ts';
import { bytesOf } from '../../support/chunks.ts';

const ECHO = { store: true, previous_response_id: 'resp_0' };
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

test('only what the answer repeats of its request is changed', () => {
  const tell = (fields: string) =>
    `{ "id":"resp_1", "output":[{"store":null}],\n ${fields}, "temperature": 1.0}`;
  const said = tell('"store" : false,"previous_response_id": null');
  const wanted = tell('"store" : true,"previous_response_id": "resp_0"');
  assert.equal(text(restateBody(bytesOf(said), ECHO)), wanted);
  const frame = (response: string) =>
    `event: response.completed\ndata: {"type":"response.completed","response":${response.replace('\n', '')}}\n\n`;
  assert.equal(text(restateFrame(bytesOf(frame(said)), ECHO)), frame(wanted));
});

test('fields that are not there are not added, and what cannot be read passes as it is', () => {
  for (const said of ['{"id":"resp_1"}', '[]', '{"store":', '', 'no JSON'])
    assert.equal(text(restateBody(bytesOf(said), ECHO)), said);
  for (const said of [
    'data: {"response":7}\n\n',
    ': comment\n\n',
    'data: {"response":{"store":\ndata:1}}\n\n',
  ])
    assert.equal(text(restateFrame(bytesOf(said), ECHO)), said);
});
