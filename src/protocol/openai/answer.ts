/** One answer of a Chat Completions backend, read chunk by chunk. */
import { asList, asObject, asText, isObject, type JsonObject } from '../json.ts';
import { readOpenAIUsage } from '../read-usage.ts';
import type { FinishReason, ReplyError, ReplyEvent } from '../reply-events.ts';
import { readEmbeddedError } from '../upstream-error.ts';
import { createToolCallAssembler, type ToolCallOptions } from './assemble-tool-calls.ts';
import { readSaid, type SaidPiece } from './read-delta.ts';
import { createThinkTagReader, type ThinkTagOptions } from './think-tags.ts';

export interface AnswerOptions extends ToolCallOptions {
  readonly thinkTags?: ThinkTagOptions | undefined;
}

export interface Answer {
  /** Reads one chunk; chunks after a finish still count, because some backends go on (S-53). */
  push(chunk: JsonObject): readonly ReplyEvent[];
  /** Whether the backend said that it failed; nothing may follow. */
  hasFailed(): boolean;
  /** What was held back, and the finish; `null` where none was seen. */
  end(): readonly ReplyEvent[] | null;
}

type Finish = Extract<ReplyEvent, { type: 'finish' }>;

/** What backends call the reasons to stop (§5.5). Anything else means the model stopped by itself. */
const FINISHES: ReadonlyMap<string, FinishReason> = new Map<string, FinishReason>([
  ['stop', 'stop'],
  ['length', 'length'],
  ['max_tokens', 'length'],
  ['model_length', 'length'],
  ['tool_calls', 'tool-calls'],
  ['function_call', 'tool-calls'],
  ['content_filter', 'refusal'],
]);

const FAILURES: ReadonlyMap<string, ReplyError> = new Map<string, ReplyError>([
  ['error', { code: 'backend_failed', message: 'The backend failed while it was answering.' }],
  ['abort', { code: 'backend_failed', message: 'The backend aborted its answer.' }],
  [
    'insufficient_system_resource',
    { code: 'backend_overloaded', message: 'The backend ran out of resources while it was answering.' },
  ],
]);

export function createAnswer(options: AnswerOptions): Answer {
  const calls = createToolCallAssembler(options);
  const tags = options.thinkTags === undefined ? null : createThinkTagReader(options.thinkTags);
  let begun = false;
  let failed = false;
  let refused = false;
  let finish: Finish | null = null;

  const say = (piece: SaidPiece): readonly ReplyEvent[] => {
    if (tags === null) return [piece];
    return piece.type === 'text' ? tags.push(piece.text) : [...tags.flush(), piece];
  };

  const readChoice = (choice: JsonObject): readonly ReplyEvent[] => {
    const delta = asObject(choice.delta);
    refused ||= asText(delta.refusal) !== '';
    const said = readSaid(delta).flatMap(say);
    const called = calls.push(delta);
    const flushed = called.length > 0 && tags !== null ? tags.flush() : [];
    const error = readFailure(choice);
    finish = readFinish(choice) ?? finish;
    failed = error !== null;
    return [...said, ...flushed, ...called, ...(error === null ? [] : [{ type: 'error', error } as const])];
  };

  return {
    push(chunk) {
      const choice = asList(chunk.choices).find(isFirstChoice);
      const events = [...(choice === undefined ? [] : readChoice(choice))];
      if (!begun) events.unshift({ type: 'start', usage: null });
      begun = true;
      return failed ? events : [...events, ...readUsage(chunk, choice)];
    },
    hasFailed: () => failed,
    end() {
      if (finish === null) return null;
      const isRefusal = refused && finish.reason === 'stop';
      const last: Finish = isRefusal ? { ...finish, reason: 'refusal' } : finish;
      return [...(tags?.flush() ?? []), ...calls.end(), last];
    },
  };
}

/** Only one answer is ever asked for (S-09). */
function isFirstChoice(choice: unknown): choice is JsonObject {
  return isObject(choice) && (choice.index === undefined || choice.index === null || choice.index === 0);
}

/** `null` where the choice goes on: no reason, an empty one, or the word "null" (S-54). */
function reasonOf(choice: JsonObject): string | null {
  const reason = asText(choice.finish_reason);
  return reason === '' || reason === 'null' ? null : reason;
}

function readFailure(choice: JsonObject): ReplyError | null {
  const known = FAILURES.get(reasonOf(choice) ?? '') ?? null;
  return readEmbeddedError(choice) ?? known;
}

/** vLLM names the stop sequence in `stop_reason`; a number there is a token of the model's own (S-51). */
function readFinish(choice: JsonObject): Finish | null {
  const reason = reasonOf(choice);
  if (reason === null) return null;
  if (reason === 'stop' && typeof choice.stop_reason === 'string') {
    return { type: 'finish', reason: 'stop-sequence', stopSequence: choice.stop_reason };
  }
  return { type: 'finish', reason: FINISHES.get(reason) ?? 'stop', stopSequence: null };
}

/** Usage comes in a chunk of its own, with the finish, in every chunk, in the choice or under `x_groq` (S-62). */
function readUsage(chunk: JsonObject, choice: JsonObject | undefined): readonly ReplyEvent[] {
  const places = [chunk.usage, choice?.usage, asObject(chunk.x_groq).usage];
  const usage = readOpenAIUsage(places.find(hasCounts));
  return usage === null ? [] : [{ type: 'usage', usage }];
}

function hasCounts(value: unknown): boolean {
  const { prompt_tokens, completion_tokens } = asObject(value);
  return typeof prompt_tokens === 'number' || typeof completion_tokens === 'number';
}
