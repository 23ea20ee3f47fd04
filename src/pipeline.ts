/**
 * The sentence: one inference request, from its credential to its settled quota.
 */
import { GatewayError, hasClientLeft } from './errors.ts';
import { isStartUpProbe, probeAnswer } from './protocol/anthropic/start-up-probe.ts';
import { isWarmUp, warmUpAnswer } from './protocol/anthropic/warm-up.ts';
import { promptPrefix, sessionOf } from './protocol/conversation-key.ts';
import { NO_OPTIONS } from './protocol/dialects.ts';
import { readTurn } from './protocol/read-turn.ts';
import { toReplyContext } from './protocol/reply-context.ts';
import type { ReplyContext } from './protocol/reply-events.ts';
import { classifyRequest, isTitle } from './protocol/request-class.ts';
import { type Seal, sealReasoning } from './protocol/responses/sealed-reasoning.ts';
import { readField, scanRequest } from './protocol/scan-request.ts';
import { sideModels } from './protocol/side-models.ts';
import { estimateCost } from './quota/estimate-cost.ts';
import { toQuotaHeaders } from './quota/headers.ts';
import type { Demand, Quota, Reservation } from './quota/quota.ts';
import { toReservationHeaders } from './quota/reservation-headers.ts';
import { createEarlyStream } from './relay/early-stream.ts';
import { type RelayClient, type RelayReply, relay } from './relay/relay.ts';
import type { Keeper, Memory } from './responses-store/recall.ts';
import { chooseRoute } from './routing/choose-route.ts';
import { routeHeaders } from './routing/route-headers.ts';
import type { Candidate, Dialect, Outcome, Principal, Route, Terms, Tier } from './types.ts';
import type { Exchange, FailedAttempt } from './upstream/attempt.ts';
import type { RefusedReply } from './upstream/await-content.ts';
import type { Models } from './upstream/catalogue.ts';
import {
  type ClientRequest,
  createOutboundWriter,
  type Outbound,
  type Translation,
} from './upstream/outbound.ts';
import type { SendFirst } from './upstream/send-first.ts';
import type { Sending } from './upstream/try-replicas.ts';

/** The parts that the sentence is spoken with. */
export interface PipelineParts {
  readonly authenticate: (rawHeaders: readonly string[]) => Promise<Principal>;
  /** Takes a place among the requests under way; what it gives back leaves it. May refuse. */
  readonly enter: (principal: Principal) => () => void;
  readonly tiers: ReadonlyMap<string, Tier>;
  /** What a caller may use of their tier, and how it is counted. */
  readonly termsOf: (principal: Principal) => Terms;
  /** IANA name of the zone that quota is counted in. */
  readonly timeZone: string;
  /** Makes a short text of a long one, always the same. */
  readonly digest: (text: string | Uint8Array) => string;
  /** The models of the backends that this tier's rules ask about. */
  readonly modelsFor: (tier: Tier) => Models | Promise<Models>;
  readonly quota: Quota;
  /** What requests refer to, and what is kept of answers. */
  readonly memory: Memory;
  readonly sendFirst: SendFirst;
  /** How many turns a user of a tier has, by its name, for each of another's where requests wait in line. */
  readonly weightOf: (tier: string) => number;
  /** Whether a backend, by its name, is Claude itself. */
  readonly isClaude: (backend: string) => boolean;
  readonly relayLimits: RelayClient['limits'];
  /** Seals reasoning that clients carry back, and opens it again. */
  readonly seal: Seal;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  /** Random text of letters and digits, for ids. */
  readonly randomText: () => string;
}

/** One request as the HTTP edge hands it over. */
export interface InferenceCall {
  readonly id: string;
  readonly dialect: Dialect;
  readonly rawHeaders: readonly string[];
  readonly headers: ClientRequest['headers'];
  readonly search: string;
  readonly readBody: () => Promise<Uint8Array>;
  readonly response: RelayClient['response'];
  readonly signal: AbortSignal;
  /** Answers with a backend's refusal in the client's dialect. */
  readonly refuse: (reply: RefusedReply, headers: Readonly<Record<string, string>>) => void;
  /** Answers with JSON of the gateway's own. */
  readonly send: (body: unknown, headers: Readonly<Record<string, string>>) => void;
}

