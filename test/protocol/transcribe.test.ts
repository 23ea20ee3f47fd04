import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFrameSplitter, type RawFrame } from '../../src/protocol/sse.ts';
import { createPassthrough, createTranslation } from '../../src/protocol/transcribe.ts';
import { readAnthropicStream, readWholeStream } from '../support/anthropic-grammar.ts';
import { messageStart, textBlock, toBackendBytes } from '../support/anthropic-to-openai.ts';
import { bytesOf } from '../support/chunks.ts';
import { chunk, replyContext, toFrame } from '../support/openai-to-anthropic.ts';

const framesOf = (bytes: Uint8Array): readonly RawFrame[] => createFrameSplitter().push(bytes);
const textOf = (bytes: Uint8Array | string): string =>
  typeof bytes === 'string' ? bytes : new TextDecoder().decode(bytes);

const BEGINNING = toBackendBytes([messageStart(), ...textBlock(0, 'Hal')]);

test('an error that a proxy put into a Claude stream in its own shape is said so that the SDK hears it', () => {
  const passthrough = createPassthrough('anthropic', 'req_1');
  const before = passthrough.push(framesOf(BEGINNING));
  const { bytes, state } = passthrough.push(
    framesOf(bytesOf('data: {"error":{"message":"Too many requests","code":429}}\n\n')),
  );
  assert.deepEqual([before.state, state], ['open', 'failed']);
  const error =
    'event: error\ndata: {"type":"error","error":{"type":"rate_limit_error","message":"Too many requests"},"request_id":"req_1"}\n\n';
  assert.equal(textOf(bytes), error);
});

test('an error of Claude passes as it is', () => {
  const passthrough = createPassthrough('anthropic', 'req_1');
  const sent =
    'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n';
  const { bytes, state } = passthrough.push(framesOf(bytesOf(sent)));
  assert.deepEqual([textOf(bytes), state], [sent, 'failed']);
});

test('an event of tomorrow that speaks of an error passes as it is and ends nothing', () => {
  const passthrough = createPassthrough('anthropic', 'req_1');
  const sent = 'event: tool_progress\ndata: {"type":"tool_progress","error":{"message":"retrying"}}\n\n';
  const { bytes, state } = passthrough.push(framesOf(bytesOf(sent)));
  assert.deepEqual([textOf(bytes), state], [sent, 'open']);
});

test('an answer that announces calls and sends none has failed for the gateway as for its client', () => {
  const translation = createTranslation('openai', 'anthropic', replyContext(), {});
  const said = [chunk({ role: 'assistant' }), chunk({}, 'tool_calls'), '[DONE]'];
  const bytes = bytesOf(said.map((one) => `data: ${toFrame(one).data}\n\n`).join(''));
  const { bytes: sent, state } = translation.push(framesOf(bytes));
  assert.equal(readWholeStream(textOf(sent)).ending, 'error');
  assert.equal(state, 'failed');
});

test('a translated stream is open until it is finished, and completed then', () => {
  const translation = createTranslation('openai', 'anthropic', replyContext(), {});
  const push = (one: object | string) =>
    translation.push(framesOf(bytesOf(`data: ${toFrame(one).data}\n\n`)));
  const first = push(chunk({ content: 'Hi.' }));
  assert.equal(readAnthropicStream(textOf(first.bytes)).ending, 'open');
  assert.deepEqual(
    [first.state, push(chunk({}, 'stop')).state, push('[DONE]').state],
    ['open', 'open', 'completed'],
  );
});
