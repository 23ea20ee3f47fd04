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

export interface StoreHealth {
  /** Runs a step of the store and learns from how it ends. Rejects at once in the pause after repeated failures. */
  run<T>(step: () => Promise<T>): Promise<T>;
  current(): QuotaHealth;
}

/** Failures in a row after which the store is left alone for a pause, so that nobody waits for one more timeout. */
const FAILURES_TO_PAUSE = 3;
/** Milliseconds of that pause; then one step tries, and its success ends it for all. */
const PAUSE = 1_000;

export function createStoreHealth(clock: () => number, log: QuotaLog | undefined): StoreHealth {
  let failures = 0;
  let since: number | null = null;
  let nextTry = Number.NEGATIVE_INFINITY;

  function succeeded(): void {
    if (since !== null) log?.info({ degradedMs: clock() - since }, 'the quota store answers again');
    failures = 0;
    since = null;
  }

  function failed(error: unknown): void {
    failures += 1;
    if (since !== null) return;
    since = clock();
    log?.warn(
      { reason: error instanceof Error ? error.message : 'unknown' },
      'the quota store does not answer',
    );
  }

  return {
    async run(step) {
      if (failures >= FAILURES_TO_PAUSE) {
        if (clock() < nextTry) throw new Error('the quota store is left alone after repeated failures');
      }
      nextTry = clock() + PAUSE;
      try {
        const answer = await step();
        succeeded();
        return answer;
      } catch (error) {
        failed(error);
        throw error;
      }
    },

    current: () => (since === null ? { state: 'ok' } : { state: 'degraded', since }),
  };
}
