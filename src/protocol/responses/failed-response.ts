/** How a Responses stream says that it failed: by the one event after which Codex stops (codex.md §4, measured). */
import type { ErrorCode } from '../../errors.ts';
import type { JsonObject } from '../json.ts';
import type { ReplyError } from '../reply-events.ts';

/**
 * `response.error.code` by our own code. Codex gives up at once, and shows the sentence, on `invalid_prompt`; on
 * `server_is_overloaded`, `insufficient_quota` and `context_length_exceeded` it gives up with words of its own; on
 * every other code it tries five times more.
 */
const FAILED_CODES: Readonly<Partial<Record<ErrorCode, string>>> = {
  context_overflow: 'context_length_exceeded',
  quota_exhausted: 'insufficient_quota',
  rate_limited: 'rate_limit_exceeded',
  backend_overloaded: 'server_is_overloaded',
  invalid_request: 'invalid_prompt',
  not_supported: 'invalid_prompt',
  permission_denied: 'invalid_prompt',
  model_not_found: 'invalid_prompt',
  body_too_large: 'invalid_prompt',
  billing: 'invalid_prompt',
  backend_credential_rejected: 'invalid_prompt',
};

/** The `error` of a failed response. */
function toResponseError({ code, message }: ReplyError): JsonObject {
  return { code: FAILED_CODES[code] ?? 'server_error', message };
}

/**
 * The last frame of a stream that failed.
 *
 * @param response the response object as far as the client knows it
 * @param sequence number of this event
 */
export function failedResponse(response: JsonObject, sequence: number, error: ReplyError): string {
  const failed = { ...response, status: 'failed', error: toResponseError(error) };
  const data = JSON.stringify({ type: 'response.failed', sequence_number: sequence, response: failed });
  return `event: response.failed\ndata: ${data}\n\n`;
}
