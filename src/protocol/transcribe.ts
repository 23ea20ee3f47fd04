/**
 * From a backend's frames to a client's bytes: relayed untouched where both speak one dialect, translated where they
 * do not. Synchronous; the relay around it does the waiting.
 */
import type { Dialect, Usage } from '../types.ts';
import { append } from './append.ts';
import { BACKEND_FORMATS, CLIENT_DIALECTS, type DecoderOptions } from './dialects.ts';
import { parseJson } from './json.ts';
import type { ReplyContext, ReplyError, ReplyEvent } from './reply-events.ts';
import { restateFrame } from './responses/restate.ts';
import type { RawFrame } from './sse.ts';
import type { Sight } from './stream-watcher.ts';
import { readEmbeddedError } from './upstream-error.ts';
import { createStreamWatcher } from './watch-stream.ts';

/** Whether more may follow, and if not, how it ended. */
export type StreamState = 'open' | 'completed' | 'failed';

export interface Transcribed {
  /** What the client is to get now; may be empty. */
  readonly bytes: Uint8Array | string;
  readonly state: StreamState;
}

export interface Transcriber {
  push(frames: readonly RawFrame[]): Transcribed;
  /** The backend's bytes ended. */
  end(): Transcribed;
  /** The backend failed; says so in the client's dialect. */
  fail(error: ReplyError): string;
  /** Something to send while waiting. */
  keepAlive(): string;
  usage(): Usage | null;
}

const TRUNCATED: ReplyError = {
  code: 'backend_truncated',
  message: 'The model server closed the connection before its answer was complete.',
};

const UTF8 = new TextEncoder();

/** What is changed about a stream that otherwise passes as it is. */
export interface PassthroughOptions {
  /**
   * Keeps back the chunk of usage that only the gateway asked for: clients that did not would look for a choice in it
   * (PT-3).
   */
  readonly hidesUsage?: boolean;
  /** What the response repeats of its request (Responses). */
  readonly echo?: ReplyContext['echo'];
}

/** Passes whole frames on as they are and watches them go by. */
export function createPassthrough(
  dialect: Dialect,
  requestId: string,
  { hidesUsage = false, echo }: PassthroughOptions = {},
): Transcriber {
  const watcher = createStreamWatcher(dialect);
  const fail = (error: ReplyError) => watcher.fail(error, requestId);
  const restate = (frame: RawFrame) =>
    UTF8.encode(fail(readEmbeddedError(parseJson(frame.data())) ?? TRUNCATED));
  const pass = (frame: RawFrame, sight: Sight) =>
    echo === undefined || sight === 'content' ? frame.bytes : restateFrame(frame.bytes, echo);
  return {
    push(frames) {
      const passed: Uint8Array[] = [];
      let state: StreamState = 'open';
      for (const frame of frames) {
        const sight = watcher.see(frame);
        if (sight === 'usage' && hidesUsage) continue;
        passed.push(sight === 'error' && !watcher.hears(frame) ? restate(frame) : pass(frame, sight));
        if (sight === 'end') state = 'completed';
        if (sight === 'error') state = 'failed';
        if (state !== 'open') break;
      }
      return { bytes: join(passed), state };
    },
    end: () =>
      watcher.mayEnd() ? { bytes: '', state: 'completed' } : { bytes: fail(TRUNCATED), state: 'failed' },
    fail,
    keepAlive: () => watcher.keepAlive(),
    usage: () => watcher.usage(),
  };
}

/** Decodes the backend's frames and encodes them for the client. */
export function createTranslation(
  from: Dialect,
  to: Dialect,
  context: ReplyContext,
  options: DecoderOptions,
): Transcriber {
  const decoder = BACKEND_FORMATS[from].createDecoder(options);
  const encoder = CLIENT_DIALECTS[to].createEncoder(context);
  let usage: Usage | null = null;

  const encode = (events: readonly ReplyEvent[]): Transcribed => {
    let bytes = '';
    for (const event of events) {
      if (event.type === 'usage' || event.type === 'start') usage = event.usage ?? usage;
      bytes += encoder.push(event);
    }
    return { bytes, state: encoder.ending() };
  };

  return {
    push(frames) {
      const events: ReplyEvent[] = [];
      for (const frame of frames) {
        append(events, decoder.push({ event: frame.event(), data: frame.data() }));
        if (hasEnded(events)) break;
      }
      return encode(events);
    },
    end: () => encode(decoder.end()),
    fail: (error) => encoder.push({ type: 'error', error }),
    keepAlive: () => encoder.keepAlive(),
    usage: () => usage,
  };
}

/** Every event of a whole stream, for clients that asked for none. */
export function decodeFrames(
  from: Dialect,
  frames: readonly RawFrame[],
  options: DecoderOptions,
): readonly ReplyEvent[] {
  const decoder = BACKEND_FORMATS[from].createDecoder(options);
  const events = frames.flatMap((frame) => decoder.push({ event: frame.event(), data: frame.data() }));
  return hasEnded(events) ? events : [...events, ...decoder.end()];
}

function hasEnded(events: readonly ReplyEvent[]): boolean {
  const last = events.at(-1);
  return last !== undefined && (last.type === 'finish' || last.type === 'error');
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const [first] = parts;
  if (first !== undefined && parts.length === 1) return first;
  const result = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    result.set(part, offset);
    offset += part.length;
  }
  return result;
}
