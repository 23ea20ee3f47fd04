import type { After } from '../../src/after.ts';

/** A clock that moves when told, and what waits for it. */
export interface FakeTime {
  readonly clock: () => number;
  readonly timers: { readonly after: After };
  /** How many wait. */
  waiting(): number;
  /** Moves on, running what falls due in order, and lets all that follows from it settle. */
  pass(ms: number): Promise<void>;
  /** Lets promises settle. */
  settle(): Promise<void>;
}

export function createFakeTime(start: number): FakeTime {
  let now = start;
  let timers: { readonly at: number; readonly run: () => void }[] = [];

  function due(until: number) {
    return timers.filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at)[0];
  }

  // A turn of the event loop runs every promise that is ready, and those that become ready by it.
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

  return {
    clock: () => now,
    timers: {
      after(ms, run) {
        const timer = { at: now + ms, run };
        timers.push(timer);
        return () => {
          timers = timers.filter((each) => each !== timer);
        };
      },
    },
    waiting: () => timers.length,
    async pass(ms) {
      const until = now + ms;
      for (let timer = due(until); timer !== undefined; timer = due(until)) {
        const { at, run } = timer;
        timers = timers.filter((each) => each !== timer);
        now = Math.max(now, at);
        run();
        await settle();
      }
      now = until;
      await settle();
    },
    settle,
  };
}