/** What is known of a request while it runs, for whoever watches. All of it is safe to log. */
export interface Progress {
  principal?: Principal;
  route?: Route;
  backend?: string;
  reservation?: Reservation;
  /** That backends were asked; times here are milliseconds, monotonic. */
  sent?: { readonly at: number; readonly stream: boolean };
  firstContentAt?: number;
  /** What translation had to leave out. */
  dropped?: readonly string[];
  readonly failures: FailedAttempt[];
}

/**
 * Answers one inference request.
 *
 * @param progress filled in as the request goes, so that it can be recorded however it ends
 * @throws GatewayError for a refusal that is still to be said; the signal's reason when the client has gone
 */
export async function handleInference(
  parts: PipelineParts,
  call: InferenceCall,
  progress: Progress,
): Promise<Outcome> {
  const principal = await parts.authenticate(call.rawHeaders);
  progress.principal = principal;
  const leave = parts.enter(principal);
  try {
    return await infer(principal, parts, call, progress);
  } finally {
    leave();
  }
}

async function infer(
  principal: Principal,
  parts: PipelineParts,
  call: InferenceCall,
  progress: Progress,
): Promise<Outcome> {
  const request = await parts.memory.recall(principal, await readRequest(call));
  const tier = tierOf(parts, principal);
  const terms = parts.termsOf(principal);
  if (isStartUpProbe(request)) return answerProbe(parts, call, request, principal, terms);
  const asked = chooseAllowedRoute(tier, request, await parts.modelsFor(tier));
  progress.route = asked;
  if (isWarmUp(request) && !parts.isClaude(asked.candidates[0].backend))
    return answerWarmUp(parts, call, request, asked, principal, terms);
  const demand = toDemand(parts, call, request, asked);
  const reservation = await parts.quota.reserve(principal, terms, demand);
  progress.reservation = reservation;

  let outcome: Outcome = { ending: 'backend-failed', usage: null };
  try {
    const route = reservation.exhausted.length === 0 ? asked : await landSoftly(parts, tier, terms, asked);
    progress.route = route;
    const early = createEarlyStream({ ...call, stream: request.scan.stream, limits: parts.relayLimits });
    const headersFor = (target: Pick<Candidate, 'backend' | 'model'>, sent?: Outbound) => ({
      ...idHeaders(call),
      ...routeHeaders(routeTo(target, route, progress.failures), target.backend, sent?.translation?.dropped),
      ...quotaHeaders(parts, call, reservation, route),
    });
    const sending = toSending(parts, call, request, route, principal, progress);
    progress.sent = { at: parts.now(), stream: request.scan.stream };
    const served = await parts
      .sendFirst({
        ...sending,
        onQueued: (target) => early.openSoon(headersFor(target)),
        onSilence: (target, sent) => early.open(headersFor(target, sent)),
        isPromised: early.isOpen,
      })
      .finally(early.stop);
    try {
      progress.route = routeTo(served.reply.candidate, route, progress.failures);
      progress.backend = served.backend.name;
      progress.dropped = served.outbound.translation?.dropped ?? [];
      const keep = parts.memory.keeper(principal, request);
      // Nothing else reads the request from here on.
      if (keep === undefined) sending.writer.carried.release();
      outcome = await answer(parts, call, request, progress.route, reservation, served, progress, keep);
    } finally {
      const isBroken = outcome.ending === 'backend-failed' && !call.signal.aborted;
      served.leave(isBroken ? 'broken' : 'answered');
    }
  } catch (error) {
    outcome = hasClientLeft(call.signal)
      ? { ending: 'client-left', contentSent: false, usage: null }
      : outcome;
    throw error;
  } finally {
    await reservation.settle(outcome);
  }
  return outcome;
}

