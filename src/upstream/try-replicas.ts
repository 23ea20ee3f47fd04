/**
 * One model at one backend: waits for a place, then tries the replicas that serve it, the conversation's own first,
 * until one begins to answer.
 */
import { asGatewayError, type ErrorCode, GatewayError } from '../errors.ts';
import type { Candidate } from '../types.ts';
import type { Gate, Guest, Leave } from './admission.ts';
import type { Attempt, Exchange, FailedAttempt } from './attempt.ts';
import { NO_CHANGES } from './changes.ts';
import type { Backend } from './kinds.ts';
import { orderReplicas } from './order-replicas.ts';
import type { Outbound, OutboundWriter } from './outbound.ts';
import type { Visit } from './replicas.ts';
import type { Traffic } from './traffic.ts';

/** One request on its way to whoever answers it. */
export interface Sending {
  /** In order of preference; those of one backend and model stand together. */
  readonly candidates: readonly [Candidate, ...Candidate[]];
  readonly writer: OutboundWriter;
  readonly signal: AbortSignal;
  readonly guest: Guest;
  /** The same text for every request of a conversation; asked for only where there is a choice. */
  readonly affinity: () => string;
  /** Told that the request has to wait for a place. */
  readonly onQueued: (target: Pick<Candidate, 'backend' | 'model'>) => void;
  /** Told that an answer has begun and shows nothing of itself. */
  readonly onSilence: (target: Pick<Candidate, 'backend' | 'model'>, sent: Outbound) => void;
  /** Whether the client was told which model serves, so that no other may. */
  readonly isPromised: () => boolean;
  /** Told of every failed attempt, the last one too. */
  readonly onFailure: (attempt: FailedAttempt) => void;
}

/** A model at a backend. */
export interface Target {
  readonly backend: Backend;
  readonly model: string;
  readonly candidates: readonly Candidate[];
}

/** An exchange, and what it holds until its reply has been read. */
export interface Served extends Exchange {
  /** Gives back what it holds. Only the first call counts. */
  leave(ending: 'answered' | 'broken'): void;
}

/**
 * A refusal of the backend's is a result as well; its `leave` has nothing left to give back.
 *
 * @throws the signal's reason when the client has gone
 */
export type TryReplicas = (
  target: Target,
  sending: Sending,
  /** Tries replicas that are not well, because nothing else is left. */
  isLastResort: boolean,
) => Promise<Served | GatewayError>;

/** Refusals that another replica may not share. */
const OF_THE_REPLICA: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'request_timeout',
  'rate_limited',
  'internal',
  'backend_failed',
  'backend_unreachable',
  'backend_timeout',
  'backend_overloaded',
  'backend_truncated',
]);

/** Of these, what a well server says to one client too many, and what is the gateway's own. */
const OF_A_WELL_ONE: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['rate_limited', 'internal']);

/** Whether somebody else may do better. */
export const isWorthAnotherTry = (code: ErrorCode): boolean => OF_THE_REPLICA.has(code);

/** Seconds after which a replica that is left alone has had its next try. */
const RETRY_AFTER = 2;

