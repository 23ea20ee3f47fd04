/** What Node's parser refuses before there is a request: answered by hand, in an envelope that either dialect reads. */

import type { Duplex } from 'node:stream';
import { ERRORS, type ErrorCode, GatewayError } from '../errors.ts';
import { toErrorBody } from '../protocol/error-body.ts';
import { STATUS_CODES } from './node-http.ts';

interface Row {
  readonly code: ErrorCode;
  readonly message: string;
}

const ROWS: Readonly<Record<string, Row>> = {
  HPE_HEADER_OVERFLOW: {
    code: 'headers_too_large',
    message: 'The headers are larger than 32 KiB; ask for a token that lists fewer groups or roles.',
  },
  ERR_HTTP_REQUEST_TIMEOUT: { code: 'request_timeout', message: 'The request was not sent in time.' },
};
const MALFORMED: Row = { code: 'invalid_request', message: 'This is not a valid HTTP/1.1 request.' };

/** @param error as the server's `clientError` event gives it */
export function readUnreadable(error: Error & { readonly code?: string }): GatewayError {
  const { code, message } = ROWS[error.code ?? ''] ?? MALFORMED;
  return new GatewayError(code, message);
}

/**
 * Answers and closes.
 *
 * @param id names the refusal; nothing else is known of the request
 */
export function refuseUnreadable({ code, message }: GatewayError, socket: Duplex, id: string): void {
  const { status } = ERRORS[code];
  const body = JSON.stringify(toErrorBody('anthropic', code, message, id));
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nconnection: close\r\ncontent-type: application/json\r\n` +
      `request-id: ${id}\r\nx-request-id: ${id}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    () => socket.destroy(),
  );
}
