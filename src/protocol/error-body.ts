/** How an error is said in each dialect: as a whole body and inside a stream that has already begun. */
import { ERRORS, type ErrorCode } from '../errors.ts';
import type { Dialect } from '../types.ts';

interface Said {
  readonly code: ErrorCode;
  readonly message: string;
  readonly requestId: string;
  /** Milliseconds since the epoch. */
  readonly resetsAt?: number | undefined;
}

const BODIES: Readonly<Record<Dialect, (said: Said) => object>> = {
  anthropic: ({ code, message, requestId }) => ({
    type: 'error',
    error: { type: ERRORS[code].anthropicType, message },
    request_id: requestId,
  }),
  openai: ({ code, message }) => ({
    error: { message, type: ERRORS[code].openaiType, param: null, code: ERRORS[code].openaiCode },
  }),
  responses: ({ code, message, resetsAt }) => {
    const { openaiType, openaiCode, responses = {} } = ERRORS[code];
    const { type = openaiType, code: word = openaiCode } = responses;
    const reset = resetsAt === undefined ? {} : { resets_at: Math.ceil(resetsAt / 1000) };
    return { error: { message, type, param: null, code: word, ...reset } };
  },
};

/**
 * The JSON body of an error answer.
 *
 * @param requestId shown in the Anthropic envelope; OpenAI's have no place for it (they have `x-request-id`)
 * @param resetsAt when what was used up is there again, milliseconds since the epoch: Codex shows it in local time
 */
export function toErrorBody(
  dialect: Dialect,
  code: ErrorCode,
  message: string,
  requestId: string,
  resetsAt?: number,
): object {
  return BODIES[dialect]({ code, message, requestId, resetsAt });
}

/**
 * The last frame of a stream that failed after it had begun. Nothing may follow it, no `[DONE]` either.
 *
 * The Anthropic SDK ignores an error frame without an `event:` line, and openai-node throws on one that has it
 * (translation.md §6.1, both measured), so the two differ in more than their JSON. Responses has none: there a stream
 * fails by an event of its own (`responses/failed-response.ts`).
 */
export function toStreamError(
  dialect: Exclude<Dialect, 'responses'>,
  code: ErrorCode,
  message: string,
  requestId: string,
): string {
  const data = JSON.stringify(toErrorBody(dialect, code, message, requestId));
  return dialect === 'anthropic' ? `event: error\ndata: ${data}\n\n` : `data: ${data}\n\n`;
}