/** The request on its way out, with what decides whose turn it is and which replica knows the conversation. */
function toSending(
  parts: PipelineParts,
  call: InferenceCall,
  request: ClientRequest,
  { candidates }: Route,
  { subject, tier }: Principal,
  { failures }: Progress,
): Omit<Sending, 'onQueued' | 'onSilence' | 'isPromised'> {
  const { headers, body, scan } = request;
  return {
    candidates,
    writer: createOutboundWriter(request, parts.seal),
    signal: call.signal,
    guest: {
      user: subject,
      weight: parts.weightOf(tier),
      isBackground: () => classifyRequest(headers, body, scan) === 'background',
    },
    affinity: () => `${subject} ${sessionOf(headers) ?? promptPrefix(body, scan)}`,
    onFailure: (failure) => failures.push(failure),
  };
}

/** The route as it was gone: another model than the first serves where that one could not. */
function routeTo(
  { backend, model }: Pick<Candidate, 'backend' | 'model'>,
  route: Route,
  failures: readonly FailedAttempt[],
): Route {
  const [first] = route.candidates;
  if (backend === first.backend && model === first.model) return route;
  const isTooLong = failures.at(-1)?.code === 'context_overflow';
  return { ...route, served: model, reason: isTooLong ? 'context-overflow' : 'backend-unavailable' };
}

async function readRequest(call: InferenceCall): Promise<ClientRequest> {
  const body = await call.readBody();
  const { dialect, headers, search } = call;
  return { dialect, body, scan: scanRequest(body), headers, search };
}

/** The request as quota sees it. What turn it belongs to is only read where it matters, by the terms. */
function toDemand(
  { digest }: PipelineParts,
  { id }: InferenceCall,
  request: ClientRequest,
  { served }: Route,
): Demand {
  const { headers, body, scan } = request;
  return {
    requestId: id,
    model: served,
    turn: () => readTurn(request, digest),
    isTitle: () => isTitle(headers, body, scan),
    tokens: () => estimateCost(body, readField(body, scan, 'max_tokens')),
  };
}

/** The route to the model that the terms go on with beyond an allowance. */
async function landSoftly(parts: PipelineParts, tier: Tier, terms: Terms, asked: Route): Promise<Route> {
  if (terms.atExhaustion.kind !== 'soft-land') return asked;
  const landing = { ...tier, routes: [{ match: '*', to: [terms.atExhaustion.to] }] };
  const route = chooseRoute(landing, asked.requested, await parts.modelsFor(landing));
  return { ...route, reason: 'quota-used-up' };
}

const quotaHeaders = (
  { timeZone, clock }: PipelineParts,
  { dialect }: InferenceCall,
  reservation: Reservation,
  { served }: Route,
) => toReservationHeaders(reservation, { dialect, served, timeZone, now: clock() });

/** Looking at the quota is free: answered here, with the headers that the question is asked for. */
async function answerProbe(
  parts: PipelineParts,
  call: InferenceCall,
  request: ClientRequest,
  principal: Principal,
  terms: Terms,
): Promise<Outcome> {
  const headers = toQuotaHeaders(await parts.quota.peek(principal, terms), call.dialect, parts.clock());
  call.send(probeAnswer(`msg_${parts.randomText()}`, request.scan.model), headers);
  return { ending: 'completed', usage: null };
}

/** Nothing is asked for, so nothing is sent, charged or generated. */
async function answerWarmUp(
  parts: PipelineParts,
  call: InferenceCall,
  request: ClientRequest,
  route: Route,
  principal: Principal,
  terms: Terms,
): Promise<Outcome> {
  const standings = await parts.quota.peek(principal, terms);
  const body = JSON.stringify(warmUpAnswer(`msg_${parts.randomText()}`, route.requested));
  return relay(
    { kind: 'whole', format: 'anthropic', body: Buffer.from(body) },
    {
      ...toRelayClient(parts, call, request, route, null),
      headers: {
        ...idHeaders(call),
        ...routeHeaders(route, route.candidates[0].backend),
        ...toQuotaHeaders(standings, call.dialect, parts.clock()),
      },
      onContent: () => Promise.resolve(),
    },
  );
}

