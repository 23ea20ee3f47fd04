/**
 * The client's request on its way out: as bytes where the backend speaks the client's dialect, written anew where it
 * does not. One object per client request; each candidate gets its own version of it.
 */
import { createHash } from 'node:crypto';
import { dropForeignThinking } from '../protocol/anthropic/drop-foreign-thinking.ts';
import type { Conversation, ReasoningOrigin } from '../protocol/conversation.ts';
import { BACKEND_FORMATS, CLIENT_DIALECTS, type DecoderOptions } from '../protocol/dialects.ts';
import { askForUsage, renameDeveloper } from '../protocol/openai/adapt-chat.ts';
import { isPrivateAddress } from '../protocol/private-address.ts';
import { dropSealed } from '../protocol/responses/drop-sealed.ts';
import { asksToStore, withoutMetadata } from '../protocol/responses/keep-private.ts';
import { keepOwnReasoning, type Seal } from '../protocol/responses/sealed-reasoning.ts';
import {
  fieldEdits,
  parseBody,
  type RequestScan,
  readField,
  type ScannedBody,
  spliceBytes,
} from '../protocol/scan-request.ts';
import type { Candidate, Dialect } from '../types.ts';
import { type CarriedBody, createCarriedBody } from './carried-body.ts';
import {
  type Changes,
  changeConversation,
  changeProfile,
  NO_CHANGES,
  type OptionalField,
} from './changes.ts';
import { type Backend, FORMATS, formatFor } from './kinds.ts';
import { measurePrompt, type PromptSize } from './prompt-size.ts';

/** The client's request as the pipeline hands it over. */
export interface ClientRequest {
  readonly dialect: Dialect;
  readonly body: Uint8Array;
  readonly scan: RequestScan;
  /** The client's headers, lower-case names. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The query string with its question mark, or empty. */
  readonly search: string;
  /** What the answer repeats of the request, whatever a backend is told. */
  readonly echo?: Readonly<Record<string, unknown>> | undefined;
}

/** One version of a request, for one candidate. */
export interface Outbound {
  /** The format it is written in, and its answer with it. */
  readonly format: Dialect;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | string;
  /** `max_tokens` as it was sent; null when none was. */
  readonly maxTokens: number | null;
  /** Fields in it that are the gateway's own and that it could do without. */
  readonly optional: readonly OptionalField[];
  /** The gateway asks for usage at the end of the stream, and the client did not. */
  readonly asksUsage: boolean;
  /** It carries the caller's own Claude login instead of the gateway's key. */
  readonly usesOwnCredential: boolean;
  /** What reading the translated reply needs; null when nothing was translated. */
  readonly translation: Translation | null;
}

export interface Translation {
  /** Whose reasoning the answer's is. */
  readonly origin: ReasoningOrigin;
  readonly conversation: Conversation;
  readonly toolNames: ReadonlyMap<string, string>;
  /** Names of what was lost on the way. */
  readonly dropped: readonly string[];
  /** What reading the reply needs to know of the request. */
  readonly decoding: DecoderOptions;
}

/** Writes requests for candidates; the body is parsed at most once, and only when something must be translated. */
export interface OutboundWriter {
  write(candidate: Candidate, backend: Backend, changes?: Changes): Outbound;
  /** The request as a conversation. */
  conversation(): Conversation;
  /** `max_tokens` as the client asked for; null when it did not. */
  maxTokens(): number | null;
  /** Length of the client's body. */
  readonly bodyBytes: number;
  /** What of the body is prompt; measured at most once. */
  promptSize(): PromptSize;
  /** Its memory, with that of the versions that were sent. */
  readonly carried: CarriedBody;
}

const USER_AGENT = 'llm-gateway';

/** The names under which clients limit the answer; of several the first counts. */
const LIMIT_FIELDS = ['max_completion_tokens', 'max_tokens', 'max_output_tokens'] as const;

/**
 * @param seal opens reasoning that the client carries for the gateway
 * @throws GatewayError `invalid_request` from writing, when a translated body cannot be read
 */
export function createOutboundWriter(request: ClientRequest, seal?: Seal): OutboundWriter {
  let conversation: Conversation | null = null;
  let size: PromptSize | null = null;
  const read = () => {
    conversation ??= CLIENT_DIALECTS[request.dialect].readRequest(parseBody(request.body), { seal });
    return conversation;
  };

  return {
    conversation: read,
    maxTokens: () => askedTokens(request),
    bodyBytes: request.body.length,
    carried: createCarriedBody(request.body),
    promptSize() {
      size ??= measurePrompt(request.body);
      return size;
    },
    write: (candidate, backend, changes = NO_CHANGES) =>
      formatFor(backend, request.dialect) === request.dialect
        ? passOn(request, candidate, backend, changes)
        : translate(read(), candidate, backend, changes),
  };
}

function askedTokens(request: ClientRequest): number | null {
  const [first] = limitsIn(request);
  return first === undefined ? null : first.value;
}

function limitsIn({
  body,
  scan,
}: ClientRequest): readonly { readonly name: string; readonly value: number }[] {
  return LIMIT_FIELDS.flatMap((name) => {
    const value = readField(body, scan, name);
    return typeof value === 'number' ? [{ name, value }] : [];
  });
}

/** What must not be passed on: thinking that Claude would refuse, and what Codex tells of the person at work. */
const CLEANED: Readonly<Record<Dialect, (request: ScannedBody) => ScannedBody>> = {
  anthropic: dropForeignThinking,
  openai: (request) => request,
  responses: (request) => dropSealed(withoutMetadata(request)),
};

