/**
 * The line before a backend that is busy: so many requests at once, the others wait, people before background work,
 * and among users by turns, those of a heavier tier more often. Nobody waits long, and nobody behind too many.
 */
import { type After, afterTimeout } from '../after.ts';
import { GatewayError } from '../errors.ts';

/** Who wants to enter. */
export interface Guest {
  /** Whom turns are counted by. */
  readonly user: string;
  /** How many turns a user has for each of another's; above 0. */
  readonly weight: number;
  /** Whether nobody sits and waits for the answer; asked for only where there is a line. */
  readonly isBackground: () => boolean;
}

export interface Gate {
  /** Requests at once; read anew at each turn, and while somebody waits. */
  readonly places: () => number;
  /** Most requests that wait. */
  readonly maxWaiting: number;
  /** Longest wait, milliseconds. */
  readonly patienceMs: number;
}

/** Gives the place back; only the first call counts. */
export type Leave = () => void;

export interface Admission {
  /**
   * Takes a place at a backend, at once or after a wait.
   *
   * @throws GatewayError `backend_overloaded` when too many wait or the wait was too long; the signal's reason as soon
   *   as the client has gone
   */
  enter(backend: string, gate: Gate, guest: Guest, signal: AbortSignal): Leave | Promise<Leave>;
  /** Requests that wait for a backend now. */
  waiting(backend: string): number;
}

/** Seconds after which a request that was not let in may come again: places come free all the time. */
const RETRY_AFTER = 2;
/** Places also come with replicas, of which nobody tells: milliseconds between two looks while somebody waits. */
const LOOK_AGAIN_MS = 200;

interface Waiter {
  readonly gate: Gate;
  readonly isBackground: boolean;
  /** Its turn among others of its kind: the lowest is next. */
  readonly turn: number;
  readonly letIn: () => void;
}

interface Line {
  inside: number;
  readonly waiters: Set<Waiter>;
  /** The turn that was served last; users who come anew begin there. */
  turn: number;
  /** The last turn that each user was given. */
  readonly turns: Map<string, number>;
  /** Ends the looking for new places; null while nobody waits. */
  stopLooking: (() => void) | null;
}

/** Makes the lines of all backends; they outlive reloads. */
export function createAdmission(after: After = afterTimeout): Admission {
  const lines = new Map<string, Line>();

  const lineOf = (backend: string): Line => {
    const found = lines.get(backend);
    if (found !== undefined) return found;
    const made: Line = { inside: 0, waiters: new Set(), turn: 0, turns: new Map(), stopLooking: null };
    lines.set(backend, made);
    return made;
  };

  return {
    enter(backend, gate, guest, signal) {
      const line = lineOf(backend);
      if (line.waiters.size === 0 && line.inside < gate.places()) return occupy(line);
      if (line.waiters.size >= gate.maxWaiting) throw tooBusy(backend);
      return wait(backend, line, gate, guest, signal, after);
    },
    waiting: (backend) => lines.get(backend)?.waiters.size ?? 0,
  };
}

function occupy(line: Line): Leave {
  let isInside = true;
  line.inside++;
  return () => {
    if (!isInside) return;
    isInside = false;
    line.inside--;
    fill(line);
  };
}

/** Lets in whoever is next, as long as there is a place. */
function fill(line: Line): void {
  for (let next = nextOf(line); next !== null && line.inside < next.gate.places(); next = nextOf(line)) {
    line.turn = Math.max(line.turn, next.turn);
    next.letIn();
  }
}

/** Begins to look for places that come without anybody's leaving. */
function lookAgain(line: Line, after: After): void {
  line.stopLooking = after(LOOK_AGAIN_MS, () => {
    line.stopLooking = null;
    fill(line);
    if (line.waiters.size > 0) lookAgain(line, after);
  });
}

function wait(
  backend: string,
  line: Line,
  gate: Gate,
  guest: Guest,
  signal: AbortSignal,
  after: After,
): Promise<Leave> {
  return new Promise((resolve, reject) => {
    const leaveLine = (): void => {
      line.waiters.delete(waiter);
      if (line.waiters.size === 0) close(line);
      giveUp();
      signal.removeEventListener('abort', onAbort);
    };
    const waiter: Waiter = {
      gate,
      isBackground: guest.isBackground(),
      turn: nextTurn(line, guest),
      letIn() {
        leaveLine();
        resolve(occupy(line));
      },
    };
    const onAbort = (): void => {
      leaveLine();
      reject(signal.reason);
    };
    const giveUp = after(gate.patienceMs, () => {
      leaveLine();
      reject(tooBusy(backend));
    });
    line.waiters.add(waiter);
    if (line.stopLooking === null) lookAgain(line, after);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}

/** Start-time fair queueing: each turn of a user is `1 / weight` after the one before. */
function nextTurn(line: Line, { user, weight }: Guest): number {
  const turn = Math.max(line.turn, line.turns.get(user) ?? 0) + 1 / weight;
  line.turns.set(user, turn);
  return turn;
}

/** Nobody waits any more. */
function close(line: Line): void {
  line.turns.clear();
  line.stopLooking?.();
  line.stopLooking = null;
}

function nextOf({ waiters }: Line): Waiter | null {
  let next: Waiter | null = null;
  for (const waiter of waiters) if (next === null || isBefore(waiter, next)) next = waiter;
  return next;
}

function isBefore(one: Waiter, other: Waiter): boolean {
  if (one.isBackground !== other.isBackground) return other.isBackground;
  return one.turn < other.turn;
}

const tooBusy = (backend: string) =>
  new GatewayError(
    'backend_overloaded',
    `The model server "${backend}" is busy and too many requests wait for it; nothing was charged; try again shortly.`,
    { retryAfterSeconds: RETRY_AFTER },
  );
