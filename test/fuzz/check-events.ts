/** What must hold for an encoder, whatever events come in whatever order. */
import assert from 'node:assert/strict';
import { CLIENT_DIALECTS } from '../../src/protocol/dialects.ts';
import type { FinishReason, ReplyEvent } from '../../src/protocol/reply-events.ts';
import type { Dialect } from '../../src/types.ts';
import { fuzzContext } from './context.ts';
import { GRAMMARS } from './grammars.ts';

type Json = Record<string, unknown>;

const REASONS: readonly FinishReason[] = [
  'stop',
  'stop-sequence',
  'length',
  'tool-calls',
  'refusal',
  'pause',
];
const text = (value: unknown): string => (typeof value === 'string' ? value : `a ${typeof value}`);
const count = (value: unknown): number =>
  Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : 0;

/** The types hold, so mutated fields are made what their type says; their values and order are anything. */
const READERS: Readonly<Record<string, (event: Json) => ReplyEvent>> = {
  start: ({ usage }) => ({ type: 'start', usage: toUsage(usage) }),
  text: (event) => ({ type: 'text', text: text(event.text) }),
  reasoning: (event) => ({ type: 'reasoning', text: text(event.text) }),
  'reasoning-signature': (event) => ({ type: 'reasoning-signature', signature: text(event.signature) }),
  'redacted-reasoning': (event) => ({ type: 'redacted-reasoning', data: text(event.data) }),
  'tool-start': ({ key, id, name }) => ({
    type: 'tool-start',
    key: text(key),
    id: text(id),
    name: text(name) || 'unnamed',
  }),
  'tool-arguments': ({ key, json }) => ({ type: 'tool-arguments', key: text(key), json: text(json) }),
  'tool-end': ({ key }) => ({ type: 'tool-end', key: text(key) }),
  usage: ({ usage }) => ({ type: 'usage', usage: toUsage(usage) ?? NO_USAGE }),
  finish: ({ reason, stopSequence }) => ({
    type: 'finish',
    reason: REASONS.find((one) => one === reason) ?? 'stop',
    stopSequence: typeof stopSequence === 'string' ? stopSequence : null,
  }),
  error: () => ({ type: 'error', error: { code: 'backend_failed', message: 'It failed.' } }),
};

const NO_USAGE = {
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  reasoningTokens: 0,
};

function toUsage(value: unknown) {
  if (typeof value !== 'object' || value === null) return null;
  const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, reasoningTokens } = value as Json;
  return {
    inputTokens: count(inputTokens),
    outputTokens: count(outputTokens),
    cacheReadTokens: count(cacheReadTokens),
    cacheWriteTokens: count(cacheWriteTokens),
    reasoningTokens: count(reasoningTokens),
  };
}

function readEvents(input: Uint8Array): readonly ReplyEvent[] {
  const value: unknown = JSON.parse(new TextDecoder().decode(input));
  const list = Array.isArray(value) ? value.slice(0, 200) : [value];
  return list.flatMap((one) => {
    const event = (typeof one === 'object' && one !== null ? one : {}) as Json;
    const type = text(event.type);
    return Object.hasOwn(READERS, type) ? [(READERS[type] as (event: Json) => ReplyEvent)(event)] : [];
  });
}

/** Legal after every event, silent after the ending, and the whole reply is JSON. */
export function checkEvents(dialect: Dialect, input: Uint8Array): void {
  const events = readEvents(input);
  const encoder = CLIENT_DIALECTS[dialect].createEncoder(fuzzContext(dialect));
  let sent = '';
  let ended = false;
  for (const event of events) {
    const more = encoder.push(event);
    if (ended) assert.equal(more, '', 'nothing follows an ending');
    sent += more + encoder.keepAlive();
    ended ||= event.type === 'finish' || event.type === 'error';
  }
  const stream = GRAMMARS[dialect].readPart(sent);
  assert.equal(stream.ending !== 'open', ended, 'an answer ends when it is said to, and only then');
  const reply = CLIENT_DIALECTS[dialect].encodeReply(events, fuzzContext(dialect));
  assert.notEqual(JSON.stringify(reply), undefined);
}
