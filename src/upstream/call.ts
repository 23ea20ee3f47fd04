/**
 * One HTTP exchange with a backend. The only file that knows undici: one pool per origin, no redirects followed,
 * every wait bounded, failures said in the gateway's own codes. Parts of it are loaded by themselves: its index brings
 * a fetch, WebSockets, caches and mocks, for 5 MB and 30 ms at every start.
 */
import { subscribe } from 'node:diagnostics_channel';
import type { Dispatcher } from 'undici';
import errors from 'undici/lib/core/errors.js';
import Agent from 'undici/lib/dispatcher/agent.js';
import { GatewayError } from '../errors.ts';
import { type ArrivingBody, createArrivingBody } from './arriving-body.ts';
import type { Carrier } from './carried-body.ts';

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
  /** Told the socket that a body of bytes is written to. */
  readonly onCarrier?: ((carrier: Carrier) => void) | undefined;
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
    // One socket carries one request, so that it is known when the request has left.
    allowH2: false,
    connections: null,
    maxHeaderSize: 64 * 1024,
  });
  return {
    call: (request) =>
      new Promise((resolve, reject) => {
        const { url, method, headers, body = null, signal, firstByteSeconds } = request;
        if (signal.aborted) return reject(signal.reason);
        const options = {
          ...targetOf(url),
          method,
          headers,
          body,
          headersTimeout: firstByteSeconds === undefined ? null : firstByteSeconds * 1000,
        };
        agent.dispatch(options, receive(request, resolve, reject));
      }),
    close: () => agent.destroy(),
  };
}

/** Every `103 Early Hints` starts the wait for the answer anew, so a backend could send them for ever. */
const MAX_INTERIM_ANSWERS = 16;

const ONCE = { once: true };

/** Takes in one answer; the signal ends it, whatever has come of it. */
function receive(
  request: CallRequest,
  resolve: (reply: CallReply) => void,
  reject: (reason: unknown) => void,
): Dispatcher.DispatchHandler {
  const { signal } = request;
  let controller: Dispatcher.DispatchController | null = null;
  let body: ArrivingBody | null = null;
  let interim = 0;

  const fail = (error: unknown): void => {
    signal.removeEventListener('abort', onAbort);
    const failure = toGatewayError(error, signal);
    if (body === null) reject(failure);
    else body.fail(failure);
  };
  const onAbort = (): void => {
    fail(signal.reason);
    controller?.abort(signal.reason);
  };
  signal.addEventListener('abort', onAbort, ONCE);

  return {
    onRequestStart(begun) {
      controller = begun;
      if (signal.aborted) begun.abort(signal.reason);
      else beginning = request;
    },
    onResponseStart(begun, status, headers) {
      if (status < 200) {
        if (++interim > MAX_INTERIM_ANSWERS) throw new errors.HTTPParserError('too many interim answers');
        return;
      }
      body = createArrivingBody({
        pause: () => begun.pause(),
        resume: () => begun.resume(),
        stop() {
          signal.removeEventListener('abort', onAbort);
          begun.abort(new errors.RequestAbortedError());
        },
      });
      // The same once more, as bytes, for as long as the answer goes on.
      begun.rawHeaders = null;
      resolve({ status, headers: firstValues(headers), body });
    },
    onResponseData(_controller, piece) {
      body?.push(piece);
    },
    onResponseEnd() {
      signal.removeEventListener('abort', onAbort);
      body?.end();
    },
    onResponseError: (_controller, error) => fail(error),
  };
}

/** The request that undici is about to write. */
let beginning: CallRequest | null = null;

/** undici tells the handler that it begins, then, in the same turn, everybody which socket it takes. */
subscribe('undici:client:sendHeaders', (message) => {
  const { request, socket } = message as { request: { body: unknown }; socket: Carrier };
  const { body, onCarrier } = beginning ?? {};
  beginning = null;
  const isSame =
    body instanceof Uint8Array && request.body instanceof Uint8Array && request.body.buffer === body.buffer;
  if (isSame) onCarrier?.(socket);
});

/** Addresses come from the configuration, so there are few; beyond so many, all are taken apart anew. */
const MOST_TARGETS = 1000;

const targets = new Map<string, { readonly origin: string; readonly path: string }>();

function targetOf(url: string): { readonly origin: string; readonly path: string } {
  const known = targets.get(url);
  if (known !== undefined) return known;
  const { origin, pathname, search } = new URL(url);
  const target = { origin, path: pathname + search };
  if (targets.size >= MOST_TARGETS) targets.clear();
  targets.set(url, target);
  return target;
}

function firstValues(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): Record<string, string> {
  const result: Record<string, string> = {};
  for (const name in headers) {
    const value = headers[name];
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
