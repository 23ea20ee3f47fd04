/** A request's body, whole, within its limit, or a clear refusal. */
import type { IncomingMessage } from 'node:http';
import { GatewayError } from '../errors.ts';
import type { Scope } from './request-scope.ts';

/**
 * Reads a JSON request body.
 *
 * @param limit bytes
 * @throws GatewayError `unsupported_media_type`, `body_too_large` (before reading, where the length is announced) or
 *   `invalid_request` when it is empty or cut off; the scope's reason when the client has gone
 */
export async function readBody({ request, signal }: Scope, limit: number): Promise<Uint8Array> {
  checkKind(request);
  const announced = Number(request.headers['content-length'] ?? Number.NaN);
  if (announced > limit) throw tooLarge(limit);
  const body = await collect(request, limit, announced).catch((error: unknown) => {
    if (error instanceof GatewayError) throw error;
    signal.throwIfAborted();
    throw new GatewayError('invalid_request', 'The request body was cut off.', { cause: error });
  });
  if (body.length > 0) return body;
  throw new GatewayError('invalid_request', 'The request body is empty; expected a JSON object.');
}

/** Up to here a body of announced length gets its memory at once; beyond, as it comes. Bytes. */
const AT_ONCE = 4 * 1024 * 1024;

/**
 * Events instead of an iterator, and each byte copied once at most: half the time for a body of a megabyte. A body
 * that came in one piece is not copied at all.
 */
function collect(request: IncomingMessage, limit: number, announced: number): Promise<Uint8Array> {
  const whole = announced <= AT_ONCE ? announced : 0;
  const chunks: Buffer[] = [];
  let target: Buffer | null = null;
  let size = 0;

  const take = (chunk: Buffer): void => {
    if (target === null && whole > 0 && chunk.length < whole) target = Buffer.allocUnsafe(whole);
    if (target === null) chunks.push(chunk);
    else chunk.copy(target, size);
    size += chunk.length;
  };
  const result = (): Buffer =>
    target?.subarray(0, size) ??
    (chunks.length === 1 ? (chunks[0] ?? Buffer.alloc(0)) : Buffer.concat(chunks));

  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      request.off('data', onData).off('end', onEnd).off('error', onError).off('close', onError);
      act();
    };
    const onData = (chunk: Buffer) => {
      if (size + chunk.length > limit) settle(() => reject(tooLarge(limit)));
      else take(chunk);
    };
    const onEnd = () => settle(() => resolve(result()));
    const onError = (error?: Error) => settle(() => reject(error ?? new Error('closed')));
    request.on('data', onData).once('end', onEnd).once('error', onError).once('close', onError);
  });
}

function tooLarge(limit: number): GatewayError {
  return new GatewayError('body_too_large', `The request body is larger than ${limit} bytes.`);
}

function checkKind({ headers }: IncomingMessage): void {
  const type = (headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (type !== 'application/json') {
    throw new GatewayError('unsupported_media_type', 'content-type: expected application/json');
  }
  const encoding = (headers['content-encoding'] ?? 'identity').toLowerCase();
  if (encoding !== 'identity') {
    throw new GatewayError(
      'unsupported_media_type',
      'content-encoding: compressed requests are not accepted',
    );
  }
}
