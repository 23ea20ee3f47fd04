/**
 * One try at one candidate: written, sent, and read far enough to know what the answer is. Whatever makes a second
 * try of a first one wraps this and has the same type.
 */
import type { ErrorCode } from '../errors.ts';
import type { Candidate } from '../types.ts';
import { awaitContent, type ContentLimits, type RefusedReply, type Reply } from './await-content.ts';
import type { Caller } from './call.ts';
import type { Changes } from './changes.ts';
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
  readonly model: string;
  /** Which of the backend's addresses, from 0; absent where none was asked. */
  readonly replica?: number;
  readonly code: ErrorCode;
}

/** What is tried. */
export interface Try {
  readonly candidate: Candidate;
  readonly backend: Backend;
  readonly writer: OutboundWriter;
  readonly changes: Changes;
  readonly signal: AbortSignal;
  /** Told what was sent when the backend has begun its answer but shows nothing of it. */
  readonly onSilence: (outbound: Outbound) => void;
  /** Told of a failed try that is followed by another at the same candidate. */
  readonly onFailure: (attempt: FailedAttempt) => void;
}

/** @throws GatewayError the candidate's failure; the signal's reason when the client has gone */
export type Attempt = (one: Try) => Promise<Exchange>;

/** Makes the plain attempt: one request, one answer. */
export function createAttempt(caller: Caller, limits: ContentLimits): Attempt {
  return async ({ candidate, backend, writer, changes, signal, onSilence }) => {
    const outbound = writer.write(candidate, backend, changes);
    const { format, url, headers, body } = outbound;
    writer.carried.sent(body);
    const onCarrier = writer.carried.carriedBy;
    const answer = await caller.call({ url, method: 'POST', headers, body, signal, onCarrier });
    const base = { candidate, format };
    const reply = await awaitContent(answer, base, limits, () => onSilence(outbound));
    return { reply: outbound.usesOwnCredential ? sayWhose(reply) : reply, outbound, backend };
  };
}

/** Where Claude refuses a caller's own login, it is theirs to renew and not the operator's. */
function sayWhose(reply: Reply): Reply {
  if (reply.kind !== 'refused' || reply.error.code !== 'backend_credential_rejected') return reply;
  const message = 'Claude did not accept your own Claude login; sign in to Claude again.';
  return {
    ...reply,
    body: null,
    error: { ...reply.error, code: 'foreign_credential', status: 401, message },
  };
}

/** A backend's refusal, in the exchange that ended with it. */
export type RefusedExchange = Exchange & { readonly reply: RefusedReply };

export function isRefused(exchange: Exchange, code: ErrorCode): exchange is RefusedExchange {
  return exchange.reply.kind === 'refused' && exchange.reply.error.code === code;
}

/** Tells of a try that is followed by another, unless the client has left meanwhile: then nothing more is sent. */
export function failedTry(one: Try, code: ErrorCode): void {
  one.signal.throwIfAborted();
  const { backend, candidate, onFailure } = one;
  const replica = backend.urls.indexOf(candidate.url);
  onFailure({ backend: backend.name, model: candidate.model, replica, code });
}
