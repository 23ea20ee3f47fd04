/**
 * The closed list of everything that can go wrong for a caller, and how each is said in each dialect.
 * Imports nothing. A new code does not compile until it has a row in {@link ERRORS}.
 */

/** Codes raised by the gateway itself, and codes that backends' failures are read into. */
export type ErrorCode =
  | 'invalid_request'
  | 'context_overflow'
  | 'missing_credential'
  | 'invalid_credential'
  | 'foreign_credential'
  | 'expired_credential'
  | 'ambiguous_credential'
  | 'no_subscription'
  | 'permission_denied'
  | 'route_not_found'
  | 'method_not_allowed'
  | 'model_not_found'
  | 'previous_response_not_found'
  | 'request_timeout'
  | 'conflict'
  | 'body_too_large'
  | 'unsupported_media_type'
  | 'headers_too_large'
  | 'quota_exhausted'
  | 'rate_limited'
  | 'billing'
  | 'internal'
  | 'backend_failed'
  | 'backend_credential_rejected'
  | 'backend_unreachable'
  | 'backend_timeout'
  | 'backend_overloaded'
  | 'backend_truncated'
  | 'gateway_overloaded'
  | 'quota_unavailable'
  | 'identity_unavailable'
  | 'store_unavailable'
  | 'shutting_down'
  | 'not_supported';

/** How one code is answered. */
export interface ErrorRow {
  /** HTTP status for Anthropic clients and for plain ones. */
  readonly status: number;
  /** HTTP status for OpenAI clients where it differs. */
  readonly openaiStatus?: number;
  /** `error.type` in the Anthropic envelope. */
  readonly anthropicType: string;
  /** `error.type` in the OpenAI envelope. */
  readonly openaiType: string;
  /** `error.code` in the OpenAI envelope. */
  readonly openaiCode: string | null;
  /** What differs for Responses clients: what Codex stops at, and shows, is a choice of few words (codex.md §5). */
  readonly responses?: { readonly status?: number; readonly type?: string; readonly code?: string };
  /** Value of `x-should-retry`; absent: the client's own rules apply. */
  readonly shouldRetry?: boolean;
}

const invalid = { anthropicType: 'invalid_request_error', openaiType: 'invalid_request_error' } as const;
const unauthenticated = {
  status: 401,
  anthropicType: 'authentication_error',
  openaiType: 'invalid_request_error',
  openaiCode: 'invalid_api_key',
} as const;
/** The one code at which Codex stops at once and shows the sentence alone, on any refusal. */
const STOPS_CODEX = { code: 'model_not_found' } as const;
const server = { anthropicType: 'api_error', openaiType: 'server_error' } as const;

/**
 * One row per code. Statuses and retry hints follow what Claude Code 2.1.330 and both SDKs were measured to do
 * with them; `docs/decisions/2026-11-22-error-table.md` gives the reasons.
 */
