/**
 * What is fuzzed, one row each: how an input is made, and what must hold for it. An input is a text or bytes, so that
 * a found case can be kept as a file and played again.
 */
import type { Dialect } from '../../src/types.ts';
import { checkEvents } from './check-events.ts';
import { checkFailure } from './check-failure.ts';
import { checkReply } from './check-reply.ts';
import { checkRequest, checkScan } from './check-request.ts';
import { checkFrames, checkPassthrough, checkTranslation } from './check-stream.ts';
import { EVENTS, FAILURES, REPLIES, REQUESTS, STREAMS } from './corpus.ts';
import { mutateBytes, mutateFrames, mutateJson } from './mutate.ts';
import type { Random } from './random.ts';

export interface Target {
  readonly name: string;
  /** How often it is chosen, beside the others. */
  readonly weight: number;
  make(random: Random): Uint8Array;
  /** Throws when something does not hold. */
  check(input: Uint8Array): void;
}

const DIALECTS: readonly Dialect[] = ['anthropic', 'openai', 'responses'];

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

function makeStream(dialect: Dialect): (random: Random) => Uint8Array {
  return (random) => {
    const others = random.pick(STREAMS[random.oneIn(8) ? random.pick(DIALECTS) : dialect]);
    let frames = random.pick(STREAMS[dialect]);
    let inBytes = 0;
    for (let rounds = 1 + random.below(4); rounds > 0; rounds--) {
      const kind = random.below(8);
      if (kind < 4) frames = mutateFrames(random, frames, others.length === 0 ? ['\n\n'] : others);
      else if (kind < 7) frames = mutateOne(random, frames);
      else inBytes++;
    }
    let bytes = encode(frames.join(''));
    for (; inBytes > 0; inBytes--) bytes = mutateBytes(random, bytes) as typeof bytes;
    return bytes;
  };
}

const DATA = /data: (.*)\n\n$/s;

function mutateOne(random: Random, frames: readonly string[]): readonly string[] {
  if (frames.length === 0) return frames;
  const at = random.below(frames.length);
  const frame = frames[at] ?? '';
  const data = DATA.exec(frame)?.[1] ?? '';
  return frames.with(
    at,
    frame.replace(DATA, () => `data: ${mutateJson(random, data)}\n\n`),
  );
}

function makeJson(texts: readonly string[]): (random: Random) => Uint8Array {
  return (random) => {
    let text = random.pick(texts);
    for (let rounds = 1 + random.below(3); rounds > 0; rounds--) text = mutateJson(random, text);
    return encode(text);
  };
}

function makeBytes(texts: readonly string[]): (random: Random) => Uint8Array {
  const make = makeJson(texts);
  return (random) => {
    let bytes = random.oneIn(2) ? make(random) : encode(random.pick(texts));
    for (let rounds = 1 + random.below(3); rounds > 0; rounds--) bytes = mutateBytes(random, bytes);
    return bytes;
  };
}

/** The body of an error may be broken text; its envelope here may not. */
function makeFailure(random: Random): Uint8Array {
  const failure = JSON.parse(random.pick(FAILURES)) as { status: number; headers: object; body: string };
  const body = random.oneIn(3)
    ? new TextDecoder().decode(mutateBytes(random, encode(failure.body)))
    : mutateJson(random, failure.body);
  const headers = Object.fromEntries(
    Object.entries(failure.headers).map(([name, value]) => [
      name,
      random.oneIn(3) ? oddHeader(random) : value,
    ]),
  );
  const status = random.oneIn(4)
    ? random.pick([200, 302, 400, 413, 451, 500, 502, 529, 599])
    : failure.status;
  return encode(JSON.stringify({ status, headers, body }));
}

const HEADERS = [
  '',
  '0',
  '-1',
  '1e999',
  '9'.repeat(400),
  '1.5',
  'NaN',
  'soon',
  '99h99m',
  `${'9'.repeat(400)}d`,
  '1ms',
];

/** A header is a text or, sent twice, a list of texts. */
const oddHeader = (random: Random) =>
  random.oneIn(4) ? [random.pick(HEADERS), random.pick(HEADERS)] : random.pick(HEADERS);

export const TARGETS: readonly Target[] = [
  ...DIALECTS.flatMap((from) =>
    DIALECTS.map((to) => ({
      name: `stream from ${from} to ${to}`,
      weight: from === to ? 3 : 12,
      make: makeStream(from),
      check: (input: Uint8Array) => checkTranslation(from, to, input),
    })),
  ),
  ...DIALECTS.flatMap((dialect) => [
    {
      name: `stream of ${dialect} passed through`,
      weight: 5,
      make: makeStream(dialect),
      check: (input: Uint8Array) => checkPassthrough(dialect, input),
    },
    {
      name: `frames of ${dialect}`,
      weight: 3,
      make: makeStream(dialect),
      check: checkFrames,
    },
    {
      name: `reply of ${dialect}`,
      weight: 6,
      make: makeJson(REPLIES[dialect]),
      check: (input: Uint8Array) => checkReply(dialect, input),
    },
    {
      name: `request of ${dialect}`,
      weight: 10,
      make: makeJson(REQUESTS[dialect]),
      check: (input: Uint8Array) => checkRequest(dialect, input),
    },
    {
      name: `bytes of a request of ${dialect}`,
      weight: 6,
      make: makeBytes(REQUESTS[dialect]),
      check: checkScan,
    },
    {
      name: `events for ${dialect}`,
      weight: 6,
      make: makeJson(EVENTS),
      check: (input: Uint8Array) => checkEvents(dialect, input),
    },
  ]),
  { name: 'failure of a backend', weight: 12, make: makeFailure, check: checkFailure },
];
