import assert from 'node:assert/strict';

/** One event of a stream as a client reads it. */
export interface SseEvent {
  /** The `event:` field, empty where the stream has none. */
  readonly event: string;
  /** The `data:` lines joined with a line feed. */
  readonly data: string;
}

/** One frame on the wire; objects become JSON, strings (such as `[DONE]`) stay as they are. */
export function sseFrame(data: unknown, event?: string): string {
  const text = typeof data === 'string' ? data : JSON.stringify(data);
  return `${event === undefined ? '' : `event: ${event}\n`}data: ${text}\n\n`;
}

/** Reads a whole stream's text. Comments and fields other than `event` and `data` are skipped. */
export function parseSse(text: string): SseEvent[] {
  return text
    .replaceAll(/\r\n?/g, '\n')
    .split('\n\n')
    .map(parseFrame)
    .filter((frame) => frame !== null);
}

function parseFrame(block: string): SseEvent | null {
  const fields = block.split('\n').map((line) => {
    const colon = line.indexOf(':');
    const name = colon === -1 ? line : line.slice(0, colon);
    return { name, value: colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '') };
  });
  const data = fields.filter((field) => field.name === 'data').map((field) => field.value);
  if (data.length === 0) return null;
  return { event: fields.findLast((field) => field.name === 'event')?.value ?? '', data: data.join('\n') };
}

/** The JSON payloads of a stream, `[DONE]` left out. */
export function payloadsOf(events: readonly SseEvent[]): Record<string, unknown>[] {
  return events
    .filter((event) => event.data !== '[DONE]')
    .map((event) => JSON.parse(event.data) as Record<string, unknown>);
}

/**
 * Fails unless these events are one complete, legal Anthropic stream: `message_start` first, every block opened,
 * fed and closed in turn, then `message_delta` and `message_stop`; `ping` anywhere.
 */
export function assertAnthropicStream(events: readonly SseEvent[]): void {
  let open: unknown = null;
  let phase: 'before' | 'content' | 'delta' | 'done' = 'before';
  const steps: Record<string, (payload: Record<string, unknown>) => void> = {
    ping: () => undefined,
    message_start: () => {
      assert.equal(phase, 'before', 'message_start comes first and once');
      phase = 'content';
    },
    content_block_start: (payload) => {
      assert.equal(phase, 'content', 'a block starts between message_start and message_delta');
      assert.equal(open, null, 'the block before is closed');
      assert.equal(typeof payload.index, 'number');
      open = payload.index;
    },
    content_block_delta: (payload) => assert.equal(payload.index, open, 'a delta belongs to the open block'),
    content_block_stop: (payload) => {
      assert.equal(payload.index, open, 'the open block is closed');
      open = null;
    },
    message_delta: () => {
      assert.equal(phase, 'content');
      assert.equal(open, null, 'no block is open at message_delta');
      phase = 'delta';
    },
    message_stop: () => {
      assert.equal(phase, 'delta', 'message_delta comes before message_stop');
      phase = 'done';
    },
  };
  for (const { event, data } of events) {
    assert.notEqual(phase, 'done', `nothing follows message_stop, but ${event}`);
    const payload = JSON.parse(data) as Record<string, unknown>;
    assert.equal(payload.type, event, 'the event line names the payload type');
    const step = steps[event];
    assert.ok(step, `"${event}" is no event of a good stream: ${data}`);
    step(payload);
  }
  assert.equal(phase, 'done', 'the stream ends with message_stop');
}

/**
 * Fails unless these events are one complete, legal Chat Completions stream: one id throughout, exactly one finish
 * reason, nothing but a usage chunk after it, `[DONE]` last, and every tool call named when it starts.
 */
export function assertOpenAIStream(events: readonly SseEvent[]): void {
  assert.equal(events.at(-1)?.data, '[DONE]', 'the stream ends with [DONE]');
  const chunks = payloadsOf(events);
  assert.equal(events.length, chunks.length + 1, '[DONE] comes once');
  const started = new Set<unknown>();
  let finished = false;
  for (const chunk of chunks) {
    assert.equal(chunk.object, 'chat.completion.chunk');
    assert.equal(chunk.id, chunks[0]?.id, 'one id throughout');
    const choices = chunk.choices as { delta?: Record<string, unknown>; finish_reason?: unknown }[];
    if (choices.length === 0) continue;
    assert.equal(finished, false, 'no choice follows the finish reason');
    for (const call of (choices[0]?.delta?.tool_calls ?? []) as Record<string, unknown>[]) {
      if (!started.has(call.index)) assert.equal(typeof call.id, 'string', 'a tool call starts with its id');
      started.add(call.index);
    }
    finished = typeof choices[0]?.finish_reason === 'string';
  }
  assert.equal(finished, true, 'there is a finish reason');
}