export function createTryReplicas(traffic: Traffic, attempt: Attempt): TryReplicas {
  const { replicas, retries } = traffic;

  return async (target, sending, isLastResort) => {
    const { backend, model } = target;
    retries.earn(backend.name);
    const leavePlace = await enter(traffic, target, sending).catch(asGatewayError);
    if (leavePlace instanceof GatewayError) {
      sending.onFailure({ backend: backend.name, model, code: leavePlace.code });
      return leavePlace;
    }
    let holdsPlace = false;
    try {
      sending.signal.throwIfAborted();
      const result = await tryInOrder(target, sending, isLastResort);
      if (failureOf(result) !== null || result instanceof GatewayError) return result;
      holdsPlace = true;
      return withPlace(result, leavePlace);
    } finally {
      if (!holdsPlace) leavePlace();
    }
  };

  async function tryInOrder(
    target: Target,
    sending: Sending,
    isLastResort: boolean,
  ): Promise<Served | GatewayError> {
    const { backend } = target;
    const takes = isLastResort ? replicas.takesLastResort : replicas.isUsable;
    let result: Served | GatewayError | null = null;
    for (const candidate of inOrder(target, sending)) {
      if (!takes(candidate.url)) continue;
      if (result !== null && !retries.spend(backend.name)) break;
      result = await tryOne(candidate, backend, sending);
      const code = failureOf(result);
      if (code === null || !isWorthAnotherTry(code)) break;
    }
    return result ?? restingNow(backend.name);
  }

  async function tryOne(
    candidate: Candidate,
    backend: Backend,
    sending: Sending,
  ): Promise<Served | GatewayError> {
    const visit = replicas.visit(candidate.url, backend.urls);
    let hasBegun = false;
    try {
      const { writer, signal, onFailure } = sending;
      const onSilence = (sent: Outbound) => sending.onSilence(candidate, sent);
      const one = { candidate, backend, writer, changes: NO_CHANGES, signal, onSilence, onFailure };
      const result = await attempt(one).catch(asGatewayError);
      const code = failureOf(result);
      hasBegun = code === null;
      if (code === null) visit.succeeded();
      else {
        if (isWorthAnotherTry(code) && !OF_A_WELL_ONE.has(code)) visit.failed();
        const replica = backend.urls.indexOf(candidate.url);
        onFailure({ backend: backend.name, model: candidate.model, replica, code });
      }
      if (result instanceof GatewayError) return result;
      return { ...result, leave: hasBegun ? leaver(visit) : HOLDS_NOTHING };
    } finally {
      if (!hasBegun) visit.end();
    }
  }

  function inOrder({ backend, candidates }: Target, { affinity }: Sending): readonly Candidate[] {
    if (candidates.length < 2) return candidates;
    const { inFlight } = traffic.replicas;
    const loaded = candidates.map((one) => ({ ...one, inFlight: inFlight(one.url) }));
    return orderReplicas(loaded, affinity, backend.maxInFlight ?? undefined);
  }
}

const NO_PLACE: Leave = () => undefined;
const HOLDS_NOTHING: Served['leave'] = () => undefined;

async function enter(
  { admission, replicas }: Traffic,
  { backend, model }: Target,
  { guest, signal, onQueued }: Sending,
): Promise<Leave> {
  const { name, urls, maxInFlight, maxQueued, queueSeconds } = backend;
  if (maxInFlight === null) return NO_PLACE;
  const placesAt = (url: string) => {
    if (!replicas.isUsable(url)) return 0;
    // One that comes back is tried with one request first.
    return replicas.state(url) === 'closed' ? maxInFlight : 1;
  };
  const gate: Gate = {
    places: () => Math.max(maxInFlight, sumOf(urls.map(placesAt))),
    maxWaiting: maxQueued,
    patienceMs: queueSeconds * 1000,
  };
  const place = admission.enter(name, gate, guest, signal);
  if (place instanceof Promise) onQueued({ backend: name, model });
  return place;
}

const sumOf = (numbers: readonly number[]): number => numbers.reduce((sum, one) => sum + one, 0);

const leaver =
  (visit: Visit): Served['leave'] =>
  (ending) => {
    if (ending === 'broken') visit.failed();
    visit.end();
  };

function withPlace(served: Served, leavePlace: Leave): Served {
  return {
    ...served,
    leave(ending) {
      served.leave(ending);
      leavePlace();
    },
  };
}

export function failureOf(result: Exchange | GatewayError): ErrorCode | null {
  if (result instanceof GatewayError) return result.code;
  return result.reply.kind === 'refused' ? result.reply.error.code : null;
}

const restingNow = (backend: string) =>
  new GatewayError(
    'backend_overloaded',
    `The model server "${backend}" has failed lately and is tried with few requests; try again in ${RETRY_AFTER} seconds.`,
    { retryAfterSeconds: RETRY_AFTER },
  );
