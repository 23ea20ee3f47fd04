/**
 * The dialects, one row each: how a client's side of one is read and written, and how a backend's side is. Any
 * client row works with any backend row, because both meet in the conversation and the reply events.
 */
import type { BackendFormat, Dialect, Usage } from '../types.ts';
import { createAnthropicDecoder, decodeAnthropicReply } from './anthropic/decode-reply.ts';
import { createAnthropicEncoder, encodeAnthropicReply } from './anthropic/encode-reply.ts';
import { readAnthropicRequest } from './anthropic/read-request.ts';
import { writeAnthropicRequest } from './anthropic/write-request.ts';
import type { Conversation, WrittenRequest } from './conversation.ts';
import { createOpenAIDecoder, decodeOpenAIReply } from './openai/decode-reply.ts';
import { createOpenAIEncoder, encodeOpenAIReply } from './openai/encode-reply.ts';
import { readOpenAIRequest } from './openai/read-request.ts';
import { writeOpenAIRequest } from './openai/write-request.ts';
import type { BackendProfile } from './profile.ts';
import { readAnthropicUsage, readOpenAIUsage } from './read-usage.ts';
import type { ReplyContext, ReplyDecoder, ReplyEncoder, ReplyError, ReplyEvent } from './reply-events.ts';
import { createResponsesDecoder, decodeResponsesReply } from './responses/decode-reply.ts';
import { createResponsesEncoder, encodeResponsesReply } from './responses/encode-reply.ts';
import { readResponsesRequest } from './responses/read-request.ts';
import type { Seal } from './responses/sealed-reasoning.ts';
import { readResponsesUsage } from './responses/usage.ts';
import { createStopText, type ReplyFilter } from './stop-text.ts';
import { createToolTextNotice } from './tool-call-text.ts';

/** A whole reply in the client's dialect, or the failure that the events end with. */
export type EncodedReply = { readonly status: 200; readonly body: unknown } | { readonly error: ReplyError };

/** What a reader may be given. */
export interface ReadOptions {
  /** Opens reasoning that earlier answers of ours carried, in dialects that have it so. */
  readonly seal?: Seal | undefined;
}

interface ClientDialect {
  /** What ids of this dialect begin with. */
  readonly idPrefixes: { readonly reply: string; readonly toolCall: string };
  /** Whether reasoning is shown to clients that say nothing about it. */
  readonly showsReasoning: boolean;
  readonly readRequest: (body: unknown, options?: ReadOptions) => Conversation;
  readonly createEncoder: (context: ReplyContext) => ReplyEncoder;
  readonly encodeReply: (events: readonly ReplyEvent[], context: ReplyContext) => EncodedReply;
}

/** What a writer must know of the backend it writes for. */
export interface WriteTarget {
  readonly model: string;
  readonly profile: BackendProfile;
  /** `max_tokens` where the format demands one and the client named none. */
  readonly maxOutputTokens: number;
  /** Hex SHA-256. */
  readonly hash: (text: string) => string;
}

/** What a decoder may be told of the request it reads the answer to. */
export interface DecoderOptions {
  /** Set where the backend writes its reasoning into `<think>` tags; `unopened` where the tag is already open. */
  readonly thinkTags?: { readonly unopened: boolean } | undefined;
  /** Names of the tools that were sent. */
  readonly toolNames?: ReadonlySet<string> | undefined;
  /** Every chunk repeats a tool call's arguments from their beginning (S-36). */
  readonly cumulativeArguments?: boolean | undefined;
  /** Sequences that end the text though the backend was not told of them. */
  readonly stop?: readonly string[] | undefined;
  /** Whether signatures of reasoning are told, for a client that carries them back. */
  readonly signatures?: boolean | undefined;
  /** Told of a tool call that came as text (S-10). */
  readonly onToolCallText?: (() => void) | undefined;
}

/** Nothing known of the request: it was passed through. */
export const NO_OPTIONS: DecoderOptions = {};

interface ReplyFormat {
  readonly createDecoder: (options: DecoderOptions) => ReplyDecoder;
  readonly decodeReply: (body: unknown, options: DecoderOptions) => readonly ReplyEvent[];
  /** Reads the `usage` of a whole reply. */
  readonly readUsage: (value: unknown) => Usage | null;
}

interface RequestFormat {
  readonly writeRequest: (conversation: Conversation, target: WriteTarget) => WrittenRequest;
}

export const CLIENT_DIALECTS: Readonly<Record<Dialect, ClientDialect>> = {
  anthropic: {
    idPrefixes: { reply: 'msg_', toolCall: 'toolu_' },
    showsReasoning: false,
    readRequest: (body) => readAnthropicRequest(body),
    createEncoder: createAnthropicEncoder,
    encodeReply: encodeAnthropicReply,
  },
  openai: {
    idPrefixes: { reply: 'chatcmpl-', toolCall: 'call_' },
    showsReasoning: true,
    readRequest: readOpenAIRequest,
    createEncoder: createOpenAIEncoder,
    encodeReply: encodeOpenAIReply,
  },
  responses: {
    idPrefixes: { reply: 'resp_', toolCall: 'call_' },
    showsReasoning: true,
    readRequest: readResponsesRequest,
    createEncoder: createResponsesEncoder,
    encodeReply: encodeResponsesReply,
  },
};

/** Every format is read; all but Responses are written, which only ever passes as bytes. */
export const BACKEND_FORMATS: Readonly<Record<Dialect, ReplyFormat> & Record<BackendFormat, RequestFormat>> =
  {
    anthropic: filtered({
      writeRequest: writeAnthropicRequest,
      createDecoder: createAnthropicDecoder,
      decodeReply: decodeAnthropicReply,
      readUsage: readAnthropicUsage,
    }),
    openai: filtered({
      writeRequest: writeOpenAIRequest,
      createDecoder: createOpenAIDecoder,
      decodeReply: decodeOpenAIReply,
      readUsage: readOpenAIUsage,
    }),
    responses: {
      createDecoder: createResponsesDecoder,
      decodeReply: decodeResponsesReply,
      readUsage: readResponsesUsage,
    },
  };

/** The same format, read with what the options ask for beyond it: streams and whole replies pass the same filters. */
function filtered<Format extends ReplyFormat>(format: Format): Format {
  const { createDecoder, decodeReply } = format;
  return {
    ...format,
    createDecoder(options) {
      const decoder = createDecoder(options);
      const filters = filtersFor(options);
      if (filters.length === 0) return decoder;
      return { push: (frame) => pass(decoder.push(frame), filters), end: () => pass(decoder.end(), filters) };
    },
    decodeReply: (body, options) => pass(decodeReply(body, options), filtersFor(options)),
  };
}

function filtersFor({ stop = [], onToolCallText }: DecoderOptions): readonly ReplyFilter[] {
  return [
    ...(onToolCallText === undefined ? [] : [createToolTextNotice(onToolCallText)]),
    ...(stop.length === 0 ? [] : [createStopText(stop)]),
  ];
}

const pass = (events: readonly ReplyEvent[], filters: readonly ReplyFilter[]) =>
  filters.reduce((passed, filter) => filter(passed), events);
