/**
 * Stop sequences that a backend does not take, kept by the gateway itself: the text ends where one of them appears
 * (translation.md A-83). How the text was cut into events makes no difference.
 */
import type { ReplyEvent } from './reply-events.ts';

/** Passes the events of one answer on, changed or not. */
export type ReplyFilter = (events: readonly ReplyEvent[]) => readonly ReplyEvent[];

/**
 * Makes the filter of one answer. Text that may be the beginning of a sequence is held back; once a sequence is
 * there, the answer is finished with it and nothing but usage follows.
 */
export function createStopText(sequences: readonly string[]): ReplyFilter {
  const stops = sequences.filter((sequence) => sequence !== '');
  let held = '';
  let stopped = false;

  const release = (): readonly ReplyEvent[] => {
    const text = held;
    held = '';
    return textOf(text);
  };

  const read = (text: string): readonly ReplyEvent[] => {
    const all = held + text;
    const hit = firstStop(all, stops);
    if (hit !== null) {
      held = '';
      stopped = true;
      const finish = { type: 'finish', reason: 'stop-sequence', stopSequence: hit.sequence } as const;
      return [...textOf(all.slice(0, hit.start)), finish];
    }
    const sure = all.length - possibleStart(all, stops);
    held = all.slice(sure);
    return textOf(all.slice(0, sure));
  };

  const pass = (event: ReplyEvent): readonly ReplyEvent[] => {
    if (event.type === 'text') return read(event.text);
    return event.type === 'usage' ? [event] : [...release(), event];
  };

  return (events) => {
    if (stopped) return [];
    const passed: ReplyEvent[] = [];
    for (const event of events) {
      if (!stopped) passed.push(...pass(event));
      else if (event.type === 'usage') passed.splice(-1, 0, event);
    }
    return passed;
  };
}

const textOf = (text: string): readonly ReplyEvent[] => (text === '' ? [] : [{ type: 'text', text }]);

/** The sequence that is complete first; of those complete at once, the longest. */
function firstStop(text: string, stops: readonly string[]): { start: number; sequence: string } | null {
  let first: { start: number; sequence: string } | null = null;
  for (const sequence of stops) {
    const start = text.indexOf(sequence);
    if (start < 0) continue;
    const sooner = first === null ? 1 : first.start + first.sequence.length - (start + sequence.length);
    if (first === null || sooner > 0 || (sooner === 0 && start < first.start)) first = { start, sequence };
  }
  return first;
}

/** How much of the text's end may be the beginning of a sequence. */
function possibleStart(text: string, stops: readonly string[]): number {
  let longest = 0;
  for (const sequence of stops) {
    for (let length = Math.min(sequence.length - 1, text.length); length > longest; length--) {
      if (text.endsWith(sequence.slice(0, length))) longest = length;
    }
  }
  return longest;
}
