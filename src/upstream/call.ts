/**
 * One HTTP exchange with a backend. The only file that knows undici: one pool per origin, no redirects followed,
 * every wait bounded, failures said in the gateway's own codes.
 */
import { Agent, errors } from 'undici';
import { GatewayError } from '../errors.ts';

export interface CallerLimits {
  readonly connectSeconds: number;
  readonly firstByteSeconds: number;
  readonly betweenBytesSeconds: number;
}

export interface CallRequest {
  /** Absolute address. */
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string | undefined;
  readonly signal: AbortSignal;
  /** Bound on the whole wait for headers, where it is shorter than usual. Seconds. */
  readonly firstByteSeconds?: number | undefined;
}

export interface CallReply {
  readonly status: number;
  /** Lower-case names; a repeated header keeps its first value. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body as it arrives; reading it can throw the same errors as the call. */
  readonly body: AsyncIterable<Uint8Array>;
}

export interface Caller {
  /**
   * Sends a request and resolves once the backend's headers are there.
   *
   * @throws GatewayError `backend_unreachable`, `backend_timeout` or `backend_failed`; the signal's reason when the
   *   client has gone
   */
  call(request: CallRequest): Promise<CallReply>;
  close(): Promise<void>;
}

/** Makes the caller that all backends share. */
export function createCaller(limits: CallerLimits): Caller {
  const agent = new Agent({
    connect: { timeout: limits.connectSeconds * 1000 },
    headersTimeout: limits.firstByteSeconds * 1000,
    bodyTimeout: limits.betweenBytesSeconds * 1000,
    pipelining: 1,
    connections: null,
    maxHeaderSize: 64 * 1024,
  });
  return {
    async call(request) {
      const { origin, pathname, search } = new URL(request.url);
      const reply = await agent
        .request({
          origin,
          path: pathname + search,
          method: request.method,
          headers: request.headers,
          body: request.body ?? null,
          signal: request.signal,
          onInfo: refuseFlood(),
          ...(request.firstByteSeconds !== undefined && { headersTimeout: request.firstByteSeconds * 1000 }),
        })
        .catch((error: unknown) => {
          throw toGatewayError(error, request.signal);
        });
      return {
        status: reply.statusCode,
        headers: firstValues(reply.headers),
        body: readBody(reply.body, request.signal),
      };
    },
    close: () => agent.destroy(),
  };
}

/** Every `103 Early Hints` starts the wait for the answer anew, so a backend could send them for ever. */
const MAX_INTERIM_ANSWERS = 16;

function refuseFlood(): () => void {
  let seen = 0;
  return () => {
    if (++seen > MAX_INTERIM_ANSWERS) throw new errors.HTTPParserError('too many interim answers');
  };
}

async function* readBody(body: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    throw toGatewayError(error, signal);
  }
}

function firstValues(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    const first = Array.isArray(value) ? value[0] : value;
    if (first !== undefined) result[name] = first;
  }
  return result;
}

function toGatewayError(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (error instanceof GatewayError) return error;
  if (error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError) {
    return new GatewayError('backend_timeout', 'The model server did not answer in time.', { cause: error });
  }
  if (error instanceof errors.SocketError || isReset(error)) {
    return new GatewayError(
      'backend_truncated',
      'The model server closed the connection before its answer was complete.',
      {
        cause: error,
      },
    );
  }
  if (NOT_HTTP.some((kind) => error instanceof kind)) {
    return new GatewayError('backend_failed', 'The model server sent an answer that is not valid HTTP.', {
      cause: error,
    });
  }
  return new GatewayError('backend_unreachable', 'The model server cannot be reached.', { cause: error });
}

const NOT_HTTP = [
  errors.HTTPParserError,
  errors.ResponseContentLengthMismatchError,
  errors.HeadersOverflowError,
];

const isReset = (error: unknown) => (error as { code?: unknown }).code === 'ECONNRESET';
