/**
 * The dialects, one row each: how a client's side of one is read and written, and how a backend's side is. Any
 * client row works with any backend row, because both meet in the conversation and the reply events.
 */
import type { Dialect } from '../types.ts';
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
import type { ReplyContext, ReplyDecoder, ReplyEncoder, ReplyError, ReplyEvent } from './reply-events.ts';

/** A whole reply in the client's dialect, or the failure that the events end with. */
export type EncodedReply = { readonly status: 200; readonly body: unknown } | { readonly error: ReplyError };

interface ClientDialect {
  readonly readRequest: (body: unknown) => Conversation;
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
}

/** Nothing known of the request: it was passed through. */
export const NO_OPTIONS: DecoderOptions = {};

interface BackendFormat {
  readonly writeRequest: (conversation: Conversation, target: WriteTarget) => WrittenRequest;
  readonly createDecoder: (options: DecoderOptions) => ReplyDecoder;
  readonly decodeReply: (body: unknown, options: DecoderOptions) => readonly ReplyEvent[];
}

export const CLIENT_DIALECTS: Readonly<Record<Dialect, ClientDialect>> = {
  anthropic: {
    readRequest: readAnthropicRequest,
    createEncoder: createAnthropicEncoder,
    encodeReply: encodeAnthropicReply,
  },
  openai: {
    readRequest: readOpenAIRequest,
    createEncoder: createOpenAIEncoder,
    encodeReply: encodeOpenAIReply,
  },
};

export const BACKEND_FORMATS: Readonly<Record<Dialect, BackendFormat>> = {
  anthropic: {
    writeRequest: writeAnthropicRequest,
    createDecoder: createAnthropicDecoder,
    decodeReply: decodeAnthropicReply,
  },
  openai: {
    writeRequest: writeOpenAIRequest,
    createDecoder: createOpenAIDecoder,
    decodeReply: decodeOpenAIReply,
  },
};
