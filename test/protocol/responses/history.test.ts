import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  finishedResponse,
  historyOf,
  itemsOf,
  withHistory,
} from '../../../src/protocol/responses/history.ts';
import { scanRequest } from '../../../src/protocol/scan-request.ts';
import { responsesStream } from '../../support/mock-responses.ts';

const scanned = (body: unknown) => {
  const bytes = new TextEncoder().encode(JSON.stringify(body));
  return { body: bytes, scan: scanRequest(bytes) };
};
const HELLO = { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Hello' }] };

test('a text is one message of the user, a list is itself', () => {
  assert.deepEqual(itemsOf(scanned({ model: 'm', input: 'Hello' })), [HELLO]);
  assert.deepEqual(itemsOf(scanned({ model: 'm', input: [HELLO] })), [HELLO]);
  assert.deepEqual(itemsOf(scanned({ model: 'm' })), []);
});

test('what was said before stands in front, and the id that stood for it is gone', () => {
  const before = [{ type: 'message', role: 'assistant', content: [] }];
  const { body, scan } = withHistory(
    scanned({ model: 'm', previous_response_id: 'resp_1', input: 'Hello', store: true }),
    before,
  );
  assert.deepEqual(JSON.parse(new TextDecoder().decode(body)), {
    model: 'm',
    input: [...before, HELLO],
    store: true,
  });
  assert.deepEqual(scan, scanRequest(body));
});

test('reasoning that was not handed out is left out of what is kept', () => {
  const open = { type: 'reasoning', summary: [] };
  const sealed = { ...open, encrypted_content: 'sealed' };
  assert.deepEqual(historyOf({ output: [open, sealed, HELLO] }), [sealed, HELLO]);
});

test('the finished response is read from the end of a stream and from a body', () => {
  const frames = responsesStream({ text: 'Hi' }).stream;
  const response = finishedResponse(frames.slice(-3).join(''), true);
  assert.equal(response?.status, 'completed');
  assert.deepEqual(finishedResponse(JSON.stringify(response), false), response);
});

test('an answer without an end is no finished response', () => {
  const frames = responsesStream({ text: 'Hi' }).stream;
  for (const [sent, isStream] of [
    [frames.slice(0, -1).join(''), true],
    ['event: response.failed\ndata: {"type":"response.failed","response":{"id":"r"}}\n\n', true],
    ['', true],
    ['{"error":{}}', false],
    ['no JSON', false],
  ] as const)
    assert.equal(finishedResponse(sent, isStream), null);
});
