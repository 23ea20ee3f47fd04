/**
 * PURE. How long an answer may become so that it fits the model's context beside its prompt (translation.md A-81).
 */
import { type ContextOverflow, describeContextOverflow } from '../protocol/context-overflow.ts';

/** Tokens left free beside an estimated prompt, for what no estimate sees: the chat template's own. */
export const MARGIN = 256;

/** An answer with less room is not worth having: the conversation should be compacted instead. */
export const LEAST_ANSWER = 2048;

/** Bytes a token has at least, on average, in code and prose alike (M-02). */
const BYTES_PER_TOKEN = 3.5;

const TOKENS_PER_MEDIA = 1600;

/** Tokens of a prompt, erring high: its bytes without images and documents, and the number of those. */
export function estimatePrompt(size: { readonly textBytes: number; readonly media: number }): number {
  return Math.ceil(size.textBytes / BYTES_PER_TOKEN) + size.media * TOKENS_PER_MEDIA;
}

/** Whether a body of so many bytes and its answer fit without any estimate: no token has less than one byte. */
export function surelyFits(maxTokens: number, bodyBytes: number, window: number): boolean {
  return maxTokens + bodyBytes + MARGIN <= window;
}

/**
 * `max_tokens` for a prompt estimated at so many tokens. Never below {@link LEAST_ANSWER} (or what was asked, where
 * that is less): the estimate errs high, and what is truly too long the backend says in exact numbers.
 */
export function fitMaxTokens(asked: number, promptTokens: number, window: number): number {
  const least = Math.min(LEAST_ANSWER, Math.floor(window / 2));
  return Math.min(asked, Math.max(window - promptTokens - MARGIN, least));
}

/**
 * `max_tokens` for one more try after a backend's refusal, or null when none can help: the prompt itself does not
 * fit, or leaves less room than an answer needs.
 *
 * @param asked what was refused
 * @param estimate tokens of the prompt, for refusals that name only a floor
 */
export function roomAfter(overflow: ContextOverflow, asked: number, estimate: () => number): number | null {
  const { promptTokens, maxTokens, limit } = overflow;
  if (limit === null || limit <= 0 || (promptTokens === null && maxTokens === null)) return null;
  // Where only the answer was too much, the limit is one of answers, or the window to which vLLM then cuts by itself.
  const exact = limit - (promptTokens ?? 0);
  const room = isFloor(overflow)
    ? fitMaxTokens(asked, Math.max(estimate(), promptTokens ?? 0), limit)
    : exact;
  return room >= Math.min(asked, LEAST_ANSWER) && room < asked ? room : null;
}

/**
 * Tokens of a prompt that leave room for an answer in a window: what was asked for, {@link LEAST_ANSWER} where nothing
 * was, and never more than a quarter.
 */
export function promptRoom(asked: number | null, window: number): number {
  return window - Math.min(asked ?? LEAST_ANSWER, Math.floor(window / 4)) - MARGIN;
}

/**
 * vLLM stops counting one token beyond what would have fitted and names that ("at least"), so such a number says
 * nothing about the prompt's length.
 */
function isFloor({ promptTokens, maxTokens, limit }: ContextOverflow): boolean {
  if (promptTokens === null || maxTokens === null || limit === null) return false;
  return promptTokens <= limit && promptTokens + maxTokens === limit + 1;
}

/**
 * The refusal in the words that make Claude Code compact (E-10), whatever part of the request was too much. A prompt
 * within the window is held against what the window leaves beside the least answer, so that the numbers are true.
 */
export function sayTooLong(overflow: ContextOverflow, asked: number | null): string {
  const { promptTokens, limit } = overflow;
  const fits = promptTokens !== null && limit !== null && promptTokens <= limit;
  const least = Math.min(asked ?? LEAST_ANSWER, LEAST_ANSWER);
  const room = fits ? Math.max(0, Math.min(limit - least, promptTokens - 1)) : limit;
  return describeContextOverflow({ promptTokens, maxTokens: null, limit: room });
}
