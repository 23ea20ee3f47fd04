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
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > limit) throw tooLarge(limit);
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    // Leaving the loop must not destroy the socket: the refusal still has to be sent over it.
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      size += chunk.length;
      if (size > limit) throw tooLarge(limit);
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof GatewayError) throw error;
    signal.throwIfAborted();
    throw new GatewayError('invalid_request', 'The request body was cut off.', { cause: error });
  }
  if (size === 0)
    throw new GatewayError('invalid_request', 'The request body is empty; expected a JSON object.');
  const [only] = chunks;
  return only !== undefined && chunks.length === 1 ? only : Buffer.concat(chunks, size);
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
