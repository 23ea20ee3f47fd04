/** Plays cases: each is known by its run's seed and its number, and fails the same way every time. */
import { createRandom } from './random.ts';
import { TARGETS, type Target } from './targets.ts';

export interface Found {
  readonly target: string;
  readonly number: number;
  readonly error: Error;
  readonly input: Uint8Array;
}

export interface Played {
  readonly cases: number;
  readonly found: readonly Found[];
  /** The case that took longest, by target and milliseconds. */
  readonly slowest: { readonly target: string; readonly number: number; readonly ms: number };
}

export interface Plan {
  readonly seed: number;
  /** Plays the numbers `from`, `from + step`, … below `to`. */
  readonly from: number;
  readonly to: number;
  readonly step: number;
  /** Only targets whose name contains this. */
  readonly only?: string;
}

/** Stops after this many finds: more of them say little. */
const MOST_FOUND = 20;

export function play({ seed, from, to, step, only = '' }: Plan): Played {
  const targets = TARGETS.filter(({ name }) => name.includes(only));
  const wheel = targets.flatMap((target) => Array.from({ length: target.weight }, () => target));
  const found: Found[] = [];
  const kinds = new Set<string>();
  let slowest = { target: '', number: 0, ms: 0 };
  let cases = 0;
  for (let number = from; number < to && found.length < MOST_FOUND; number += step) {
    const random = createRandom(Math.imul(seed, 0x01000193) ^ number);
    const target = random.pick(wheel);
    const input = target.make(random);
    const start = performance.now();
    const error = failureOf(target, input);
    const ms = performance.now() - start;
    if (ms > slowest.ms) slowest = { target: target.name, number, ms };
    cases++;
    const kind = `${target.name} ${error?.message.replaceAll(/\d+/g, '#').slice(0, 60)}`;
    if (error === null || kinds.has(kind)) continue;
    kinds.add(kind);
    found.push({ target: target.name, number, error, input });
  }
  return { cases, found, slowest };
}

export function failureOf(target: Target, input: Uint8Array): Error | null {
  try {
    target.check(input);
    return null;
  } catch (error) {
    return error as Error;
  }
}

/** The same failure with less input: pieces are left out as long as it fails with the same first words. */
export function shrink(target: Target, input: Uint8Array, error: Error): Uint8Array {
  const same = (bytes: Uint8Array) => {
    const failure = failureOf(target, bytes);
    return failure?.name === error.name && failure.message.slice(0, 30) === error.message.slice(0, 30);
  };
  let small = input;
  for (let size = Math.ceil(input.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < small.length && size < small.length; ) {
      const less = Buffer.concat([small.subarray(0, at), small.subarray(at + size)]);
      if (same(less)) small = less;
      else at += size;
    }
    if (size > 1 && small.length > 20_000 && size < 500) break;
  }
  return small;
}
