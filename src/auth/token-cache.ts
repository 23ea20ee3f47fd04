/** Values that expire, the least recently used dropped first. */
export interface TokenCache<V> {
  /** The value, unless it has expired or was dropped. */
  get(key: string): V | null;
  /** Keeps a value until `expiresAt` (milliseconds since the epoch); one already expired is not kept. */
  set(key: string, value: V, expiresAt: number): void;
  readonly size: number;
}

export interface TokenCacheOptions {
  /** Most entries kept. */
  readonly capacity: number;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

/** A Map in order of use: the first key is the one unused for longest. */
export function createTokenCache<V>({ capacity, clock }: TokenCacheOptions): TokenCache<V> {
  const entries = new Map<string, { readonly value: V; readonly expiresAt: number }>();

  function makeRoom(now: number): void {
    // Expired entries go first, so that idle tokens do not hold memory until the cache is full.
    for (const [key, entry] of entries) {
      if (entry.expiresAt > now && entries.size < capacity) return;
      entries.delete(key);
    }
  }

  return {
    get(key) {
      const entry = entries.get(key);
      if (entry === undefined) return null;
      entries.delete(key);
      if (entry.expiresAt <= clock()) return null;
      entries.set(key, entry);
      return entry.value;
    },
    set(key, value, expiresAt) {
      const now = clock();
      entries.delete(key);
      if (expiresAt <= now) return;
      makeRoom(now);
      entries.set(key, { value, expiresAt });
    },
    get size() {
      return entries.size;
    },
  };
}
