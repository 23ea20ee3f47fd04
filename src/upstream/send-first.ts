/**
 * Tries a route's candidates in order until one begins to answer. Only before the client has seen anything: once a
 * reply is returned there is no second try.
 */
import { type ErrorCode, GatewayError } from '../errors.ts';
import type { Candidate } from '../types.ts';
import type { Attempt, Exchange, FailedAttempt } from './attempt.ts';
import { NO_CHANGES } from './changes.ts';
import type { Backend } from './kinds.ts';
import type { OutboundWriter } from './outbound.ts';

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

/** Makes the step from the configured backends and from what one try is. */
export function createSendFirst(backends: ReadonlyMap<string, Backend>, attempt: Attempt): SendFirst {
  return async (candidates, writer, signal, onFailure) => {
    const tryOne = async (candidate: Candidate): Promise<Exchange> => {
      const backend = backends.get(candidate.backend);
      if (backend === undefined)
        throw new GatewayError('internal', 'The route names a backend that is gone.');
      return attempt({ candidate, backend, writer, changes: NO_CHANGES, signal, onFailure });
    };
    let result: Exchange | GatewayError = new GatewayError('internal', 'The route has no candidates.');
    for (const candidate of candidates) {
      result = await tryOne(candidate).catch(toResult);
      const failure = failureOf(result);
      if (failure === null) break;
      onFailure({ backend: candidate.backend, code: failure });
      if (!WORTH_ANOTHER_TRY.has(failure)) break;
    }
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
