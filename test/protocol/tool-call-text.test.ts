import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FinishReason, ReplyEvent } from '../../src/protocol/reply-events.ts';
import { createToolTextNotice } from '../../src/protocol/tool-call-text.ts';

const text = (words: string): ReplyEvent => ({ type: 'text', text: words });
const finish = (reason: FinishReason = 'stop'): ReplyEvent => ({
  type: 'finish',
  reason,
  stopSequence: null,
});

function noticed(...events: readonly ReplyEvent[]): number {
  let count = 0;
  const filter = createToolTextNotice(() => {
    count++;
  });
  for (const event of events) assert.deepEqual(filter([event]), [event]);
  return count;
}

test('a call written as text is noticed once, at the end of its answer', () => {
  assert.equal(noticed(text('<tool_call>\n{"name":"f"}\n</tool_call>'), finish()), 1);
  assert.equal(noticed(text('Let me see.\n<tool'), text('_call>{}\n<tool_call>{}'), finish()), 1);
  assert.equal(noticed(text('<tool_call>{}')), 0);
});

test('speaking of the mark within a line is no call', () => {
  assert.equal(noticed(text('Write <tool_call> first.'), finish()), 0);
});

test('nothing is noticed where a real call came too, or where the answer was cut', () => {
  const call: ReplyEvent = { type: 'tool-start', key: '0', id: 'a', name: 'f' };
  assert.equal(noticed(text('<tool_call>'), call, text('x'), finish('tool-calls')), 0);
  assert.equal(noticed(text('<tool_call>{"name"'), finish('length')), 0);
});
