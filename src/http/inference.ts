/** `POST /v1/messages`, `POST /v1/chat/completions` and `POST /v1/responses`. */
import { type ErrorCode, GatewayError, hasClientLeft } from '../errors.ts';
import type { Latencies } from '../observe/latencies.ts';
import type { Log, LogFields } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import { toRequestAttributes } from '../observe/request-attributes.ts';
import type { Span, Tracer } from '../observe/tracer.ts';
import { handleInference, type PipelineParts, type Progress } from '../pipeline.ts';
import { sessionOf } from '../protocol/conversation-key.ts';
import { isCharged } from '../quota/reservation.ts';
import { modelHeaders } from '../routing/route-headers.ts';
import type { Dialect, Outcome } from '../types.ts';
import type { RefusedReply } from '../upstream/await-content.ts';
import type { UsageRecord } from '../usage/record.ts';
import type { LiveRequests } from './live-requests.ts';
import { readBody } from './read-body.ts';
import {
  errorHeaders,
  readsEventsOnly,
  sendBytes,
  sendError,
  sendJson,
  statusOf,
  toGatewayError,
} from './reply.ts';
import { forwardedSearch, type Scope } from './request-scope.ts';

export interface InferenceParts extends PipelineParts {
  readonly bodyBytes: number;
  readonly metrics: Metrics;
  readonly tracer: Tracer;
  /** Whose model a backend serves, in the words of the GenAI conventions. */
  readonly providerOf: (backend: string) => string;
  readonly latencies: Pick<Latencies, 'note'>;
  readonly live: Pick<LiveRequests, 'enter'>;
  readonly recordUsage: (record: UsageRecord) => void;
  readonly log: Log;
}

/** Makes the handler for one dialect. */
export function createInferenceHandler(parts: InferenceParts, dialect: Dialect) {
  const answer = async (scope: Scope, span: Span): Promise<void> => {
    const progress: Progress = { failures: [] };
    parts.metrics.requestStarted();
    const leave = parts.live.enter({ id: scope.id, dialect, startedAt: scope.startedAt, progress });
    let outcome: Outcome = { ending: 'refused' };
    let failure: GatewayError | null = null;
    try {
      outcome = await handleInference(parts, toCall(scope, dialect, parts), progress);
    } catch (error) {
      if (hasClientLeft(scope.signal)) outcome = { ending: 'client-left', contentSent: false, usage: null };
      else {
        failure = toGatewayError(error);
        outcome = progress.reservation === undefined ? outcome : { ending: 'backend-failed', usage: null };
        sendError(scope, failure, progress.route === undefined ? {} : failureHeaders(progress));
      }
    }
    leave();
    const seen = failure === null ? scope.response.statusCode : statusOf(failure, dialect);
    const status = outcome.ending === 'client-left' ? 499 : seen;
    const durationMs = parts.now() - scope.startedAt;
    record(parts, { scope, dialect, progress, outcome, failure, status, durationMs, span });
  };
  return (scope: Scope): Promise<void> =>
    parts.tracer.request(`POST ${scope.path}`, scope.request.headers, (span) => answer(scope, span));
}

function toCall(scope: Scope, dialect: Dialect, { bodyBytes, tracer }: InferenceParts) {
  const { request, response } = scope;
  return {
    id: scope.id,
    dialect,
    rawHeaders: request.rawHeaders,
    headers: request.headers,
    search: forwardedSearch(scope),
    readBody: () => tracer.step('read', () => readBody(scope, bodyBytes)),
    response,
    signal: scope.signal,
    send: (body: unknown, headers: Record<string, string>) => sendJson(scope, 200, body, headers),
    refuse: (reply: RefusedReply, headers: Readonly<Record<string, string>>) =>
      refuse(scope, dialect, reply, headers),
  };
}

function failureHeaders({ route }: Progress): Record<string, string> {
  return route === undefined ? {} : modelHeaders(route);
}

/** Errors whose wording belongs to the backend and the client alone: passed on unchanged within one dialect (P10). */
const OWN_WORDS: ReadonlySet<string> = new Set([
  'invalid_request',
  'model_not_found',
  'conflict',
  'body_too_large',
  'internal',
  'backend_overloaded',
  'rate_limited',
]);

/**
 * What a client recognises an overflow by: Claude Code by words, which are Claude's own, the OpenAI SDKs by the code.
 * A backend that says it so keeps its answer; any other is said anew (E-10).
 */
