import type { After } from '../after.ts';

/** Where the quota parts log; fields never hold a subject's name, a credential or a request's content. */
export interface QuotaLog {
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
}

export interface QuotaHealth {
  readonly state: 'ok' | 'degraded';
  /** When the store stopped answering, milliseconds since the epoch. */
  readonly since?: number;
}

export interface StoreHealthOptions {
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly after: After;
  /** Asks whether the store answers. */
  readonly ping: () => Promise<void>;
  readonly log?: QuotaLog | undefined;
  /** Told when the store answers again. */
  readonly onBack?: (() => void) | undefined;
}

export interface StoreHealth {
  /**
   * Runs a step of the store and learns from how it ends. While the store is left alone it rejects at once with
   * {@link LeftAlone}; a store from which nothing at all comes for {@link SILENCE} is left alone from then on. What the
   * step does later all the same is nobody's to know: every step can be repeated.
   */
  run<T>(step: () => Promise<T>): Promise<T>;
  current(): QuotaHealth;
  /** Asks no more. */
  close(): void;
}

/** The store was not asked, so nothing of the step was done. */
export class LeftAlone extends Error {
  override readonly name = 'LeftAlone';

  constructor() {
    super('the quota store is left alone while it does not answer');
  }
}

/** Milliseconds without any answer after which the store counts as away: the most that an outage costs a request. */
export const SILENCE = 90;
/** Failures in a row after which the store is left alone. */
const FAILURES_TO_LEAVE = 3;
/** Milliseconds between two questions in the background whether it is back; requests are not used to find out. */
const PING_PAUSE = 500;

export function createStoreHealth(options: StoreHealthOptions): StoreHealth {
  const { clock, after, ping, log, onBack } = options;
  let failures = 0;
  let since: number | null = null;
  let cancelPing: (() => void) | null = null;
  let latestAnswer = Number.NEGATIVE_INFINITY;
  let closed = false;

  function succeeded(): void {
    latestAnswer = clock();
    failures = 0;
    if (since === null) return;
    log?.info({ degradedMs: clock() - since }, 'the quota store answers again');
    since = null;
    cancelPing?.();
    cancelPing = null;
    onBack?.();
  }

  function failed(error: unknown): void {
    failures += error instanceof Silent ? FAILURES_TO_LEAVE : 1;
    if (since === null) {
      since = clock();
      const reason = error instanceof Error ? error.message : 'unknown';
      log?.warn({ reason }, 'the quota store does not answer');
    }
    planPing();
  }

  function planPing(): void {
    if (closed || cancelPing !== null) return;
    cancelPing = after(PING_PAUSE, () => {
      cancelPing = null;
      void ping().then(succeeded, failed);
    });
  }

  /** Other answers that come meanwhile show that the store lives and is only busy. */
  function unlessSilent<T>(answer: Promise<T>): Promise<T> {
    const begun = clock();
    return new Promise<T>((resolve, reject) => {
      const look = () => {
        const quiet = clock() - Math.max(begun, latestAnswer);
        // A loop that was held up runs its timers before it reads what has come, so it looks once more.
        cancel = quiet < SILENCE ? after(SILENCE - quiet, look) : after(1, lookAgain);
      };
      const lookAgain = () => {
        if (clock() - Math.max(begun, latestAnswer) >= SILENCE) reject(new Silent());
        else look();
      };
      let cancel = after(SILENCE, look);
      answer.then(resolve, reject).finally(() => cancel());
    });
  }

  return {
    async run(step) {
      if (failures >= FAILURES_TO_LEAVE) throw new LeftAlone();
      try {
        const answer = await unlessSilent(step());
        succeeded();
        return answer;
      } catch (error) {
        failed(error);
        throw error;
      }
    },

    current: () => (since === null ? { state: 'ok' } : { state: 'degraded', since }),

    close() {
      closed = true;
      cancelPing?.();
    },
  };
}

class Silent extends Error {
  constructor() {
    super(`nothing came from it for ${SILENCE} ms`);
  }
}
