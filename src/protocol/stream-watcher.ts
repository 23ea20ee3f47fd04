/** What the relay asks of whoever watches a stream, whatever its dialect. */
import type { Usage } from '../types.ts';
import type { ReplyError } from './reply-events.ts';
import type { RawFrame } from './sse.ts';

/** What one frame means for the relay. */
export type Sight =
  /** Nothing to act on. */
  | 'nothing'
  /** The answer has begun, without content so far. */
  | 'begun'
  | 'content'
  /** Nothing but the count of tokens, which OpenAI's clients must ask for. */
  | 'usage'
  | 'error'
  /** The answer is complete; what follows is no part of it. */
  | 'end';

export interface StreamWatcher {
  see(frame: RawFrame): Sight;
  /** Whether the bytes may end here: a finish was seen (OpenAI backends may leave out `[DONE]`). */
  mayEnd(): boolean;
  /** Tokens as far as the stream has told. */
  usage(): Usage | null;
  /** Something to send while waiting. */
  keepAlive(): string;
  /** Whether the clients of this dialect hear an error frame as it is. */
  hears(frame: RawFrame): boolean;
  /** The last frame of a stream that fails here; nothing may follow it. */
  fail(error: ReplyError, requestId: string): string;
}