/**
 * The client's own bytes but for what must not be passed on; only the model's name and, where it has to be, the
 * length of the answer, the wish to store it, the wish for usage and the name of a role are replaced.
 */
function passOn(asked: ClientRequest, candidate: Candidate, backend: Backend, changes: Changes): Outbound {
  const request = { ...asked, ...CLEANED[asked.dialect](asked) };
  const { maxTokens } = changes;
  const { model } = candidate;
  const limits =
    maxTokens === null ? {} : Object.fromEntries(limitsIn(request).map(({ name }) => [name, maxTokens]));
  const format = request.dialect;
  const store = format === 'responses' && asksToStore(request) ? { store: false } : {};
  const values = { ...limits, ...store, ...(request.scan.model !== model && { model }) };
  const own = ownCredential(request, candidate, backend);
  const profile = changeProfile(backend.profile, changes);
  const isChat = format === 'openai';
  const usage = isChat ? askForUsage(request.body, request.scan, profile) : [];
  const roles = isChat ? renameDeveloper(request.body, request.scan, profile) : [];
  return {
    format,
    url: `${candidate.url}${FORMATS[format].path}${request.search}`,
    headers: { ...outgoingHeaders(backend, format, own), ...forwardedHeaders(request) },
    usesOwnCredential: own !== null,
    body: spliceBytes(request.body, [...fieldEdits(request.scan, values), ...roles, ...usage]),
    maxTokens: maxTokens ?? askedTokens(request),
    optional: usage.length > 0 ? ['stream_options'] : [],
    asksUsage: usage.length > 0,
    translation: null,
  };
}

function translate(asked: Conversation, candidate: Candidate, backend: Backend, changes: Changes): Outbound {
  const origin = { backend: candidate.backend, model: candidate.model };
  const conversation = changeConversation(keepOwnReasoning(asked, origin), changes);
  const profile = changeProfile(backend.profile, changes);
  const { format } = backend;
  const written = BACKEND_FORMATS[format].writeRequest(conversation, {
    model: candidate.model,
    profile,
    maxOutputTokens: backend.maxOutputTokens,
    hash: sha256,
  });
  const { toolNames, body } = written;
  // Stop sequences that the backend does not take are kept by the decoder.
  const lost = written.dropped.filter((name) => name !== 'stop_sequences');
  const isWordsOnly = asked.format.kind !== 'text' && conversation.format.kind === 'text';
  const dropped = isWordsOnly ? [...lost, 'response_format'] : lost;
  return {
    format,
    url: `${candidate.url}${FORMATS[format].path}`,
    headers: outgoingHeaders(backend, format),
    body: JSON.stringify(body),
    maxTokens: LIMIT_FIELDS.map((name) => body[name]).find((value) => typeof value === 'number') ?? null,
    optional: OPTIONAL_FIELDS.filter((name) => name in body),
    asksUsage: false,
    usesOwnCredential: false,
    translation: {
      origin,
      conversation,
      toolNames,
      dropped,
      decoding: decodingOf(conversation, backend, toolNames),
    },
  };
}

const OPTIONAL_FIELDS: readonly OptionalField[] = ['stream_options', 'response_format'];

function decodingOf(
  { tools, reasoning, stop, sealsReasoning }: Conversation,
  { profile, format }: Backend,
  renamed: ReadonlyMap<string, string>,
): DecoderOptions {
  const sent = new Set([...tools.map((tool) => tool.name), ...renamed.keys()]);
  return {
    thinkTags: profile.thinkTags ? { unopened: reasoning.kind === 'on' } : undefined,
    toolNames: sent,
    signatures: sealsReasoning,
    cumulativeArguments: profile.cumulativeArguments,
    // Claude takes as many as anyone sends.
    stop: format === 'openai' ? stop.slice(profile.stopMax) : [],
  };
}

/** Built from nothing: no client header gets out that is not named in the backend's row. */
function outgoingHeaders(
  backend: Backend,
  format: Dialect,
  own: string | null = null,
): Record<string, string> {
  const { authorization, 'x-api-key': key, ...fixed } = backend.headers(format);
  const gateways = {
    ...(authorization !== undefined && { authorization }),
    ...(key !== undefined && { 'x-api-key': key }),
  };
  return {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    // Streams are looked into as they pass, so they must come as they are.
    'accept-encoding': 'identity',
    'user-agent': USER_AGENT,
    ...fixed,
    ...(own === null ? gateways : { authorization: own }),
  };
}

const OWN_LOGIN = /^bearer\s+sk-ant-oat[\w-]+$/i;

/** The caller's own Claude login, where the route lets it through; never to anyone but Claude, nor in the clear. */
function ownCredential({ headers }: ClientRequest, candidate: Candidate, { kind }: Backend): string | null {
  const { authorization } = headers;
  if (candidate.passthrough !== 'own-credential' || kind !== 'claude') return null;
  if (typeof authorization !== 'string' || !OWN_LOGIN.test(authorization)) return null;
  return isPrivateAddress(candidate.url) ? authorization : null;
}

function forwardedHeaders(request: ClientRequest): Record<string, string> {
  const { forwards } = FORMATS[request.dialect];
  const result: Record<string, string> = {};
  for (const name in request.headers) {
    const value = request.headers[name];
    if (typeof value === 'string' && forwards(name)) result[name] = value;
  }
  return result;
}

/** Hex SHA-256, for names and ids that must come out the same every time. */
export const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
