/** A request's body, whole, within its limit, or a clear refusal. */
import type { IncomingMessage } from 'node:http';
import { giveBack } from '../body-memory.ts';
import { GatewayError } from '../errors.ts';
import type { Scope } from './request-scope.ts';

/**
 * Reads a JSON request body.
 *
 * @param limit bytes
 * @throws GatewayError `unsupported_media_type`, `body_too_large` (before reading, where the length is announced) or
 *   `invalid_request` when it is empty or cut off; the scope's reason when the client has gone
 */
export async function readBody(scope: Scope, limit: number): Promise<Uint8Array> {
  scope.signal.throwIfAborted();
  assertKind(scope.request, 'application/json');
  const body = await readBytes(scope, limit);
  if (body.length > 0) return body;
  throw new GatewayError('invalid_request', 'The request body is empty; expected a JSON object.');
}

/**
 * Reads a form, which may be empty.
 *
 * @param limit bytes
 * @throws GatewayError as {@link readBody}
 */
export async function readForm(scope: Scope, limit: number): Promise<URLSearchParams> {
  assertKind(scope.request, 'application/x-www-form-urlencoded');
  return new URLSearchParams(new TextDecoder().decode(await readBytes(scope, limit)));
}

/**
 * Reads a body of any kind.
 *
 * @param limit bytes
 * @throws GatewayError `body_too_large`, `invalid_request` when it is cut off; the scope's reason
 */
export async function readBytes({ request, response, signal }: Scope, limit: number): Promise<Uint8Array> {
  const announced = Number(request.headers['content-length'] ?? Number.NaN);
  if (announced > limit) throw tooLarge(limit);
  // Asked for only now, so that a body which is refused anyway is never sent. HTTP/1.0 does not know it.
  if (request.headers.expect !== undefined && request.httpVersion === '1.1') response.writeContinue();
  return collect(request, limit, announced, signal).catch((error: unknown) => {
    if (error instanceof GatewayError) throw error;
    signal.throwIfAborted();
    throw new GatewayError('invalid_request', 'The request body was cut off.', { cause: error });
  });
}

/** Up to here a body of announced length gets its memory at once; beyond, as it comes. Bytes. */
const AT_ONCE = 4 * 1024 * 1024;
/** Least memory for a body in several pieces, bytes. */
const AT_LEAST = 16 * 1024;
const NOTHING = Buffer.alloc(0);

/**
 * Events instead of an iterator, and each byte of a usual body copied once at most: half the time for a megabyte. A
 * body that came in one piece is not copied at all. Pieces are not kept: a body sent in chunks of one byte would
 * take a hundred times its length. Node gives each piece memory of its own.
 */
function collect(
  request: IncomingMessage,
  limit: number,
  announced: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const whole = announced <= AT_ONCE ? announced : 0;
  let body: Buffer = NOTHING;
  let size = 0;

  const take = (chunk: Buffer): void => {
    const next = size + chunk.length;
    if (size === 0) body = chunk;
    else {
      if (next > body.length) body = grow(body, size, Math.max(next, whole, AT_LEAST, 2 * body.length));
      chunk.copy(body, size);
      giveBack(chunk);
    }
    size = next;
  };
  const result = (): Buffer => body.subarray(0, size);

  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      request.off('data', onData).off('end', onEnd).off('error', onError).off('close', onError);
      signal.removeEventListener('abort', onStop);
      act();
    };
    const onData = (chunk: Buffer) => {
      if (size + chunk.length > limit) settle(() => reject(tooLarge(limit)));
      else take(chunk);
    };
    const onEnd = () => settle(() => resolve(result()));
    const onError = (error?: Error) => settle(() => reject(error ?? new Error('closed')));
    // Whoever stops the request says why; the body may never move again.
    const onStop = () => onError();
    signal.addEventListener('abort', onStop);
    request.on('data', onData).once('end', onEnd).once('error', onError).once('close', onError);
  });
}

function grow(body: Buffer, size: number, room: number): Buffer {
  const larger = Buffer.allocUnsafe(room);
  body.copy(larger, 0, 0, size);
  giveBack(body);
  return larger;
}

function tooLarge(limit: number): GatewayError {
  return new GatewayError('body_too_large', `The request body is larger than ${limit} bytes.`);
}

function assertKind({ headers }: IncomingMessage, wanted: string): void {
  const type = (headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (type !== wanted) {
    throw new GatewayError('unsupported_media_type', `content-type: expected ${wanted}`);
  }
  const encoding = (headers['content-encoding'] ?? 'identity').toLowerCase();
  if (encoding !== 'identity') {
    throw new GatewayError(
      'unsupported_media_type',
      'content-encoding: compressed requests are not accepted',
    );
  }
}