const OVERFLOW_SIGNS: Readonly<Record<Dialect, RegExp>> = {
  anthropic: /prompt is too long|exceed context limit/i,
  openai: /"context_length_exceeded"/,
  responses: /"context_length_exceeded"/,
};

function keepsItsWords(code: ErrorCode, dialect: Dialect, body: Uint8Array): boolean {
  // Codex sells plans of its maker's to people who read of a limit in its maker's words (codex.md §5).
  if (dialect === 'responses' && code === 'rate_limited') return false;
  const text = new TextDecoder().decode(body);
  if (!isErrorEnvelope(text)) return false;
  return code === 'context_overflow' ? OVERFLOW_SIGNS[dialect].test(text) : OWN_WORDS.has(code);
}

/** A web page of some proxy in between, or an empty object, is no error that a client can read. */
function isErrorEnvelope(text: string): boolean {
  try {
    const { error } = JSON.parse(text) as { readonly error?: { readonly message?: unknown } | null };
    return typeof error?.message === 'string';
  } catch {
    return false;
  }
}

function refuse(scope: Scope, dialect: Dialect, reply: RefusedReply, headers: Record<string, string>): void {
  const { code, message, status, retryAfterSeconds } = reply.error;
  const error = new GatewayError(code, message, { status, retryAfterSeconds });
  const { body } = reply;
  const isEventsOnly = scope.response.headersSent || (reply.status >= 500 && readsEventsOnly(scope));
  if (body === null || reply.format !== dialect || isEventsOnly || !keepsItsWords(code, dialect, body)) {
    sendError(scope, error, headers);
    return;
  }
  sendBytes(scope, reply.status, body, {
    ...headers,
    ...errorHeaders(error, dialect),
    ...pick(reply.headers, ['x-should-retry']),
    'content-type': 'application/json',
  });
}

function pick(headers: Readonly<Record<string, string>>, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]])),
  );
}

/** A request that is over, as it is counted and logged; nothing of its content. */
interface Finished {
  readonly scope: Scope;
  readonly dialect: Dialect;
  readonly progress: Progress;
  readonly outcome: Outcome;
  readonly failure: GatewayError | null;
  /** What the client got to see; 499 when it left first (nginx's custom). */
  readonly status: number;
  readonly durationMs: number;
  readonly span: Span;
}

function record(parts: InferenceParts, finished: Finished): void {
  countRequest(parts, finished);
  if (parts.tracer.isOn) describeSpan(parts, finished);
  noteLatency(parts.latencies, finished);
  const used = toUsageRecord(finished, parts.clock());
  if (used !== null) parts.recordUsage(used);
  const fields = logFields(finished);
  if (finished.failure?.code === 'internal') parts.log.error(fields, 'request failed');
  else parts.log.info(fields, 'request');
}

function noteLatency(latencies: InferenceParts['latencies'], finished: Finished): void {
  const { scope, progress, durationMs } = finished;
  const { backend, firstContentAt } = progress;
  if (backend === undefined) return;
  latencies.note(backend, firstContentAt === undefined ? null : firstContentAt - scope.startedAt, durationMs);
}

function describeSpan({ providerOf }: InferenceParts, finished: Finished): void {
  const { scope, dialect, progress, outcome, status, span } = finished;
  const { principal, route, backend, failures } = progress;
  span.set(
    toRequestAttributes({
      requestId: scope.id,
      path: scope.path,
      dialect,
      status,
      ending: outcome.ending,
      principal,
      route,
      backend,
      provider: backend === undefined ? undefined : providerOf(backend),
      attempts: failures.length,
      streamed: progress.sent?.stream === true,
      session: sessionOf(scope.request.headers),
      firstContent: firstContentSeconds(scope, progress),
      usage: usageOf(outcome),
    }),
  );
  const errorType = errorTypeOf(finished);
  if (errorType === null) return;
  // Of a server's span, what the caller did wrong is no failure (OpenTelemetry's HTTP conventions).
  if (status >= 500 || (status < 400 && outcome.ending === 'backend-failed')) span.fail(errorType);
  else span.set({ 'error.type': errorType });
}

