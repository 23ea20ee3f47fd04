/** Answers that are not relayed: JSON and errors, always with the request's id. */
import type { IncomingMessage } from 'node:http';
import { ERRORS, GatewayError } from '../errors.ts';
import { toErrorBody } from '../protocol/error-body.ts';
import type { Dialect } from '../types.ts';
import type { Scope } from './request-scope.ts';

type Headers = Readonly<Record<string, string>>;

/** The request's id under both names that clients look for. */
export function idHeaders(scope: Scope): Headers {
  return { 'request-id': scope.id, 'x-request-id': scope.id };
}

/** Sends a JSON answer; a `HEAD` request gets its headers only. */
export function sendJson(scope: Scope, status: number, body: unknown, headers: Headers = {}): void {
  sendBytes(scope, status, JSON.stringify(body), { 'content-type': 'application/json', ...headers });
}

/** Sends a body as it is. */
export function sendBytes(scope: Scope, status: number, body: Uint8Array | string, headers: Headers): void {
  const { request, response } = scope;
  const unread = hasBody(request) && !request.complete;
  response.writeHead(status, {
    ...idHeaders(scope),
    // What follows on this connection is the rest of a body that nobody wants.
    ...(unread && { connection: 'close' }),
    ...headers,
    'content-length': Buffer.byteLength(body),
  });
  if (request.method !== 'HEAD') response.write(body);
  if (unread) endWhenRead(scope);
  else response.end();
}

/** Node calls no request complete before it was handed over, not even one without a body. */
function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** How long an unread body is swallowed, milliseconds. */
const LINGER_MS = 2000;

/**
 * Closing at once would reset the connection under a caller who is still sending, and take the answer away with it.
 */
function endWhenRead({ request, response }: Scope): void {
  const end = () => {
    clearTimeout(linger);
    response.end();
  };
  const linger = setTimeout(end, LINGER_MS);
  request.once('end', end).once('close', end).resume();
}

/** Any failure as one the caller can be told: foreign ones say nothing of themselves. */
export function toGatewayError(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  return new GatewayError('internal', 'The gateway failed to handle this request.', { cause: error });
}

/** The status an error is answered with in a dialect. */
export function statusOf({ code, details }: GatewayError, dialect: Dialect): number {
  const row = ERRORS[code];
  if (details.status !== undefined) return details.status;
  return dialect === 'anthropic' ? row.status : (row.openaiStatus ?? row.status);
}

/** Answers with an error in the caller's dialect, or cuts the connection when an answer has already begun. */
export function sendError(scope: Scope, error: GatewayError, headers: Headers = {}): void {
  if (scope.response.headersSent) {
    scope.response.destroy();
    return;
  }
  const body = toErrorBody(scope.dialect, error.code, error.message, scope.id);
  sendJson(scope, statusOf(error, scope.dialect), body, {
    ...headers,
    ...errorHeaders(error),
  });
}

/** Retry advice and whatever the error brings along. */
export function errorHeaders({ code, details }: GatewayError): Headers {
  const { shouldRetry } = ERRORS[code];
  return {
    ...(shouldRetry !== undefined && { 'x-should-retry': String(shouldRetry) }),
    ...(details.retryAfterSeconds !== undefined && {
      'retry-after': String(Math.ceil(details.retryAfterSeconds)),
    }),
    ...details.headers,
  };
}
