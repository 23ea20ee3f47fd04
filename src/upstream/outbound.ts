/**
 * The client's request on its way out: as bytes where the backend speaks the client's dialect, written anew where it
 * does not. One object per client request; each candidate gets its own version of it.
 */
import { createHash } from 'node:crypto';
import type { Conversation } from '../protocol/conversation.ts';
import { BACKEND_FORMATS, CLIENT_DIALECTS, type DecoderOptions } from '../protocol/dialects.ts';
import { parseBody, type RequestScan, spliceModel } from '../protocol/scan-request.ts';
import type { Candidate, Dialect } from '../types.ts';
import { type Backend, FORMATS } from './kinds.ts';

/** The client's request as the pipeline hands it over. */
export interface ClientRequest {
  readonly dialect: Dialect;
  readonly body: Uint8Array;
  readonly scan: RequestScan;
  /** The client's headers, lower-case names. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The query string with its question mark, or empty. */
  readonly search: string;
}

/** One version of a request, for one candidate. */
export interface Outbound {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | string;
  /** What reading the translated reply needs; null when nothing was translated. */
  readonly translation: Translation | null;
}

export interface Translation {
  readonly conversation: Conversation;
  readonly toolNames: ReadonlyMap<string, string>;
  /** Names of what was lost on the way. */
  readonly dropped: readonly string[];
  /** What reading the reply needs to know of the request. */
  readonly decoding: DecoderOptions;
}

/** Writes requests for candidates; the body is parsed at most once, and only when something must be translated. */
export interface OutboundWriter {
  write(candidate: Candidate, backend: Backend): Outbound;
  /** The request as a conversation. */
  conversation(): Conversation;
}

const USER_AGENT = 'llm-gateway';

/** @throws GatewayError `invalid_request` from writing, when a translated body cannot be read */
export function createOutboundWriter(request: ClientRequest): OutboundWriter {
  let conversation: Conversation | null = null;
  const read = () => {
    conversation ??= CLIENT_DIALECTS[request.dialect].readRequest(parseBody(request.body));
    return conversation;
  };

  return {
    conversation: read,
    write(candidate, backend) {
      const same = backend.format === request.dialect;
      const url = `${candidate.url}${backend.path}${same ? request.search : ''}`;
      if (same) {
        const headers = { ...outgoingHeaders(backend), ...forwardedHeaders(request, backend) };
        return {
          url,
          headers,
          body: spliceModel(request.body, request.scan, candidate.model),
          translation: null,
        };
      }
      const written = BACKEND_FORMATS[backend.format].writeRequest(read(), {
        model: candidate.model,
        profile: backend.profile,
        maxOutputTokens: backend.maxOutputTokens,
        hash: sha256,
      });
      const { toolNames, dropped } = written;
      return {
        url,
        headers: outgoingHeaders(backend),
        body: JSON.stringify(written.body),
        translation: {
          conversation: read(),
          toolNames,
          dropped,
          decoding: decodingOf(read(), backend, toolNames),
        },
      };
    },
  };
}

function decodingOf(
  { tools, reasoning }: Conversation,
  { profile }: Backend,
  renamed: ReadonlyMap<string, string>,
): DecoderOptions {
  const sent = new Set([...tools.map((tool) => tool.name), ...renamed.keys()]);
  return {
    thinkTags: profile.thinkTags ? { unopened: reasoning.kind === 'on' } : undefined,
    toolNames: sent,
  };
}

/** Built from nothing: no client header gets out that is not named in the backend's row. */
function outgoingHeaders(backend: Backend): Record<string, string> {
  return {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    // Streams are looked into as they pass, so they must come as they are.
    'accept-encoding': 'identity',
    'user-agent': USER_AGENT,
    ...backend.headers(),
  };
}

function forwardedHeaders(request: ClientRequest, backend: Backend): Record<string, string> {
  const { forwards } = FORMATS[backend.format];
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (typeof value === 'string' && forwards(name)) result[name] = value;
  }
  return result;
}

/** Hex SHA-256, for names and ids that must come out the same every time. */
export const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
