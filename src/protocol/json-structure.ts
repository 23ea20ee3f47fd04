/**
 * Where the structure of a JSON text is, strings and brackets, without looking at what stands between. A kernel in
 * WebAssembly (`structure.wat`) finds it, a window of the text at a time, with the vector instructions that every
 * Node 24 has on x64 and on arm64.
 */
import { STRUCTURE_WASM } from './structure-wasm.ts';

/** As much of it as is used here; Node's types leave it out. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: Kernel };
};

interface Kernel {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly index: (length: number, state: number) => number;
}

const { memory, index } = new WebAssembly.Instance(new WebAssembly.Module(STRUCTURE_WASM)).exports;

/** As `structure.wat` divides its memory. */
const BLOCK = 64;
export const WINDOW = 16 * 1024;
const text = new Uint8Array(memory.buffer, 0, WINDOW);

/**
 * The places in the window, counted from its start: every unescaped quote and every bracket outside of strings. Only
 * the first {@link walk}`.count` mean anything.
 */
export const places = new Int32Array(memory.buffer, WINDOW + BLOCK, WINDOW);

/**
 * How far a text is walked. There is one walk and one memory for all: a walk is over before anything else can begin
 * one, since nothing in it waits or calls back.
 */
export const walk = {
  /** Where the window begins and ends. */
  start: 0,
  end: 0,
  /** Which of its places is next, and how many it has. */
  next: 0,
  count: 0,
  /** What the kernel has to know of the text before the window's end. */
  state: 0,
  /** Where the walk should come to its end. */
  goal: 0,
};

/**
 * Begins a walk.
 *
 * @param start where, outside of strings
 * @param goal where it should come to its end; what lies behind is indexed only if it goes on nevertheless
 */
export function walkFrom(start: number, goal: number): void {
  walk.end = start;
  walk.next = 0;
  walk.count = 0;
  walk.state = 0;
  walk.goal = goal;
}

/** Moves the window on to the next that has places; false where the text has no more. */
export function moveWindow(body: Uint8Array): boolean {
  do {
    const start = walk.end;
    if (start >= body.length) return false;
    const wanted = start < walk.goal ? Math.ceil((walk.goal - start) / BLOCK) * BLOCK : WINDOW;
    const end = Math.min(start + wanted, start + WINDOW, body.length);
    text.set(body.subarray(start, end));
    const found = index(end - start, walk.state);
    walk.start = start;
    walk.end = end;
    walk.next = 0;
    walk.count = found >> 2;
    walk.state = found & 0b11;
  } while (walk.count === 0);
  return true;
}

/** The next place in the body; its length where there is none. */
export function nextPlace(body: Uint8Array): number {
  if (walk.next === walk.count && !moveWindow(body)) return body.length;
  return walk.start + (places[walk.next++] ?? 0);
}