export const ERRORS: Readonly<Record<ErrorCode, ErrorRow>> = {
  invalid_request: { ...invalid, status: 400, openaiCode: null },
  context_overflow: { ...invalid, status: 400, openaiCode: 'context_length_exceeded' },
  missing_credential: { ...unauthenticated, shouldRetry: false },
  invalid_credential: { ...unauthenticated, shouldRetry: false },
  foreign_credential: { ...unauthenticated, shouldRetry: false },
  // An expired token is retried by apiKeyHelper users with a fresh one, so no hint (platform.md A7).
  expired_credential: { ...unauthenticated },
  ambiguous_credential: { ...invalid, status: 400, openaiCode: 'ambiguous_credential', shouldRetry: false },
  no_subscription: {
    status: 403,
    anthropicType: 'permission_error',
    openaiType: 'invalid_request_error',
    openaiCode: 'no_subscription',
    responses: STOPS_CODEX,
    shouldRetry: false,
  },
  permission_denied: {
    status: 403,
    anthropicType: 'permission_error',
    openaiType: 'invalid_request_error',
    openaiCode: 'permission_denied',
    responses: STOPS_CODEX,
    shouldRetry: false,
  },
  route_not_found: {
    status: 404,
    anthropicType: 'not_found_error',
    openaiType: 'invalid_request_error',
    openaiCode: 'not_found',
    shouldRetry: false,
  },
  method_not_allowed: { ...invalid, status: 405, openaiCode: 'method_not_allowed', shouldRetry: false },
  model_not_found: {
    status: 404,
    anthropicType: 'not_found_error',
    openaiType: 'invalid_request_error',
    openaiCode: 'model_not_found',
    shouldRetry: false,
  },
  previous_response_not_found: {
    ...invalid,
    status: 400,
    openaiCode: 'previous_response_not_found',
    shouldRetry: false,
  },
  request_timeout: { ...invalid, status: 408, openaiCode: 'request_timeout' },
  conflict: { ...invalid, status: 409, openaiCode: 'conflict' },
  body_too_large: {
    status: 413,
    anthropicType: 'request_too_large',
    openaiType: 'invalid_request_error',
    openaiCode: 'request_too_large',
    // After a 413 Codex sends it all five times more.
    responses: { status: 400 },
    shouldRetry: false,
  },
  unsupported_media_type: {
    ...invalid,
    status: 415,
    openaiCode: 'unsupported_media_type',
    shouldRetry: false,
  },
  headers_too_large: { ...invalid, status: 431, openaiCode: 'headers_too_large', shouldRetry: false },
  quota_exhausted: {
    status: 429,
    anthropicType: 'billing_error',
    openaiType: 'insufficient_quota',
    openaiCode: 'insufficient_quota',
    responses: { type: 'usage_limit_reached', code: 'usage_limit_reached' },
    shouldRetry: false,
  },
  rate_limited: {
    status: 429,
    anthropicType: 'rate_limit_error',
    openaiType: 'rate_limit_error',
    openaiCode: 'rate_limit_exceeded',
  },
  billing: {
    status: 402,
    openaiStatus: 429,
    anthropicType: 'billing_error',
    openaiType: 'insufficient_quota',
    openaiCode: 'insufficient_quota',
    shouldRetry: false,
  },
  internal: { ...server, status: 500, openaiCode: null },
  backend_failed: { ...server, status: 502, openaiCode: 'backend_failed' },
  // The gateway's own key was refused: never a 401, the caller's credential is fine.
  backend_credential_rejected: {
    ...server,
    status: 502,
    openaiCode: 'backend_credential_rejected',
    shouldRetry: false,
  },
  backend_unreachable: { ...server, status: 502, openaiCode: 'backend_unreachable' },
  backend_timeout: {
    status: 504,
    anthropicType: 'timeout_error',
    openaiType: 'server_error',
    openaiCode: 'backend_timeout',
  },
  backend_overloaded: {
    status: 529,
    openaiStatus: 503,
    anthropicType: 'overloaded_error',
    openaiType: 'server_error',
    openaiCode: 'service_unavailable',
  },
  backend_truncated: { ...server, status: 502, openaiCode: 'backend_truncated' },
  // At its own limit: as a busy backend, so that clients wait a moment and come back.
  gateway_overloaded: {
    status: 529,
    openaiStatus: 503,
    anthropicType: 'overloaded_error',
    openaiType: 'server_error',
    openaiCode: 'gateway_overloaded',
  },
  quota_unavailable: { ...server, status: 503, openaiCode: 'quota_unavailable' },
  identity_unavailable: { ...server, status: 503, openaiCode: 'identity_unavailable' },
  store_unavailable: { ...server, status: 503, openaiCode: 'store_unavailable' },
  shutting_down: {
    status: 529,
    openaiStatus: 503,
    anthropicType: 'overloaded_error',
    openaiType: 'server_error',
    openaiCode: 'shutting_down',
  },
  not_supported: { ...invalid, status: 400, openaiCode: 'not_supported', shouldRetry: false },
};

/** Extra facts an error may carry to its answer. */
export interface ErrorDetails {
  /** Whole seconds for `retry-after`. */
  readonly retryAfterSeconds?: number | undefined;
  /** When what was used up is there again, milliseconds since the epoch. */
  readonly resetsAt?: number | undefined;
  /** Further response headers, lower-case names. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** A backend's own status to answer with instead of the row's (500 stays 500, 502 stays 502). */
  readonly status?: number | undefined;
  /** Evidence for the log; never shown to the caller. */
  readonly cause?: unknown;
}

/**
 * A problem with an answer for the caller. Throw it to answer, return data to branch.
 * `message` is shown to the caller: one sentence that names the thing and what was expected, free of secrets,
 * addresses and request content.
 */
export class GatewayError extends Error {
  override readonly name = 'GatewayError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.details = details;
  }
}

/**
 * Whether a request's signal says that its client went away. The gateway's own reasons to stop are GatewayErrors,
 * which are still to be said to the client.
 */
export function hasClientLeft(signal: AbortSignal): boolean {
  return signal.aborted && !(signal.reason instanceof GatewayError);
}

/**
 * Makes a failure in the gateway's own words a result to look at, for `.catch()`; anything else (the client's leaving,
 * a fault of ours) flies on.
 */
export function asGatewayError(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  throw error;
}
