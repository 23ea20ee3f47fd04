/**
 * A backend's failure, in whatever shape it comes, read into the gateway's own codes. The status decides; the
 * error's type and code refine it (translation.md §6.2), or stand for it where there is none, as in a stream.
 */
import type { ErrorCode } from '../errors.ts';
import { cleanMessage } from './clean-message.ts';
import { describeContextOverflow, readContextOverflow } from './context-overflow.ts';
import { asList, asObject, asText, isObject, type JsonObject, parseJson } from './json.ts';
import type { ReplyError } from './reply-events.ts';
import { type ReplyHeaders, readRetryAfter } from './retry-after.ts';

/** A backend's answer that is no success. */
export interface UpstreamFailure {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: ReplyHeaders;
  readonly body: string;
  /** Milliseconds since the epoch; only needed for a `retry-after` date without a `date` header. */
  readonly now?: number | undefined;
}

interface ErrorFields {
  readonly message: string;
  /** `type` and `code` texts, lower case, in that order; either may be missing. */
  readonly names: readonly string[];
  /** The error's own HTTP status, where its `code` is one. */
  readonly status: number | null;
}

const BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  400: 'invalid_request',
  // The gateway's own key was refused; a 401 or 403 would tell the caller that theirs was.
  401: 'backend_credential_rejected',
  402: 'billing',
  403: 'backend_credential_rejected',
  404: 'model_not_found',
  408: 'backend_timeout',
  409: 'conflict',
  413: 'body_too_large',
  422: 'invalid_request',
  429: 'rate_limited',
  451: 'permission_denied',
  503: 'backend_overloaded',
  504: 'backend_timeout',
  522: 'backend_timeout',
  524: 'backend_timeout',
  529: 'backend_overloaded',
};

/** What the error's type or code means where no status says it: Anthropic's words, OpenAI's, vLLM's. */
const BY_NAME: Readonly<Record<string, ErrorCode>> = {
  invalid_request_error: 'invalid_request',
  badrequesterror: 'invalid_request',
  authentication_error: 'backend_credential_rejected',
  invalid_api_key: 'backend_credential_rejected',
  permission_error: 'backend_credential_rejected',
  billing_error: 'billing',
  insufficient_quota: 'billing',
  not_found_error: 'model_not_found',
  notfounderror: 'model_not_found',
  model_not_found: 'model_not_found',
  conflict_error: 'conflict',
  request_too_large: 'body_too_large',
  rate_limit_error: 'rate_limited',
  rate_limit_exceeded: 'rate_limited',
  timeout_error: 'backend_timeout',
  overloaded_error: 'backend_overloaded',
  server_is_overloaded: 'backend_overloaded',
  slow_down: 'rate_limited',
  invalid_prompt: 'invalid_request',
  service_unavailable: 'backend_overloaded',
  serviceunavailableerror: 'backend_overloaded',
};

/** Names that mean the same under whatever status they come. */
const STRONGER_THAN_STATUS: ReadonlySet<ErrorCode> = new Set(['billing', 'backend_credential_rejected']);

/** Backend statuses that say more than the row of their code. */
const KEPT_STATUSES: ReadonlySet<number> = new Set([451, 500, 502]);

const OVERLOADED = /overloaded|queue (?:is )?full|no available (?:server|worker)|at capacity/i;
const OUT_OF_CREDIT = /credit balance is too low|exceeded your current quota/i;

/** Texts for failures whose own words are of no use to the caller, or must not reach them. */
const FIXED: Readonly<Partial<Record<ErrorCode, string>>> = {
  backend_credential_rejected: "The backend rejected the gateway's credential; its operator has to renew it.",
  billing: "The backend refused the request: the gateway's account there is out of credit or quota.",
};

const FALLBACK: Readonly<Partial<Record<ErrorCode, string>>> = {
  backend_overloaded: 'The backend is overloaded; try again shortly.',
  backend_timeout: 'The backend took too long to answer.',
  rate_limited: 'The backend is limiting requests; try again shortly.',
  body_too_large: 'The request is larger than the backend accepts.',
  model_not_found: 'The backend does not know this model.',
};

/**
 * Reads a whole error answer.
 *
 * Every shape of translation.md §6.1 is understood; HTML and empty bodies become a sentence of our own. A context
 * overflow is reworded into Claude's words, the only ones that make Claude Code compact.
 */
export function readUpstreamError(failure: UpstreamFailure): ReplyError {
  const fields = readFields(failure.body);
  const error = toReplyError(fields, failure.status >= 300 ? failure.status : fields.status);
  const retryAfterSeconds = readRetryAfter(failure.headers, failure.now);
  return retryAfterSeconds === undefined ? error : { ...error, retryAfterSeconds };
}

