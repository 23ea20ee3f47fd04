/**
 * Puts parallel tool calls one after the other, for client formats in which only one block is open at a time.
 * Backends interleave the arguments of several calls, and text with them; clients that get them so lose or corrupt
 * input (S-30, S-31).
 */
import { append } from './append.ts';
import { createJsonProgress, type JsonProgress } from './json-progress.ts';
import type { ReplyEvent } from './reply-events.ts';

type Start = Extract<ReplyEvent, { type: 'tool-start' }>;

export interface CallSerializer {
  /**
   * Text, reasoning and tool calls in an order in which arguments only ever belong to the call begun last. Other
   * events pass as they are.
   */
  push(event: ReplyEvent): readonly ReplyEvent[];
  /** The answer is complete: yields everything that still waits. */
  end(): readonly ReplyEvent[];
}

interface Call {
  readonly start: Start;
  /** Arguments that came before it was this call's turn. */
  waiting: string;
  readonly progress: JsonProgress;
  /** The backend said that no more arguments will come. */
  ended: boolean;
}

/** What stands between the calls. */
const PROSE: ReadonlySet<ReplyEvent['type']> = new Set<ReplyEvent['type']>([
  'text',
  'reasoning',
  'reasoning-signature',
  'redacted-reasoning',
]);

export function createCallSerializer(): CallSerializer {
  const calls = new Map<string, Call>();
  const queue: Call[] = [];
  /** Text and reasoning that came while a call was open; they follow the calls. */
  let held: ReplyEvent[] = [];
  let active: Call | null = null;

  const isFree = (): boolean => active === null || active.ended || active.progress.isWhole();

  /** A new call alone ends no other: only whole arguments do, or the end of the answer. */
  const advance = (isOver: boolean): readonly ReplyEvent[] => {
    const events: ReplyEvent[] = [];
    while (isOver || isFree()) {
      const next = queue.shift();
      if (next === undefined) break;
      active = next;
      events.push(next.start);
      if (next.waiting !== '') events.push(toArguments(next, next.waiting));
    }
    if (!isOver && !isFree()) return events;
    append(events, held);
    held = [];
    return events;
  };

  const begin = (start: Start): readonly ReplyEvent[] => {
    if (calls.has(start.key)) return [];
    const call = { start, waiting: '', progress: createJsonProgress(), ended: false };
    calls.set(start.key, call);
    queue.push(call);
    return advance(false);
  };

  const takeArguments = (call: Call | undefined, json: string): readonly ReplyEvent[] => {
    if (call === undefined || json === '') return [];
    call.progress.add(json);
    if (call === active) return [toArguments(call, json), ...advance(false)];
    // What waits is read once, when the call's turn comes; a piece that is later still would corrupt its block.
    call.waiting += json;
    return [];
  };

  const endCall = (call: Call | undefined): readonly ReplyEvent[] => {
    if (call !== undefined) call.ended = true;
    return advance(false);
  };

  const takeProse = (event: ReplyEvent): readonly ReplyEvent[] => {
    if (isFree()) return [event];
    held.push(event);
    return [];
  };

  return {
    push(event) {
      if (event.type === 'tool-start') return begin(event);
      if (event.type === 'tool-arguments') return takeArguments(calls.get(event.key), event.json);
      if (event.type === 'tool-end') return endCall(calls.get(event.key));
      return PROSE.has(event.type) ? takeProse(event) : [event];
    },
    end: () => advance(true),
  };
}

function toArguments(call: Call, json: string): ReplyEvent {
  return { type: 'tool-arguments', key: call.start.key, json };
}