/** What went wrong, in a word of a closed list: of a refusal that a backend began with, the word for that. */
function errorTypeOf({ progress, outcome, failure }: Finished): string | null {
  if (failure !== null) return failure.code;
  if (outcome.ending === 'completed') return null;
  const refused = progress.firstContentAt === undefined ? progress.failures.at(-1) : undefined;
  return outcome.ending === 'backend-failed' && refused !== undefined ? refused.code : outcome.ending;
}

function countRequest({ metrics, providerOf, now }: InferenceParts, finished: Finished): void {
  const { scope, dialect, progress, outcome, failure, status, durationMs, span } = finished;
  const { principal, route, backend, sent, dropped = [] } = progress;
  if (backend !== undefined && dropped.length > 0) metrics.translatedWithLoss(backend);
  for (const attempt of progress.failures) metrics.backendFailed(attempt.backend, attempt.code);
  if (route !== undefined) metrics.routed(route.requested, route.served);
  if (failure?.code === 'quota_exhausted') metrics.quotaRefused(principal?.tier ?? 'none');
  metrics.requestEnded({
    tier: principal?.tier ?? 'none',
    dialect,
    status,
    ending: outcome.ending,
    backend: backend ?? 'none',
    durationSeconds: durationMs / 1000,
    firstContentSeconds: firstContentSeconds(scope, progress),
    usage: usageOf(outcome),
    settled: progress.reservation === undefined ? null : isCharged(outcome) ? 'charged' : 'refunded',
    called:
      backend === undefined || route === undefined || sent === undefined
        ? null
        : { provider: providerOf(backend), model: route.served, durationSeconds: (now() - sent.at) / 1000 },
    errorType: errorTypeOf(finished),
    streamed: progress.sent?.stream === true,
    traceId: span.traceId,
  });
}

const usageOf = (outcome: Outcome) => ('usage' in outcome ? outcome.usage : null);

/** Failures whose cause is the gateway's own sentence, so that an operator may read it. */
const OWN_CAUSE: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['invalid_credential', 'no_subscription']);

function evidence({ code, cause }: GatewayError): LogFields {
  if (cause === undefined) return {};
  return OWN_CAUSE.has(code) && cause instanceof Error ? { cause: cause.message } : { err: cause };
}

/** A request may name any number of fields that nobody knows. */
const MAX_LOGGED_NAMES = 20;

/** What is undefined is not written. */
function logFields(finished: Finished): LogFields {
  const { scope, dialect, progress, outcome, failure, status, durationMs, span } = finished;
  const { principal, route, backend, dropped = [], failures } = progress;
  const usage = usageOf(outcome);
  return {
    request_id: scope.id,
    trace_id: span.traceId ?? undefined,
    dialect,
    user: principal?.subject.slice(0, 16),
    tier: principal?.tier,
    model: route?.requested,
    served: route?.served,
    reason: route?.reason,
    backend,
    status,
    ending: outcome.ending,
    duration_ms: Math.round(durationMs),
    input_tokens: usage?.inputTokens,
    output_tokens: usage?.outputTokens,
    failures: failures.length > 0 ? failures : undefined,
    dropped: dropped.length > 0 ? dropped.slice(0, MAX_LOGGED_NAMES) : undefined,
    code: failure?.code,
    ...(failure !== null && evidence(failure)),
  };
}

/** Nobody's request, and one whose client left before anything was decided, is nobody's usage. */
function toUsageRecord(finished: Finished, at: number): UsageRecord | null {
  const { scope, dialect, progress, outcome, status, durationMs } = finished;
  const { principal, route, backend } = progress;
  if (principal === undefined || (progress.reservation === undefined && outcome.ending === 'client-left'))
    return null;
  return {
    requestId: scope.id,
    at,
    subject: principal.subject,
    user: principal.user,
    tier: principal.tier,
    dialect,
    asked: route?.requested ?? null,
    served: route?.served ?? null,
    backend: backend ?? null,
    status,
    outcome: usageOutcome(finished),
    durationMs,
    usage: usageOf(outcome),
  };
}

function usageOutcome({ progress, outcome, failure }: Finished): UsageRecord['outcome'] {
  if (progress.reservation !== undefined) return isCharged(outcome) ? 'charged' : 'refunded';
  return failure === null ? 'free' : 'refused';
}

function firstContentSeconds(scope: Scope, { firstContentAt }: Progress): number | null {
  return firstContentAt === undefined ? null : Math.max(0, firstContentAt - scope.startedAt) / 1000;
}
