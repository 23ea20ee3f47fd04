/**
 * Tries a route's candidates in order until one begins to answer. Only before the client has seen anything: once a
 * reply is returned there is no second try.
 */
import { type ErrorCode, GatewayError } from '../errors.ts';
import type { Candidate } from '../types.ts';
import { awaitContent, type ContentLimits, type Reply } from './await-content.ts';
import type { Caller } from './call.ts';
import type { Backend } from './kinds.ts';
import type { Outbound, OutboundWriter } from './outbound.ts';

/** A reply and the request it answers. */
export interface Exchange {
  readonly reply: Reply;
  readonly outbound: Outbound;
  readonly backend: Backend;
}

/** A try that failed, for log and metrics. */
export interface FailedAttempt {
  readonly backend: string;
  readonly code: ErrorCode;
}

/**
 * @param onFailure told of every failed attempt, the last one too
 * @throws GatewayError the last candidate's failure; the signal's reason when the client has gone
 */
export type SendFirst = (
  candidates: readonly [Candidate, ...Candidate[]],
  writer: OutboundWriter,
  signal: AbortSignal,
  onFailure: (attempt: FailedAttempt) => void,
) => Promise<Exchange>;

/** Refusals that another replica may not share. */
const WORTH_ANOTHER_TRY: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'request_timeout',
  'rate_limited',
  'internal',
  'backend_failed',
  'backend_unreachable',
  'backend_timeout',
  'backend_overloaded',
  'backend_truncated',
]);

/** Makes the step from the configured backends. */
export function createSendFirst(
  backends: ReadonlyMap<string, Backend>,
  caller: Caller,
  limits: ContentLimits,
): SendFirst {
  const attempt = async (
    candidate: Candidate,
    writer: OutboundWriter,
    signal: AbortSignal,
  ): Promise<Exchange> => {
    const backend = backends.get(candidate.backend);
    if (backend === undefined) throw new GatewayError('internal', 'The route names a backend that is gone.');
    const outbound = writer.write(candidate, backend);
    const { url, headers, body } = outbound;
    const answer = await caller.call({ url, method: 'POST', headers, body, signal });
    const reply = await awaitContent(answer, { candidate, format: backend.format }, limits);
    return { reply, outbound, backend };
  };

  return async (candidates, writer, signal, onFailure) => {
    let result: Exchange | GatewayError | null = null;
    for (const candidate of candidates) {
      result = await attempt(candidate, writer, signal).catch(toResult);
      const failure = failureOf(result);
      if (failure === null) break;
      onFailure({ backend: candidate.backend, code: failure });
      if (!WORTH_ANOTHER_TRY.has(failure)) break;
    }
    if (result === null) throw new GatewayError('internal', 'The route has no candidates.');
    if (result instanceof GatewayError) throw result;
    return result;
  };
}

/** A failure in the gateway's own words is a result to look at; anything else (the client's leaving) flies on. */
function toResult(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  throw error;
}

function failureOf(result: Exchange | GatewayError): ErrorCode | null {
  if (result instanceof GatewayError) return result.code;
  return result.reply.kind === 'refused' ? result.reply.error.code : null;
}