/** The tier of a principal. Names were checked at start, so a missing one is a fault of ours. */
export function tierOf({ tiers }: Pick<PipelineParts, 'tiers'>, principal: Principal): Tier {
  const tier = tiers.get(principal.tier);
  if (tier === undefined) throw new GatewayError('internal', 'Your tier is not part of the plan.');
  return tier;
}

/**
 * The route for `model`; every further model that the body names must be one the tier passes through as well, and
 * keeps the request at the backend that knows them all.
 */
function chooseAllowedRoute(tier: Tier, { body, scan }: ClientRequest, models: Models): Route {
  const route = chooseRoute(tier, scan.model, models);
  const [first, ...further] = route.candidates;
  const sides = sideModels(body, scan);
  for (const name of sides) {
    const side = chooseRoute(tier, name, models);
    if (side.reason === 'as-requested' && side.candidates[0].backend === first.backend) continue;
    throw new GatewayError(
      'permission_denied',
      `The model "${name}" is not part of the "${tier.name}" tier.`,
    );
  }
  if (sides.length === 0) return route;
  return { ...route, candidates: [first, ...further.filter(({ backend }) => backend === first.backend)] };
}

async function answer(
  parts: PipelineParts,
  call: InferenceCall,
  request: ClientRequest,
  route: Route,
  reservation: Reservation,
  exchange: Exchange,
  progress: Progress,
  onLast: Keeper | undefined,
): Promise<Outcome> {
  const { reply, outbound, backend } = exchange;
  const headers = {
    ...routeHeaders(route, backend.name, outbound.translation?.dropped ?? []),
    ...quotaHeaders(parts, call, reservation, route),
    ...(parts.quota.health().state === 'degraded' && { 'x-gateway-quota-store': 'degraded' }),
    ...(reservation.wouldRefuse && { 'x-gateway-quota-shadow': 'would-refuse' }),
  };
  if (reply.kind === 'refused') {
    call.refuse(reply, headers);
    return { ending: 'backend-failed', usage: null };
  }
  return relay(reply satisfies RelayReply, {
    ...toRelayClient(parts, call, request, route, outbound),
    headers: { ...idHeaders(call), ...headers },
    onContent: () => {
      progress.firstContentAt = parts.now();
      return reservation.commit();
    },
    onLast,
  });
}

const idHeaders = ({ id }: InferenceCall) => ({ 'request-id': id, 'x-request-id': id });

/** What the answer's reader must know of the request that was sent; null where none was. */
type SentRequest = Pick<Outbound, 'translation' | 'asksUsage'>;

/** The client's side of an answer, but for its headers and its accounting. */
function toRelayClient(
  parts: PipelineParts,
  call: InferenceCall,
  request: ClientRequest,
  route: Route,
  outbound: SentRequest | null,
): Omit<RelayClient, 'headers' | 'onContent'> {
  return {
    dialect: call.dialect,
    stream: request.scan.stream,
    response: call.response,
    context: replyContext(parts, call, request, route, outbound),
    decoding: outbound?.translation?.decoding ?? NO_OPTIONS,
    signal: call.signal,
    limits: parts.relayLimits,
  };
}

function replyContext(
  parts: PipelineParts,
  call: InferenceCall,
  { echo }: ClientRequest,
  route: Route,
  outbound: SentRequest | null,
): ReplyContext {
  const translation = outbound?.translation;
  return toReplyContext(translation ?? null, {
    dialect: call.dialect,
    model: route.requested,
    requestId: call.id,
    asksUsage: outbound?.asksUsage === true,
    randomText: parts.randomText,
    now: parts.clock(),
    sealReasoning: sealFor(parts, translation),
    echo,
  });
}

function sealFor(
  { seal }: PipelineParts,
  translation: Translation | null | undefined,
): ReplyContext['sealReasoning'] {
  if (translation?.conversation.sealsReasoning !== true) return undefined;
  return (reasoned) => sealReasoning(reasoned, translation.origin, seal);
}
