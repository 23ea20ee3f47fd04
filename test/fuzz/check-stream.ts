/** What must hold for a backend's stream, however mutated, on its way to a client. */
import assert from 'node:assert/strict';
import { createFrameSplitter, createSseReader, type RawFrame } from '../../src/protocol/sse.ts';
import {
  createPassthrough,
  createTranslation,
  decodeFrames,
  type Transcriber,
} from '../../src/protocol/transcribe.ts';
import { createStreamWatcher } from '../../src/protocol/watch-stream.ts';
import type { Dialect } from '../../src/types.ts';
import { checkWhole } from './check-reply.ts';
import { FUZZ_OPTIONS, fuzzContext } from './context.ts';
import { GRAMMARS, hasFailed } from './grammars.ts';

const SIGHTS = new Set(['nothing', 'begun', 'content', 'error', 'end', 'usage']);
const FINISHED: Readonly<Record<Dialect, RegExp>> = {
  anthropic: /message_stop/,
  openai: /finish_reason"\s*:\s*"(?!null"|")/,
  responses: /response\.(?:completed|incomplete)/,
};

/** Places to cut that depend on nothing but the bytes. */
export function cutSomewhere(bytes: Uint8Array): readonly Uint8Array[] {
  const sum = bytes.reduce((total, byte, i) => (total + byte * (i % 7)) % 65_521, 1);
  const first = sum % (bytes.length + 1);
  const second = first + ((sum >>> 3) % (bytes.length - first + 1));
  return [bytes.slice(0, first), bytes.slice(first, second), bytes.slice(second)];
}

/** Frames as the upstream step hands them over: an unfinished last one counts where its data is whole. */
function toBatches(bytes: Uint8Array): readonly (readonly RawFrame[])[] {
  const splitter = createFrameSplitter();
  const batches = cutSomewhere(bytes).map((piece) => splitter.push(piece));
  if (splitter.rest().length === 0) return batches;
  return [...batches, splitter.push(new TextEncoder().encode('\n\n')).filter(isWhole)];
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

interface Run {
  readonly text: string;
  readonly state: string;
}

function run(
  transcriber: Transcriber,
  batches: readonly (readonly RawFrame[])[],
  atEach: (text: string) => void,
): Run {
  const decoder = new TextDecoder();
  let text = '';
  const take = ({ bytes, state }: { bytes: Uint8Array | string; state: string }): string => {
    text += typeof bytes === 'string' ? bytes : decoder.decode(bytes, { stream: true });
    return state;
  };
  for (const frames of batches) {
    const state = take(transcriber.push(frames));
    if (state !== 'open') return { text, state };
    text += transcriber.keepAlive();
    atEach(text);
  }
  const state = take(transcriber.end());
  return { text, state };
}

/** Legal at every moment, never a good end that the backend did not give, the same when not streamed. */
export function checkTranslation(from: Dialect, to: Dialect, bytes: Uint8Array): void {
  const batches = toBatches(bytes);
  const transcriber = createTranslation(from, to, fuzzContext(to), FUZZ_OPTIONS);
  const { text, state } = run(transcriber, batches, GRAMMARS[to].readPart);
  const stream = GRAMMARS[to].readWhole(text);
  const endedWell = !hasFailed(stream);
  assert.equal(state, endedWell ? 'completed' : 'failed', 'the state agrees with what the client was told');
  if (endedWell) assert.match(dataOf(batches), FINISHED[from], 'a good end needs a finish');
  checkUsage(transcriber.usage());
  assert.equal(transcriber.fail({ code: 'internal', message: 'late' }), '', 'nothing follows an ending');
  assert.equal(transcriber.keepAlive(), '');

  const events = decodeFrames(from, batches.flat(), FUZZ_OPTIONS);
  checkWhole(to, events, stream);
}

/** Only whole frames that came, in their order; an error frame where they stop without an end. */
export function checkPassthrough(dialect: Dialect, bytes: Uint8Array): void {
  const batches = toBatches(bytes);
  const transcriber = createPassthrough(dialect, 'req_fuzz');
  const { text, state } = run(transcriber, batches, () => undefined);
  checkUsage(transcriber.usage());
  const sent = dataOf(batches);
  if (state === 'completed') {
    assert.match(sent, dialect === 'openai' ? /finish_reason|\[DONE\]/ : FINISHED[dialect]);
  } else assert.match(text, /error/, 'a stream that ends badly says so');

  const watcher = createStreamWatcher(dialect);
  for (const frame of batches.flat()) {
    const sight = watcher.see(frame);
    assert.ok(SIGHTS.has(sight), `"${String(sight)}" is no sight`);
  }
  checkUsage(watcher.usage());
}

/** Cut into frames, not a byte is lost; read in pieces, nothing changes. */
export function checkFrames(bytes: Uint8Array): void {
  const splitter = createFrameSplitter();
  const frames = cutSomewhere(bytes).flatMap((piece) => splitter.push(piece));
  const parts = [...frames.map((frame) => frame.bytes), splitter.rest()];
  assert.deepEqual(Buffer.concat(parts), Buffer.from(bytes), 'all frames and the rest are the stream');

  const whole = createSseReader();
  const pieces = createSseReader();
  const atOnce = [...whole.push(bytes), ...whole.end()];
  const inPieces = [...cutSomewhere(bytes).flatMap((piece) => pieces.push(piece)), ...pieces.end()];
  assert.deepEqual(inPieces, atOnce, 'where the bytes are cut changes nothing');
}

function dataOf(batches: readonly (readonly RawFrame[])[]): string {
  return batches
    .flat()
    .map((frame) => `${frame.event()}\n${frame.data()}`)
    .join('\n');
}

export function checkUsage(usage: object | null): void {
  for (const [name, count] of Object.entries(usage ?? {})) {
    assert.ok(Number.isSafeInteger(count) && (count as number) >= 0, `${name} is no count: ${count}`);
  }
}
