import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createFrameSplitter, type RawFrame } from '../../src/protocol/sse.ts';
import type { Sight } from '../../src/protocol/stream-watcher.ts';
import { createStreamWatcher } from '../../src/protocol/watch-stream.ts';
import type { Dialect } from '../../src/types.ts';
import { anthropicStream, openaiStream } from '../support/mock-replies.ts';
import { sseFrame } from '../support/sse.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

/** Watches a stream handed over in the given pieces. */
function watch(dialect: Dialect, pieces: readonly Uint8Array[]) {
  const splitter = createFrameSplitter();
  const watcher = createStreamWatcher(dialect);
  const sights: Sight[] = [];
  for (const piece of pieces) for (const frame of splitter.push(piece)) sights.push(watcher.see(frame));
  return { sights, usage: watcher.usage(), mayEnd: watcher.mayEnd() };
}

const ANSWER = {
  thinking: 'hm',
  text: 'Hello "usage": {} world',
  usage: { input: 30, output: 12, cacheRead: 4 },
};
const STREAMS = {
  anthropic: anthropicStream(ANSWER).stream.join(''),
  openai: openaiStream(ANSWER).stream.join(''),
} as const;
const USAGE = {
  inputTokens: 30,
  outputTokens: 12,
  cacheReadTokens: 4,
  cacheWriteTokens: 0,
  reasoningTokens: 0,
};

for (const dialect of ['anthropic', 'openai'] as const) {
  test(`${dialect}: content, end and usage are seen at whatever boundaries the bytes arrive`, () => {
    const whole = watch(dialect, [bytes(STREAMS[dialect])]);
    assert.deepEqual(whole.usage, USAGE);
    assert.equal(whole.sights.at(-1), 'end');
    assert.ok(whole.sights.indexOf('content') > 0);
    const all = bytes(STREAMS[dialect]);
    fc.assert(
      fc.property(fc.array(fc.nat({ max: all.length }), { maxLength: 12 }), (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), all.length];
        const pieces = at.slice(1).map((end, index) => all.subarray(at[index], end));
        assert.deepEqual(watch(dialect, pieces), whole);
      }),
    );
  });

  test(`${dialect}: a stream cut before its finish may not end there`, () => {
    const frames = STREAMS[dialect].split(/(?<=\n\n)/);
    const finish =
      dialect === 'anthropic' ? frames.length - 1 : frames.findIndex((f) => f.includes('"finish_reason":"'));
    for (let kept = 0; kept < finish; kept++) {
      assert.equal(watch(dialect, [bytes(frames.slice(0, kept).join(''))]).mayEnd, false, `${kept} frames`);
    }
  });
}

function sight(dialect: Dialect, ...frames: string[]): Sight | undefined {
  return watch(dialect, frames.map(bytes)).sights.at(-1);
}

test('the role alone is no content', () => {
  assert.equal(
    sight('openai', sseFrame({ choices: [{ delta: { role: 'assistant', content: '' } }] })),
    'begun',
  );
  assert.equal(
    sight('openai', sseFrame({ choices: [{ delta: { role: 'assistant', content: null, tool_calls: [] } }] })),
    'begun',
  );
  assert.equal(
    sight('anthropic', sseFrame({ type: 'message_start', message: {} }, 'message_start')),
    'begun',
  );
});

test('reasoning and tool calls are content', () => {
  assert.equal(sight('openai', sseFrame({ choices: [{ delta: { reasoning: 'x' } }] })), 'content');
  assert.equal(
    sight('openai', sseFrame({ choices: [{ delta: { tool_calls: [{ index: 0 }] } }] })),
    'content',
  );
});

test('pings and comments are nothing', () => {
  assert.equal(sight('anthropic', sseFrame({ type: 'ping' }, 'ping')), 'nothing');
  assert.equal(sight('openai', ': waiting\n\n'), 'nothing');
});

test('an error is seen first, in the middle and without an event name', () => {
  assert.equal(sight('anthropic', sseFrame({ type: 'error', error: {} }, 'error')), 'error');
  assert.equal(sight('anthropic', sseFrame({ type: 'error', error: {} })), 'error');
  assert.equal(sight('openai', sseFrame({ error: { message: 'x' } })), 'error');
  assert.equal(
    sight(
      'openai',
      sseFrame({ choices: [{ delta: { content: 'a' } }] }),
      sseFrame({ error: { message: 'x' } }),
    ),
    'error',
  );
});

test('"error": null in a chunk is no error, and text that speaks of one is content', () => {
  const first = sseFrame({ choices: [{ delta: { content: 'a' } }] });
  assert.equal(
    sight('openai', first, sseFrame({ error: null, choices: [{ delta: { content: 'b' } }] })),
    'content',
  );
  assert.equal(
    sight('openai', first, sseFrame({ choices: [{ delta: { content: 'the "error": "x"' } }] })),
    'content',
  );
});

test('an empty finish reason is none', () => {
  const chunk = (finish: unknown) => sseFrame({ choices: [{ delta: {}, finish_reason: finish }] });
  for (const none of ['', 'null', null]) assert.equal(watch('openai', [bytes(chunk(none))]).mayEnd, false);
  assert.equal(watch('openai', [bytes(chunk('stop'))]).mayEnd, true);
});

test('whatever a frame holds, looking at it does not throw', () => {
  fc.assert(
    fc.property(
      fc.constantFrom<Dialect>('anthropic', 'openai'),
      fc.json(),
      fc.string(),
      (dialect, json, event) => {
        const watcher = createStreamWatcher(dialect);
        const frame: RawFrame = { bytes: bytes(''), event: () => event, data: () => json };
        watcher.see(frame);
        watcher.see({ ...frame, event: () => 'message_delta' });
        watcher.usage();
      },
    ),
  );
});
