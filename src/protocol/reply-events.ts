/**
 * An answer between two dialects: a small closed set of events. A decoder turns a backend's stream (or its whole
 * JSON reply) into these; an encoder owns the client's grammar and turns them into a stream (or a whole reply).
 * Because the whole reply is folded from the very same events, a stream and its non-streamed twin cannot differ.
 */
import type { ErrorCode } from '../errors.ts';
import type { Usage } from '../types.ts';
import type { ReasoningPart, RedactedReasoningPart, Tool } from './conversation.ts';

/** Why the model stopped, in neutral words. */
export type FinishReason =
  | 'stop'
  | 'stop-sequence'
  | 'length'
  | 'tool-calls'
  | 'refusal'
  /** A hosted tool loop paused; only Claude says so. */
  | 'pause';

/** A failure the backend reported, in the gateway's own codes. */
export interface ReplyError {
  readonly code: ErrorCode;
  /** Human text for the caller, free of backend addresses and keys. */
  readonly message: string;
  /** The backend's own status, where it should be kept. */
  readonly status?: number | undefined;
  readonly retryAfterSeconds?: number | undefined;
}

/** A piece of reasoning as it is sealed for the client to carry back. */
export type SealedPart = Omit<ReasoningPart, 'origin'> | Omit<RedactedReasoningPart, 'origin'>;

export type ReplyEvent =
  /** The backend's answer has begun; carries what is known of usage so far. */
  | { readonly type: 'start'; readonly usage: Usage | null }
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'reasoning'; readonly text: string }
  /** What the backend needs to take back the reasoning since the last signature; only told where it was asked for. */
  | { readonly type: 'reasoning-signature'; readonly signature: string }
  /** Reasoning that only the backend can read; only told where it was asked for. */
  | { readonly type: 'redacted-reasoning'; readonly data: string }
  /** A tool call whose name is known. `key` is unique within the answer and stable for its arguments. */
  | { readonly type: 'tool-start'; readonly key: string; readonly id: string; readonly name: string }
  | { readonly type: 'tool-arguments'; readonly key: string; readonly json: string }
  /** No further arguments will come for this call; optional, where the backend says so. */
  | { readonly type: 'tool-end'; readonly key: string }
  /** Cumulative: the last one holds. */
  | { readonly type: 'usage'; readonly usage: Usage }
  | { readonly type: 'finish'; readonly reason: FinishReason; readonly stopSequence: string | null }
  /** Nothing follows. Exactly one of `finish` or `error` ends an answer. */
  | { readonly type: 'error'; readonly error: ReplyError };

/** One event of a backend's stream, already cut out of the bytes. */
export interface SseFrame {
  /** The `event:` field, empty when there was none. */
  readonly event: string;
  /** The `data:` lines joined with a line feed. */
  readonly data: string;
}

/** Reads a backend's stream. Synchronous, no clock, no I/O. */
export interface ReplyDecoder {
  push(frame: SseFrame): readonly ReplyEvent[];
  /** The bytes ended. Yields what was held back and, where no finish was seen, an `error` (`backend_truncated`). */
  end(): readonly ReplyEvent[];
}

/** Writes a client's stream. Whatever is pushed, what comes out is legal; after an ending it yields nothing. */
export interface ReplyEncoder {
  push(event: ReplyEvent): string;
  /** Bytes to send when the client must be kept waiting; legal between any two events. */
  keepAlive(): string;
  /** How the client was told that the answer ended; a finish that cannot be said legally is told as an error. */
  ending(): 'open' | 'completed' | 'failed';
}

/** What an encoder must know of the request it answers. */
export interface ReplyContext {
  /** Message id in the client's form, unique. */
  readonly messageId: string;
  /** Model name to report: the one the client asked for. */
  readonly model: string;
  /** Seconds since the epoch, for formats that carry a creation time. */
  readonly created: number;
  /** Whether reasoning may be shown to this client. */
  readonly showReasoning: boolean;
  /** Whether a streaming OpenAI client asked for usage. */
  readonly streamUsage: boolean;
  /** Tool names changed on the way out: name sent → name the client knows. */
  readonly toolNames: ReadonlyMap<string, string>;
  /** Tools (by the client's name) whose calls go back as free text rather than JSON; absent: none. */
  readonly customTools?: ReadonlySet<string> | undefined;
  /** The client's tools by its name for them; absent: none is more than a plain function. */
  readonly tools?: ReadonlyMap<string, Tool> | undefined;
  /** What the reply repeats of its request, whatever the backend says of it (Responses). */
  readonly echo?: Readonly<Record<string, unknown>> | undefined;
  /** Seals reasoning for the client to carry back; `null` where that is not possible now. Absent: not asked for. */
  readonly sealReasoning?: ((parts: readonly SealedPart[]) => string | null) | undefined;
  /** Tool-call ids already used in this conversation; new ones must differ. */
  readonly usedToolIds: ReadonlySet<string>;
  /** Makes a fresh tool-call id in the client's form. */
  readonly mintToolId: () => string;
  /** Request id for error bodies. */
  readonly requestId: string;
}
