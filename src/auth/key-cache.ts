import { GatewayError } from '../errors.ts';

/**
 * When an issuer's keys are fetched, and how long they count. No I/O happens here: `load` does it.
 * jose's own remote key set refuses every token once the issuer is away for longer than its cache age, and fetches
 * once per request while it is (measured, platform.md §0.8); this one keeps known keys and a calm pace instead.
 */
export interface KeyCache<K> {
  /**
   * The keys to verify with. Waits only where there are none to be honoured.
   *
   * @throws GatewayError `identity_unavailable` when there are none and the issuer cannot be asked now
   */
  current(): Promise<K>;
  /**
   * Keys newer than those that did not know a token's key id.
   *
   * @returns `null` when the issuer has just said that it has no others
   * @throws GatewayError `identity_unavailable` when the issuer did not answer, so that nobody knows
   */
  newerThan(keys: K): Promise<K | null>;
  /** Starts a fetch in the background if one is due; never throws. */
  refreshIfDue(): void;
  health(): KeyHealth;
}

export interface KeyHealth {
  /** `stale`: older than they should be, and still honoured. */
  readonly keys: 'fresh' | 'stale' | 'unavailable';
  /** When they were last fetched, milliseconds since the epoch. */
  readonly fetchedAt: number | null;
  /** Whether the latest attempt to fetch them failed. */
  readonly failing: boolean;
}

export interface KeyCacheOptions<K> {
  readonly load: () => Promise<K>;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** Told of each attempt's end: `null` after a success. */
  readonly onAttempt?: ((failure: unknown) => void) | undefined;
}

/** Milliseconds after which keys are fetched anew, in the background. */
export const KEY_MAX_AGE = 10 * 60_000;
/** Milliseconds for which known keys are honoured while the issuer is away. */
export const KEY_STALE_LIMIT = 24 * 3_600_000;
/** Milliseconds between two fetches for unknown key ids, and after a failed fetch before any other. */
export const KEY_COOL_DOWN = 30_000;

interface Held<K> {
  readonly keys: K;
  readonly at: number;
}

export function createKeyCache<K extends object>(options: KeyCacheOptions<K>): KeyCache<K> {
  const { load, clock, onAttempt = () => undefined } = options;
  let held: Held<K> | null = null;
  let failing = false;
  let coolUntil = Number.NEGATIVE_INFINITY;
  let underWay: Promise<void> | null = null;

  async function attempt(): Promise<void> {
    try {
      held = { keys: await load(), at: clock() };
      failing = false;
      onAttempt(null);
    } catch (error) {
      failing = true;
      coolUntil = clock() + KEY_COOL_DOWN;
      onAttempt(error);
    } finally {
      underWay = null;
    }
  }

  /** Joins the fetch under way, starts one, or does nothing in the cool-down. */
  function refresh(): Promise<void> | null {
    if (underWay === null && clock() >= coolUntil) underWay = attempt();
    return underWay;
  }

  function ageOf(some: Held<K>): number {
    return clock() - some.at;
  }

  function refreshIfDue(): void {
    if (held === null || ageOf(held) >= KEY_MAX_AGE) void refresh();
  }

  function honoured(): K | null {
    return held !== null && ageOf(held) <= KEY_STALE_LIMIT ? held.keys : null;
  }

  function unavailable(): GatewayError {
    return new GatewayError(
      'identity_unavailable',
      'The identity provider does not answer, so this token cannot be checked now; try again shortly.',
      { retryAfterSeconds: Math.max(1, Math.ceil((coolUntil - clock()) / 1000)) },
    );
  }

  return {
    async current() {
      refreshIfDue();
      const known = honoured();
      if (known !== null) return known;
      await refresh();
      const fetched = honoured();
      if (fetched === null) throw unavailable();
      return fetched;
    },

    async newerThan(keys) {
      if (held !== null && held.keys !== keys) return held.keys;
      const joined = underWay !== null;
      const started = refresh();
      // The pause counts from here, also after a success: a flood of made-up key ids costs one fetch per pause.
      if (started !== null && !joined) coolUntil = clock() + KEY_COOL_DOWN;
      await started;
      if (held !== null && held.keys !== keys) return held.keys;
      if (failing) throw unavailable();
      return null;
    },

    refreshIfDue,

    health() {
      const age = held === null ? Number.POSITIVE_INFINITY : ageOf(held);
      const keys = age < KEY_MAX_AGE ? 'fresh' : age <= KEY_STALE_LIMIT ? 'stale' : 'unavailable';
      return { keys, fetchedAt: held?.at ?? null, failing };
    },
  };
}
