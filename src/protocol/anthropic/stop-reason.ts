/** Why an answer stopped, in Anthropic's words: derived from what was sent rather than trusted (P9, §5.5). */
import type { FinishReason, ReplyError, ReplyEvent } from '../reply-events.ts';

/** What the client has been sent. */
export interface SentBlocks {
  readonly text: boolean;
  readonly tools: boolean;
}

export interface Stop {
  readonly stop_reason: string;
  readonly stop_sequence: string | null;
  readonly stop_details?: object;
}

const REASONS: Readonly<Record<FinishReason, string>> = {
  stop: 'end_turn',
  'stop-sequence': 'stop_sequence',
  length: 'max_tokens',
  'tool-calls': 'end_turn',
  refusal: 'refusal',
  pause: 'pause_turn',
};

/** With these the model has said its say, so calls that were sent are to be run. */
const MAY_CALL: ReadonlySet<FinishReason> = new Set(['stop', 'stop-sequence', 'tool-calls']);

/**
 * Claude Code runs into a dead end on `tool_use` without a tool, so that is never said; an answer that announces
 * calls and holds nothing at all has failed.
 */
export function readStop(
  finish: Extract<ReplyEvent, { type: 'finish' }>,
  sent: SentBlocks,
): Stop | ReplyError {
  const { reason, stopSequence } = finish;
  if (sent.tools && MAY_CALL.has(reason)) return { stop_reason: 'tool_use', stop_sequence: null };
  if (reason === 'tool-calls' && !sent.text) {
    return { code: 'backend_failed', message: 'The backend announced a tool call and sent none.' };
  }
  return {
    stop_reason: REASONS[reason],
    stop_sequence: reason === 'stop-sequence' ? stopSequence : null,
    ...(reason === 'refusal' ? { stop_details: { type: 'refusal', category: null, explanation: null } } : {}),
  };
}
