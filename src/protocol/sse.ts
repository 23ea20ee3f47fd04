/**
 * Server-sent events, read from bytes: cut into whole frames first, decoded afterwards, so that a frame can be
 * passed on untouched and a character split over two chunks never matters.
 */
import { GatewayError } from '../errors.ts';
import type { SseFrame } from './reply-events.ts';

const LF = 10;
const CR = 13;
const DEFAULT_MAX_EVENT_BYTES = 16 * 1024 * 1024;
const LINE_END = /\r\n|\n|\r/;
// Block boundaries are found in bytes, so each decode sees whole characters; the mark is handled in readBlock.
const UTF8 = new TextDecoder('utf-8', { ignoreBOM: true });

export interface SseLimits {
  /** Longest single event in bytes (default 16 MiB: a whole file in one tool argument fits). */
  readonly maxEventBytes?: number | undefined;
}

/** One whole frame as it stood in the stream, with the blank line that ends it. */
export interface RawFrame {
  /** The original bytes; all frames of a stream put together are the stream. */
  readonly bytes: Uint8Array;
  /** The `event:` field, empty when there is none. Decoded on first use. */
  event(): string;
  /** The `data:` lines joined with a line feed, empty when there are none. Decoded on first use. */
  data(): string;
}

/** Cuts a stream into whole frames without changing a byte. */
export interface FrameSplitter {
  /** Frames completed by these bytes. The bytes are kept until their frame is whole: do not reuse the buffer. */
  push(bytes: Uint8Array): readonly RawFrame[];
  /** Bytes of the frame that is not yet whole; never to be passed on when something else follows. */
  rest(): Uint8Array;
}

/** Reads a stream into decoded frames. */
export interface SseReader {
  push(bytes: Uint8Array): readonly SseFrame[];
  /** The bytes ended: yields the last frame even when its blank line is missing. */
  end(): readonly SseFrame[];
}

/**
 * Reads server-sent events, with the same result at whatever boundaries the bytes arrive.
 * Frames that carry neither an event name nor data (comments, blank lines) are left out.
 *
 * @throws GatewayError `backend_failed` when one event is longer than the limit
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export function createSseReader(limits: SseLimits = {}): SseReader {
  const splitter = createFrameSplitter(limits);
  let first = true;

  const read = (bytes: Uint8Array): SseFrame | null => {
    const frame = readBlock(UTF8.decode(bytes), first);
    first = false;
    return frame;
  };

  return {
    push(bytes) {
      const frames: SseFrame[] = [];
      for (const raw of splitter.push(bytes)) {
        const frame = read(raw.bytes);
        if (frame !== null) frames.push(frame);
      }
      return frames;
    },
    end() {
      const frame = read(splitter.rest());
      return frame === null ? [] : [frame];
    },
  };
}

/**
 * Cuts a byte stream at the blank lines between events, for relays that pass the original bytes on and must be
 * able to append an event of their own when the backend dies: what was passed on never ends inside a frame.
 *
 * @throws GatewayError `backend_failed` when one event is longer than the limit
 */
export function createFrameSplitter(limits: SseLimits = {}): FrameSplitter {
  const maxEventBytes = limits.maxEventBytes ?? DEFAULT_MAX_EVENT_BYTES;
  let kept: Uint8Array[] = [];
  let keptBytes = 0;
  let first = true;
  let lineIsEmpty = true;
  // A carriage return at the end of a chunk ends its line at once; a line feed that follows belongs to it.
  let skipLineFeed = false;

  const keep = (bytes: Uint8Array): void => {
    keptBytes += bytes.length;
    if (keptBytes > maxEventBytes) {
      throw new GatewayError(
        'backend_failed',
        `The backend sent an event of more than ${maxEventBytes} bytes.`,
      );
    }
    kept.push(bytes);
  };

  const takeFrame = (lastPart: Uint8Array): RawFrame => {
    keep(lastPart);
    const frame = toRawFrame(concat(kept, keptBytes), first);
    kept = [];
    keptBytes = 0;
    first = false;
    return frame;
  };

  const push = (bytes: Uint8Array): readonly RawFrame[] => {
    if (bytes.length === 0) return [];
    const frames: RawFrame[] = [];
    const nextLineEnd = createLineEndFinder(bytes);
    let frameStart = 0;
    let position = skipLineFeed && bytes[0] === LF ? 1 : 0;
    skipLineFeed = false;
    for (let lineEnd = nextLineEnd(position); lineEnd !== -1; lineEnd = nextLineEnd(position)) {
      const frameEnds = lineIsEmpty && lineEnd === position;
      position = afterLineEnd(bytes, lineEnd);
      lineIsEmpty = true;
      if (!frameEnds) continue;
      frames.push(takeFrame(bytes.subarray(frameStart, position)));
      frameStart = position;
    }
    if (position < bytes.length) lineIsEmpty = false;
    else skipLineFeed = bytes[position - 1] === CR;
    if (frameStart < bytes.length) keep(bytes.subarray(frameStart));
    return frames;
  };

  return { push, rest: () => concat(kept, keptBytes) };
}

/** Positions of line ends, each kind searched natively and only when the last hit is used up. */
function createLineEndFinder(bytes: Uint8Array): (from: number) => number {
  let lineFeed = -1;
  let carriageReturn = -1;
  const find = (byte: number, from: number): number => {
    const at = bytes.indexOf(byte, from);
    return at === -1 ? bytes.length : at;
  };

  return (from) => {
    if (lineFeed < from) lineFeed = find(LF, from);
    if (carriageReturn < from) carriageReturn = find(CR, from);
    const at = Math.min(lineFeed, carriageReturn);
    return at === bytes.length ? -1 : at;
  };
}

function afterLineEnd(bytes: Uint8Array, lineEnd: number): number {
  return bytes[lineEnd] === CR && bytes[lineEnd + 1] === LF ? lineEnd + 2 : lineEnd + 1;
}

function concat(parts: readonly Uint8Array[], length: number): Uint8Array {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

function toRawFrame(bytes: Uint8Array, first: boolean): RawFrame {
  let frame: SseFrame | undefined;
  const read = (): SseFrame => {
    frame ??= readBlock(UTF8.decode(bytes), first) ?? { event: '', data: '' };
    return frame;
  };
  return { bytes, event: () => read().event, data: () => read().data };
}

/**
 * Reads the lines of one frame. Some proxies put a bare JSON error into an event stream; a block that begins
 * like JSON and has no field of ours is taken as data, because no legal field name begins so.
 */
function readBlock(block: string, first: boolean): SseFrame | null {
  const text = first && block.startsWith('\uFEFF') ? block.slice(1) : block;
  let event = '';
  let data: string | null = null;
  for (const line of text.split(LINE_END)) {
    const colon = line.indexOf(':');
    const field = colon === -1 ? line : line.slice(0, colon);
    if (field === 'data')
      data = data === null ? fieldValue(line, colon) : `${data}\n${fieldValue(line, colon)}`;
    else if (field === 'event') event = fieldValue(line, colon);
  }
  if (data === null && event === '') return readStrayJson(text);
  return { event, data: data ?? '' };
}

function fieldValue(line: string, colon: number): string {
  if (colon === -1) return '';
  return line.slice(line.startsWith(' ', colon + 1) ? colon + 2 : colon + 1);
}

function readStrayJson(text: string): SseFrame | null {
  const json = text.trim();
  return json.startsWith('{') || json.startsWith('[') ? { event: '', data: json } : null;
}
