/** Answers that are not relayed: JSON and errors, always with the request's id. */
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ERRORS, GatewayError } from '../errors.ts';
import { toErrorBody } from '../protocol/error-body.ts';
import { failedResponse } from '../protocol/responses/failed-response.ts';
import { createPassthrough } from '../protocol/transcribe.ts';
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

/** Sends a JSON answer, or says that it is the one that the client has kept. */
export function sendUnlessKnown(scope: Scope, body: unknown): void {
  const { request, response } = scope;
  const text = JSON.stringify(body);
  const etag = `"${createHash('sha256').update(text).digest('base64url')}"`;
  if (request.headers['if-none-match'] === etag) response.writeHead(304, { ...idHeaders(scope), etag }).end();
  else sendBytes(scope, 200, text, { 'content-type': 'application/json', etag });
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
    // RFC 9110 §8.6: none with 204, and with 304 only that of the answer which is spared.
    ...(status !== 204 && status !== 304 && { 'content-length': Buffer.byteLength(body) }),
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
  if (details.status !== undefined) return details.status;
  const { status, openaiStatus = status, responses } = ERRORS[code];
  return { anthropic: status, openai: openaiStatus, responses: responses?.status ?? openaiStatus }[dialect];
}

/** Answers with an error in the caller's dialect, or cuts the connection when an answer has already begun. */
export function sendError(scope: Scope, error: GatewayError, headers: Headers = {}): void {
  const { response, dialect, id } = scope;
  if (response.headersSent) {
    // A stream that was opened while its request waited has had nothing but whole frames so far.
    if (isEarlyStream(response))
      response.end(createPassthrough(dialect, id).fail({ code: error.code, message: error.message }));
    else response.destroy();
    return;
  }
  const status = statusOf(error, dialect);
  const all = { ...headers, ...errorHeaders(error, dialect) };
  if (status >= 500 && readsEventsOnly(scope)) {
    const failed = failedResponse(notBegun(id), 0, error);
    sendBytes(scope, 200, failed, { ...all, 'content-type': 'text/event-stream; charset=utf-8' });
    return;
  }
  sendJson(scope, status, toErrorBody(dialect, error.code, error.message, id, error.details.resetsAt), all);
}

/** The relay's own streams give their headers all at once, where they cannot be read back. */
function isEarlyStream(response: ServerResponse): boolean {
  return (
    !response.writableEnded && String(response.getHeader('content-type')).startsWith('text/event-stream')
  );
}

/**
 * Codex asks for `text/event-stream` alone. To a 5xx it comes back 29 times; to a stream that says that it failed,
 * five times or not at all, and it shows the sentence (codex.md §5). SDKs take JSON too, and want the status.
 */
export function readsEventsOnly({ dialect, request }: Scope): boolean {
  return dialect === 'responses' && request.headers.accept?.trim() === 'text/event-stream';
}

/** A response that came to nothing. */
const notBegun = (id: string) => ({ id: `resp_${id}`, object: 'response', output: [], usage: null });

/** Longer waits are not told to Codex, which would sit them out without a word (codex.md §5); seconds. */
const LONGEST_SILENCE = 60;

/** Retry advice and whatever the error brings along. */
export function errorHeaders({ code, details }: GatewayError, dialect: Dialect): Headers {
  const { shouldRetry } = ERRORS[code];
  const { retryAfterSeconds: wait } = details;
  const isTold = wait !== undefined && (dialect !== 'responses' || wait <= LONGEST_SILENCE);
  return {
    ...(shouldRetry !== undefined && { 'x-should-retry': String(shouldRetry) }),
    ...(isTold && { 'retry-after': String(Math.ceil(wait)) }),
    ...details.headers,
  };
}
