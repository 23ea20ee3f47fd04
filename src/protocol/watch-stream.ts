/**
 * A look at a backend's stream as it passes: has the answer begun, how many tokens, has it ended well. Only the few
 * frames that can tell are parsed.
 */
import type { Dialect, Usage } from '../types.ts';
import { readAnthropicUsage, readOpenAIUsage } from './read-usage.ts';
import type { RawFrame } from './sse.ts';

/** What one frame means for the relay. */
export type Sight =
  /** Nothing to act on. */
  | 'nothing'
  /** The answer has begun, without content so far. */
  | 'begun'
  | 'content'
  | 'error'
  /** The answer is complete; what follows is no part of it. */
  | 'end';

export interface StreamWatcher {
  see(frame: RawFrame): Sight;
  /** Whether the bytes may end here: a finish was seen (OpenAI backends may leave out `[DONE]`). */
  mayEnd(): boolean;
  /** Tokens as far as the stream has told. */
  usage(): Usage | null;
}

/** Makes a watcher for one stream of a dialect. */
export function createStreamWatcher(dialect: Dialect): StreamWatcher {
  return dialect === 'anthropic' ? watchAnthropic() : watchOpenAI();
}

type Json = Readonly<Record<string, unknown>>;

function parse(data: string): Json | null {
  try {
    const value: unknown = JSON.parse(data);
    return typeof value === 'object' && value !== null ? (value as Json) : null;
  } catch {
    return null;
  }
}

const ANTHROPIC_SIGHTS: Readonly<Record<string, Sight>> = {
  message_start: 'begun',
  content_block_start: 'content',
  content_block_delta: 'content',
  content_block_stop: 'content',
  message_delta: 'content',
  message_stop: 'end',
  error: 'error',
};

function watchAnthropic(): StreamWatcher {
  let usage: Usage | null = null;
  let ended = false;
  return {
    see(frame) {
      const event = frame.event() || String(parse(frame.data())?.type ?? '');
      const sight = ANTHROPIC_SIGHTS[event] ?? 'nothing';
      if (event === 'message_start' || event === 'message_delta') {
        const data = parse(frame.data());
        const holder = (event === 'message_start' ? data?.message : data) as Json | null | undefined;
        usage = readAnthropicUsage(holder?.usage, usage);
      }
      ended ||= sight === 'end';
      return sight;
    },
    mayEnd: () => ended,
    usage: () => usage,
  };
}

/** Cheap signs that an OpenAI frame tells something beside content. */
const TELLING = /"usage"\s*:\s*\{|"finish_reason"\s*:\s*"|"error"\s*:/;

function watchOpenAI(): StreamWatcher {
  let usage: Usage | null = null;
  let begun = false;
  let finished = false;
  const look = (data: Json): Sight => {
    if (data.error !== undefined && data.error !== null) return 'error';
    usage = readOpenAIUsage(data.usage, usage);
    const choices = Array.isArray(data.choices) ? (data.choices as readonly Json[]) : [];
    const finish = choices[0]?.finish_reason;
    finished ||= typeof finish === 'string' && finish !== '' && finish !== 'null';
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
      const json = parse(data);
      if (json === null) return 'nothing';
      const sight = look(json);
      begun ||= sight === 'content';
      return sight;
    },
    mayEnd: () => finished,
    usage: () => usage,
  };
}

/** A delta that carries more than the role. */
function hasContent(delta: unknown): boolean {
  if (typeof delta !== 'object' || delta === null) return false;
  return Object.entries(delta).some(
    ([key, value]) => key !== 'role' && value !== null && value !== '' && !isEmptyList(value),
  );
}

const isEmptyList = (value: unknown) => Array.isArray(value) && value.length === 0;
