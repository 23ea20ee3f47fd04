/** The rules of a quota store in their plainest form: what the real ones are compared with, and a fake for the rest. */
import type { Entry, QuotaStore, Tally } from '../../src/quota/store.ts';
import type { Window, Windows } from '../../src/quota/windows.ts';

type Ending = 'charged' | 'released';

export interface MemoryStore extends QuotaStore {
  /** Makes every step reject from now on, or answer again. */
  breakDown(reason: Error | null): void;
  /** Makes every step wait for the promise before it does anything. */
  holdUp(until: Promise<unknown>): void;
  /** Steps that were tried, in order, for example `reserve r1`. */
  readonly tried: readonly string[];
}

export function createMemoryStore(clock: () => number): MemoryStore {
  /** Ends of leases, by window and request. */
  const held = new Map<string, Map<string, number>>();
  const ended = new Map<string, Map<string, Ending>>();
  const tried: string[] = [];
  let broken: Error | null = null;
  let before: Promise<unknown> = Promise.resolve();

  const heldIn = (subject: string, window: Window) => roomFor(held, `${subject} ${window.id}`);
  const endedIn = (subject: string, window: Window) => roomFor(ended, `${subject} ${window.id}`);

  function tally(subject: string, window: Window): Tally {
    const used = [...endedIn(subject, window).values()].filter((ending) => ending === 'charged').length;
    const pending = [...heldIn(subject, window).values()].filter((end) => end > clock()).length;
    return { window, used, pending };
  }

  function isHeld({ subject, window, requestId }: Entry): boolean {
    return (heldIn(subject, window).get(requestId) ?? Number.NEGATIVE_INFINITY) > clock();
  }

  function end({ subject, window, requestId }: Entry, ending: Ending): Tally {
    heldIn(subject, window).delete(requestId);
    endedIn(subject, window).set(requestId, ending);
    return tally(subject, window);
  }

  async function step<T>(name: string, run: () => T): Promise<T> {
    tried.push(name);
    await before;
    if (broken !== null) throw broken;
    return run();
  }

  return {
    tried,
    breakDown(reason) {
      broken = reason;
    },
    holdUp(until) {
      before = until;
    },

    reserve: ({ subject, requestId, windows, limit, lease }) =>
      step(`reserve ${requestId}`, () => {
        for (const window of [windows.current, windows.next]) {
          const known = { subject, requestId, window };
          if (isHeld(known) || endedIn(subject, window).get(requestId) === 'charged') {
            return { admitted: true, tally: tally(subject, window) };
          }
        }
        const window = windowAt(windows, clock());
        const before = tally(subject, window);
        if (limit !== null && before.used + before.pending >= limit)
          return { admitted: false, tally: before };
        endedIn(subject, window).delete(requestId);
        heldIn(subject, window).set(requestId, clock() + lease);
        return { admitted: true, tally: tally(subject, window) };
      }),

    renew: (entry, lease) =>
      step(`renew ${entry.requestId}`, () => {
        if (!isHeld(entry)) return false;
        heldIn(entry.subject, entry.window).set(entry.requestId, clock() + lease);
        return true;
      }),

    commit: (entry) =>
      step(`commit ${entry.requestId}`, () =>
        end(entry, endedIn(entry.subject, entry.window).get(entry.requestId) ?? 'charged'),
      ),

    release: (entry) => step(`release ${entry.requestId}`, () => end(entry, 'released')),

    peek: (subject, windows) => step('peek', () => tally(subject, windowAt(windows, clock()))),

    ping: () => step('ping', () => undefined),
    close: async () => undefined,
  };
}

function windowAt(windows: Windows, now: number): Window {
  return now < windows.current.endsAt ? windows.current : windows.next;
}

function roomFor<V>(rooms: Map<string, Map<string, V>>, name: string): Map<string, V> {
  const known = rooms.get(name);
  if (known !== undefined) return known;
  const made = new Map<string, V>();
  rooms.set(name, made);
  return made;
}
