/**
 * The gate before the client sees anything: a backend's answer counts as one only when it is complete, or when its
 * stream has shown content and not an error.
 */
import { GatewayError } from '../errors.ts';
import type { ReplyError } from '../protocol/reply-events.ts';
import { createFrameSplitter, type RawFrame } from '../protocol/sse.ts';
import type { StreamWatcher } from '../protocol/stream-watcher.ts';
import { readUpstreamError } from '../protocol/upstream-error.ts';
import { createStreamWatcher } from '../protocol/watch-stream.ts';
import type { Candidate, Dialect } from '../types.ts';
import type { CallReply } from './call.ts';

interface ReplyBase {
  readonly candidate: Candidate;
  /** The dialect the backend answered in. */
  readonly format: Dialect;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** A stream whose first content is there. */
export interface StreamReply extends ReplyBase {
  readonly kind: 'stream';
  /** Frames in batches as they arrive, from the very first. */
  readonly batches: AsyncIterable<Batch>;
}

/** A complete body. */
export interface WholeReply extends ReplyBase {
  readonly kind: 'whole';
  readonly body: Uint8Array;
}

/** The backend's refusal, by status or as the first event of its stream. */
export interface RefusedReply extends ReplyBase {
  readonly kind: 'refused';
  /** The refusal as sent, for clients of the same dialect; null when it came as an event. */
  readonly body: Uint8Array | null;
  readonly error: ReplyError;
}

export type Reply = StreamReply | WholeReply | RefusedReply;

export interface ContentLimits {
  /** Largest whole reply or stream event, bytes. */
  readonly replyBytes: number;
  /** Wait for content after the headers, milliseconds, after which the client should be kept company (T-12). */
  readonly silenceMs: number;
}

/** Largest error body that is looked at. */
const MAX_ERROR_BYTES = 1024 * 1024;

/**
 * Reads far enough into a backend's answer to know what it is.
 *
 * @param onSilence called when a stream has shown no content for a while
 * @throws GatewayError `backend_truncated` when a stream ends before content, `backend_failed` when a body is too
 *   long, and whatever reading it throws
 */
export async function awaitContent(
  reply: CallReply,
  base: { readonly candidate: Candidate; readonly format: Dialect },
  limits: ContentLimits,
  onSilence: () => void,
): Promise<Reply> {
  const answer = { ...base, status: reply.status, headers: reply.headers };
  if (reply.status >= 300 && reply.status < 400) {
    throw new GatewayError(
      'backend_failed',
      'The model server answered with a redirect, which is not followed.',
    );
  }
  if (reply.status < 200 || reply.status >= 400) {
    const body = await readAll(reply.body, MAX_ERROR_BYTES);
    return { ...answer, kind: 'refused', body, error: readRefusal(answer, body) };
  }
  if (isEventStream(reply.headers)) return awaitStream(reply, answer, limits, onSilence);
  return { ...answer, kind: 'whole', body: await readAll(reply.body, limits.replyBytes) };
}

const isEventStream = (headers: Readonly<Record<string, string>>) =>
  (headers['content-type'] ?? '').toLowerCase().startsWith('text/event-stream');

function readRefusal(answer: ReplyBase, body: Uint8Array): ReplyError {
  const { status, headers } = answer;
  return readUpstreamError({ status, headers, body: new TextDecoder().decode(body) });
}

/** Reads a body to its end. */
async function readAll(body: AsyncIterable<Uint8Array>, limit: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > limit)
      throw new GatewayError('backend_failed', 'The model server sent an answer that is too long.');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

async function awaitStream(
  reply: CallReply,
  answer: ReplyBase,
  { replyBytes, silenceMs }: ContentLimits,
  onSilence: () => void,
): Promise<Reply> {
  const batches = readFrames(reply.body, replyBytes);
  const watcher = createStreamWatcher(answer.format);
  const seen: Batch[] = [];
  const silence = setTimeout(onSilence, silenceMs);
  try {
    for (;;) {
      const next = await batches.next();
      if (next.done) throw endedEarly(seen);
      seen.push(next.value);
      const { sight, frame } = firstTelling(watcher, next.value);
      if (sight === 'error') return await refusedInStream(answer, frame, batches);
      if (sight !== 'nothing') return { ...answer, kind: 'stream', batches: replay(seen, batches) };
    }
  } finally {
    clearTimeout(silence);
  }
}

function firstTelling(watcher: StreamWatcher, frames: Batch) {
  for (const frame of frames) {
    const sight = watcher.see(frame);
    if (sight === 'content' || sight === 'end' || sight === 'error') return { sight, frame } as const;
  }
  return { sight: 'nothing', frame: null } as const;
}

function endedEarly(seen: readonly Batch[]): GatewayError {
  return seen.length === 0
    ? new GatewayError('backend_truncated', 'The model server sent an empty answer.')
    : new GatewayError('backend_truncated', 'The model server stopped before its answer began.');
}

/** What was already read, then what follows. Stopping early closes the backend's connection. */
function replay(seen: readonly Batch[], batches: Batches): AsyncIterable<Batch> {
  const read = [...seen];
  const replayed: Batches = {
    next() {
      const batch = read.shift();
      return batch === undefined ? batches.next() : Promise.resolve({ done: false, value: batch });
    },
    return: batches.return,
  };
  return { [Symbol.asyncIterator]: () => replayed };
}

async function refusedInStream(
  answer: ReplyBase,
  frame: RawFrame | null,
  batches: Batches,
): Promise<RefusedReply> {
  const body = frame?.data() ?? '';
  await batches.return();
  const { headers } = answer;
  const error = readUpstreamError({ status: 200, headers, body });
  return { ...answer, kind: 'refused', body: null, error };
}

const BLANK_LINE = new TextEncoder().encode('\n\n');

type Batch = readonly RawFrame[];

/** Written out where a generator would do: every generator between backend and client costs each event three turns. */
interface Batches {
  next(): Promise<IteratorResult<Batch, undefined>>;
  return(): Promise<IteratorResult<Batch, undefined>>;
}

const NO_MORE = { done: true, value: undefined } as const;

/** Whole frames per chunk. A last frame whose blank line is missing counts when its data is whole (T-01). */
function readFrames(body: AsyncIterable<Uint8Array>, maxEventBytes: number): Batches {
  const splitter = createFrameSplitter({ maxEventBytes });
  const chunks = body[Symbol.asyncIterator]();
  let isOver = false;

  const stop = async () => {
    isOver = true;
    await chunks.return?.();
    return NO_MORE;
  };
  const end = (): Batch => {
    isOver = true;
    return splitter.rest().length === 0 ? [] : splitter.push(BLANK_LINE).filter(isWhole);
  };
  return {
    async next() {
      try {
        while (!isOver) {
          const chunk = await chunks.next();
          const value = chunk.done === true ? end() : splitter.push(chunk.value);
          if (value.length > 0) return { done: false, value };
        }
        return NO_MORE;
      } catch (error) {
        await stop();
        throw error;
      }
    },
    return: stop,
  };
}

function isWhole(frame: RawFrame): boolean {
  const data = frame.data().trim();
  if (data === '[DONE]') return true;
  try {
    return JSON.parse(data) !== undefined;
  } catch {
    return false;
  }
}
