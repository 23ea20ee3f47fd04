import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFrameSplitter } from '../../../src/protocol/sse.ts';
import { createPassthrough } from '../../../src/protocol/transcribe.ts';
import { createStreamWatcher } from '../../../src/protocol/watch-stream.ts';
import { bytesOf, cutEverywhere } from '../../support/chunks.ts';
import { encodeResponses } from '../../support/responses-context.ts';
import { readWholeResponses } from '../../support/responses-grammar.ts';

const usage = {
  inputTokens: 5,
  outputTokens: 7,
  cacheReadTokens: 2,
  cacheWriteTokens: 0,
  reasoningTokens: 3,
};
const STREAM = encodeResponses([
  { type: 'start', usage: null },
  { type: 'text', text: 'Hi' },
  { type: 'usage', usage },
  { type: 'finish', reason: 'stop', stopSequence: null },
]);
const framesOf = (text: string) => createFrameSplitter().push(bytesOf(text));
const decode = (bytes: Uint8Array | string) =>
  typeof bytes === 'string' ? bytes : new TextDecoder().decode(bytes);
/** Without `event:` lines, as Codex takes it and some servers send it. */
const BARE = STREAM.replaceAll(/^event: .*\n/gm, '');

test('begin, content, end and usage are seen, with and without event lines, however the bytes arrive', () => {
  for (const text of [STREAM, BARE]) {
    for (const pieces of cutEverywhere(bytesOf(text)).filter((_, i) => i % 17 === 0)) {
      const splitter = createFrameSplitter();
      const watcher = createStreamWatcher('responses');
      const sights = pieces.flatMap((piece) => splitter.push(piece)).map((frame) => watcher.see(frame));
      assert.deepEqual(sights.slice(0, 2), ['begun', 'begun']);
      assert.deepEqual(new Set(sights.slice(2, -1)), new Set(['content']));
      assert.equal(sights.at(-1), 'end');
      assert.deepEqual([watcher.mayEnd(), watcher.usage()], [true, usage]);
    }
  }
});

test('a stream that is whole passes byte by byte', () => {
  const { bytes, state } = createPassthrough('responses', 'req').push(framesOf(STREAM));
  assert.deepEqual([decode(bytes), state], [STREAM, 'completed']);
});

test('a stream cut after any frame ends as response.failed of the same response, numbered on', () => {
  const frames = framesOf(STREAM);
  for (let length = 0; length < frames.length; length++) {
    const passthrough = createPassthrough('responses', 'req');
    const sent = decode(passthrough.push(frames.slice(0, length)).bytes);
    const { bytes, state } = passthrough.end();
    assert.equal(state, 'failed');
    const last = decode(bytes);
    const [, data = ''] = /^event: response\.failed\ndata: (.*)\n\n$/.exec(last) ?? [];
    const { sequence_number, response } = JSON.parse(data);
    assert.equal(sequence_number, length);
    assert.deepEqual([response.status, response.error.code], ['failed', 'server_error']);
    if (length > 0) assert.equal(response.id, 'resp_test');
    assert.ok(sent.length > 0 || length === 0);
  }
});

test('an error event, which Codex passes over, is said as response.failed', () => {
  const passthrough = createPassthrough('responses', 'req');
  const error =
    '{"type":"error","code":"server_is_overloaded","message":"Busy.","param":null,"sequence_number":2}';
  const cut = STREAM.indexOf('event: response.output_item.added');
  const { bytes, state } = passthrough.push(
    framesOf(`${STREAM.slice(0, cut)}event: error\ndata: ${error}\n\n`),
  );
  const text = decode(bytes);
  assert.equal(state, 'failed');
  assert.doesNotMatch(text, /^event: error/m);
  assert.match(text, /event: response\.failed\ndata: .*"code":"server_is_overloaded","message":"Busy\."/);
});

test('response.failed of the backend passes as it is', () => {
  const failed = encodeResponses([{ type: 'error', error: { code: 'rate_limited', message: 'Slow.' } }]);
  assert.equal(readWholeResponses(failed).ending, 'failed');
  const passthrough = createPassthrough('responses', 'req');
  const { bytes, state } = passthrough.push(framesOf(failed));
  assert.deepEqual([decode(bytes), state], [failed, 'failed']);
});

test('that the gateway’s own account is out of credit is not said as if it were the user’s', () => {
  const response = {
    id: 'resp_1',
    error: { code: 'insufficient_quota', message: 'You exceeded your quota.' },
  };
  const frame = `event: response.failed\ndata: ${JSON.stringify({ type: 'response.failed', response })}\n\n`;
  const text = decode(createPassthrough('responses', 'req').push(framesOf(frame)).bytes);
  assert.match(
    text,
    /"code":"invalid_prompt","message":"The backend refused the request: the gateway's account/,
  );
  assert.doesNotMatch(text, /You exceeded/);
});

test('what keeps the client waiting beside a passed stream is an event without a number of its own', () => {
  const passthrough = createPassthrough('responses', 'req');
  assert.equal(
    passthrough.keepAlive(),
    ': keepalive\n\n',
    'before the beginning, where the SDK takes no event',
  );
  passthrough.push(framesOf(STREAM).slice(0, 1));
  assert.match(passthrough.keepAlive(), /^event: (\w+)\ndata: \{"type":"\1"\}\n\n$/);
});
