/**
 * A look at a backend's stream as it passes: has the answer begun, how many tokens, has it ended well. Only the few
 * frames that can tell are parsed.
 */
import type { Dialect, Usage } from '../types.ts';
import { toStreamError } from './error-body.ts';
import { asList, asObject, asText, isObject, type JsonObject, parseJson } from './json.ts';
import { readAnthropicUsage, readOpenAIUsage } from './read-usage.ts';
import { watchResponses } from './responses/watch-responses.ts';
import type { RawFrame } from './sse.ts';
import type { Sight, StreamWatcher } from './stream-watcher.ts';
import { readEmbeddedError } from './upstream-error.ts';

/** Makes a watcher for one stream of a dialect. */
export function createStreamWatcher(dialect: Dialect): StreamWatcher {
  return WATCHERS[dialect]();
}

const WATCHERS: Readonly<Record<Dialect, () => StreamWatcher>> = {
  anthropic: watchAnthropic,
  openai: watchOpenAI,
  responses: watchResponses,
};

const ANTHROPIC_SIGHTS: ReadonlyMap<string, Sight> = new Map<string, Sight>([
  ['message_start', 'begun'],
  ['content_block_start', 'content'],
  ['content_block_delta', 'content'],
  ['content_block_stop', 'content'],
  ['message_delta', 'content'],
  ['message_stop', 'end'],
  ['error', 'error'],
]);

function watchAnthropic(): StreamWatcher {
  let usage: Usage | null = null;
  let ended = false;
  return {
    see(frame) {
      const event = frame.event() || asText(asObject(parseJson(frame.data())).type);
      const sight = ANTHROPIC_SIGHTS.get(event) ?? (event === '' ? sightOfForeign(frame) : 'nothing');
      if (event === 'message_start' || event === 'message_delta') {
        const data = asObject(parseJson(frame.data()));
        const holder = event === 'message_start' ? asObject(data.message) : data;
        usage = readAnthropicUsage(holder.usage, usage);
      }
      ended ||= sight === 'end';
      return sight;
    },
    mayEnd: () => ended,
    usage: () => usage,
    keepAlive: () => 'event: ping\ndata: {"type":"ping"}\n\n',
    // Anthropic's SDK passes over an error without its `event:` line, and waits on.
    hears: (frame) => frame.event() === 'error',
    fail: (error, requestId) => toStreamError('anthropic', error.code, error.message, requestId),
  };
}

/** Proxies before a backend put errors of their own shape, without a type, into its stream (§6.1). */
function sightOfForeign(frame: RawFrame): Sight {
  return readEmbeddedError(parseJson(frame.data())) === null ? 'nothing' : 'error';
}

/** Cheap signs that an OpenAI frame tells something beside content. */
const TELLING = /"usage"\s*:\s*\{|"finish_reason"\s*:\s*"|"error"\s*:/;

function watchOpenAI(): StreamWatcher {
  let usage: Usage | null = null;
  let begun = false;
  let finished = false;
  const look = (data: JsonObject): Sight => {
    if (data.error !== undefined && data.error !== null) return 'error';
    usage = readOpenAIUsage(data.usage, usage);
    const choices = asList(data.choices).map(asObject);
    const finish = asText(choices[0]?.finish_reason);
    finished ||= finish !== '' && finish !== 'null';
    if (choices.length === 0 && isObject(data.usage)) return 'usage';
    if (finished || choices.some((choice) => hasContent(choice.delta))) return 'content';
    return 'begun';
  };
  return {
    see(frame) {
      const data = frame.data();
      if (data === '') return 'nothing';
      if (data.trim() === '[DONE]') {
        finished = true;
        return 'end';
      }
      if (begun && !TELLING.test(data)) return 'content';
      const json = parseJson(data);
      if (!isObject(json)) return 'nothing';
      const sight = look(json);
      begun ||= sight === 'content';
      return sight;
    },
    mayEnd: () => finished,
    usage: () => usage,
    keepAlive: () => ': keepalive\n\n',
    hears: () => true,
    fail: (error, requestId) => toStreamError('openai', error.code, error.message, requestId),
  };
}

/** A delta that carries more than the role. */
function hasContent(delta: unknown): boolean {
  return Object.entries(asObject(delta)).some(
    ([key, value]) => key !== 'role' && value !== null && value !== '' && !isEmptyList(value),
  );
}

const isEmptyList = (value: unknown) => Array.isArray(value) && value.length === 0;
