/** What belongs to one HTTP request from its first byte to its last. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { GatewayError } from '../errors.ts';
import type { Dialect } from '../types.ts';

export interface Scope {
  /** Unique id, also sent as `request-id` and `x-request-id`. */
  readonly id: string;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Path without query string; `/v1/v1/…` already read as `/v1/…`. */
  readonly path: string;
  /** Query string with its question mark, or empty. */
  readonly search: string;
  /** How errors are said to this caller. */
  readonly dialect: Dialect;
  /** Aborted when the client goes away before its answer is complete, or with a GatewayError by {@link Scope.stop}. */
  readonly signal: AbortSignal;
  /** Ends the request for a reason of the gateway's own, which the client is told. */
  readonly stop: (reason: GatewayError) => void;
  /** Monotonic milliseconds. */
  readonly startedAt: number;
}

/** The reason that a scope's signal has when the client went away. */
const CLIENT_LEFT = new Error('the client went away');

/** Opens the scope of a request. Total: what is wrong with the request is found later, and said through it. */
export function openScope(
  request: IncomingMessage,
  response: ServerResponse,
  mint: { readonly id: () => string; readonly now: () => number },
): Scope {
  const work = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) work.abort(CLIENT_LEFT);
  });
  const { path, search } = splitTarget(request.url ?? '');
  return {
    id: mint.id(),
    request,
    response,
    path,
    search,
    dialect: dialectOf(path, request),
    signal: work.signal,
    stop: (reason) => work.abort(reason),
    startedAt: mint.now(),
  };
}

/** Base addresses that end in `/v1`, as the first manuals had them, make clients ask for `/v1/v1/…`. */
function splitTarget(url: string): { path: string; search: string } {
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  return {
    path: path.startsWith('/v1/v1/') ? path.slice('/v1'.length) : path,
    search: mark < 0 ? '' : url.slice(mark),
  };
}

const BETA = /[?&]beta=true(?:&|$)/;

/**
 * What of the query goes on to a backend: Anthropic's `?beta=true`. A key that somebody put into the address must
 * not leave with it.
 */
export function forwardedSearch({ dialect, search }: Scope): string {
  return dialect === 'anthropic' && BETA.test(search) ? '?beta=true' : '';
}

/** The endpoint tells the dialect; where it does not, the headers that only Anthropic's clients send. */
function dialectOf(path: string, { headers }: IncomingMessage): Dialect {
  if (path.startsWith('/v1/messages')) return 'anthropic';
  if (path.startsWith('/v1/chat/')) return 'openai';
  if (path.startsWith('/v1/responses')) return 'responses';
  return headers['anthropic-version'] !== undefined || headers['x-api-key'] !== undefined
    ? 'anthropic'
    : 'openai';
}
