import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FinishReason, ReplyEvent } from '../../../src/protocol/reply-events.ts';
import {
  createResponsesDecoder,
  decodeResponsesReply,
} from '../../../src/protocol/responses/decode-reply.ts';
import { encodeResponsesReply } from '../../../src/protocol/responses/encode-reply.ts';
import { createFrameSplitter } from '../../../src/protocol/sse.ts';
import { decodeFrames } from '../../../src/protocol/transcribe.ts';
import { bytesOf } from '../../support/chunks.ts';
import { encodeResponses, responsesContext } from '../../support/responses-context.ts';

const usage = {
  inputTokens: 5,
  outputTokens: 7,
  cacheReadTokens: 2,
  cacheWriteTokens: 0,
  reasoningTokens: 3,
};
const eventsOf = (reason: FinishReason): readonly ReplyEvent[] => [
  { type: 'start', usage: null },
  { type: 'reasoning', text: 'Hm.' },
  { type: 'text', text: 'Hi' },
  { type: 'tool-start', key: '2', id: 'call_a', name: 'f' },
  { type: 'tool-arguments', key: '2', json: '{"a":1}' },
  { type: 'tool-end', key: '2' },
  { type: 'tool-start', key: '3', id: 'call_b', name: 'apply_patch' },
  { type: 'tool-arguments', key: '3', json: '{"input":"x"}' },
  { type: 'tool-end', key: '3' },
  { type: 'usage', usage },
  { type: 'finish', reason, stopSequence: null },
];
const framesOf = (text: string) => createFrameSplitter().push(bytesOf(text));

test('what a whole response says is what was said into it', () => {
  for (const reason of ['tool-calls', 'length'] as const) {
    const reply = encodeResponsesReply(eventsOf(reason), responsesContext());
    assert.ok('body' in reply);
    assert.deepEqual(decodeResponsesReply(JSON.parse(JSON.stringify(reply.body))), eventsOf(reason));
  }
});

test('a stream says the same as the whole, also where its ending has no items', () => {
  const stream = encodeResponses(eventsOf('tool-calls'));
  const bare = stream.replace(
    /("status":"completed","completed_at".*)"output":\[.*\],"usage"/,
    '$1"output":[],"usage"',
  );
  assert.notEqual(bare, stream);
  for (const text of [stream, bare]) {
    assert.deepEqual(decodeFrames('responses', framesOf(text), {}), eventsOf('tool-calls'));
  }
});

test('a stream without its ending is truncated', () => {
  const frames = framesOf(encodeResponses(eventsOf('stop'))).slice(0, -1);
  const last = decodeFrames('responses', frames, {}).at(-1);
  assert.equal(last?.type === 'error' && last.error.code, 'backend_truncated');
});

test('failures are read in each of their shapes, and end the answer', () => {
  const shapes = [
    { type: 'response.failed', response: { error: { code: 'rate_limit_exceeded', message: 'Slow.' } } },
    { type: 'error', code: 'rate_limit_exceeded', message: 'Slow.' },
    { error: { type: 'rate_limit_error', code: null, message: 'Slow.' } },
  ];
  for (const shape of shapes) {
    const decoder = createResponsesDecoder();
    const events = [...decoder.push({ event: '', data: JSON.stringify(shape) }), ...decoder.end()];
    assert.deepEqual(events, [{ type: 'error', error: { code: 'rate_limited', message: 'Slow.' } }]);
  }
});

test('what is no response is a failure of the backend', () => {
  for (const body of [{}, { output: 'x' }, [], 'x', null]) {
    const [event, ...rest] = decodeResponsesReply(body);
    assert.deepEqual(rest, []);
    assert.equal(event?.type === 'error' && event.error.code, 'backend_failed');
  }
});

test('a filtered answer and a refusal are refusals', () => {
  const finishOf = (body: object) => decodeResponsesReply(body).at(-1);
  const refused = { type: 'message', content: [{ type: 'refusal', refusal: 'No.' }] };
  const filtered = { status: 'incomplete', incomplete_details: { reason: 'content_filter' }, output: [] };
  for (const body of [{ status: 'completed', output: [refused] }, filtered]) {
    assert.deepEqual(finishOf(body), { type: 'finish', reason: 'refusal', stopSequence: null });
  }
});