/**
 * Reads an error object that came inside a successful answer: an event of a stream, or a body under status 200.
 *
 * @returns `null` when the value is no error
 */
export function readEmbeddedError(value: unknown): ReplyError | null {
  const holder = holderOf(value);
  const isError =
    isObject(holder.error) ||
    asText(holder.error) !== '' ||
    holder.object === 'error' ||
    holder.type === 'error';
  if (!isError) return null;
  const fields = fieldsOf(holder);
  return toReplyError(fields, fields.status);
}

function toReplyError(fields: ErrorFields, status: number | null): ReplyError {
  const overflow = readOverflow(fields, status);
  if (overflow !== null) return { code: 'context_overflow', message: overflow };
  const code = chooseCode(fields, status);
  const message =
    FIXED[code] ??
    (cleanMessage(fields.message) ||
      FALLBACK[code] ||
      (status === null ? 'The backend failed.' : `The backend answered with status ${status}.`));
  const keepsStatus = status !== null && KEPT_STATUSES.has(status) && code === codeOf(status);
  return keepsStatus ? { code, message, status } : { code, message };
}

/** Overflows come as 400, 413 or 422, from some as 500, and in streams without any status. */
function readOverflow(fields: ErrorFields, status: number | null): string | null {
  if (status !== null && ![400, 413, 422, 500].includes(status)) return null;
  const overflow = readContextOverflow(fields.message) ?? readContextOverflow(fields.names.join(' '));
  return overflow === null ? null : describeContextOverflow(overflow, cleanMessage(fields.message));
}

function chooseCode(fields: ErrorFields, status: number | null): ErrorCode {
  const named = fields.names
    .map((name) => (Object.hasOwn(BY_NAME, name) ? BY_NAME[name] : undefined))
    .find((code) => code !== undefined);
  if (OUT_OF_CREDIT.test(fields.message)) return 'billing';
  if (named !== undefined && (status === null || STRONGER_THAN_STATUS.has(named))) return named;
  if (
    (status === null || status >= 500) &&
    (named === 'backend_overloaded' || OVERLOADED.test(fields.message))
  ) {
    return 'backend_overloaded';
  }
  // A 404 that does not speak of a model is a wrong backend address, which no other model name will cure.
  const speaksOfModel = [fields.message, ...fields.names].some((text) => /model/i.test(text));
  return status === 404 && !speaksOfModel ? 'backend_failed' : codeOf(status);
}

function codeOf(status: number | null): ErrorCode {
  return (status === null ? undefined : BY_STATUS[status]) ?? 'backend_failed';
}

/** Errors come in a list at some proxies, and within the response in a Responses stream. */
function holderOf(value: unknown): JsonObject {
  const holder = Array.isArray(value) ? asObject(value[0]) : asObject(value);
  return holder.type === 'response.failed' ? { error: {}, ...asObject(holder.response) } : holder;
}

function readFields(body: string): ErrorFields {
  const value = parseJson(body);
  if (isObject(value) || Array.isArray(value)) return fieldsOf(holderOf(value));
  const text = typeof value === 'string' ? value : body.trim();
  const readable = text.startsWith('<') ? '' : (text.split('\n', 1)[0] ?? '');
  return { message: readable, names: [], status: null };
}

function fieldsOf(holder: Readonly<Record<string, unknown>>): ErrorFields {
  const inner = isObject(holder.error) ? holder.error : holder;
  const message =
    asText(inner.message) || asText(holder.error) || readDetail(holder.detail) || asText(inner.Message);
  const names = [inner.type, inner.code]
    .map((name) => asText(name).toLowerCase())
    .filter((name) => name !== '');
  return { message, names, status: readStatus(inner.code) };
}

/** FastAPI's `detail`: a text, or a list of which only place and message are taken (`input` repeats the request). */
function readDetail(detail: unknown): string {
  if (!Array.isArray(detail)) return asText(detail);
  return detail
    .map(asObject)
    .map(({ loc, msg }) => `${readPlace(loc)}: ${asText(msg)}`)
    .join('; ');
}

function readPlace(loc: unknown): string {
  const steps = asList(loc).filter((step) => typeof step === 'string' || typeof step === 'number');
  return steps.length === 0 ? 'body' : steps.join('.');
}

function readStatus(code: unknown): number | null {
  const status = typeof code === 'number' || typeof code === 'string' ? Number(code) : Number.NaN;
  return Number.isInteger(status) && status >= 400 && status <= 599 ? status : null;
}
