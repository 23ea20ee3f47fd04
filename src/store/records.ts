/**
 * Small things that outlive a request and are the same for every replica: keys, device codes, revocations. Each
 * belongs to a named collection, has a key that is unique there, and may expire by the store's own clock.
 *
 * Methods reject when the store cannot answer; they never answer from memory.
 */
export interface Records {
  /** @param name letters, digits, `-`, `_`, `:` and `.`; several names share no keys and are not changed in one step */
  collection(name: string): Collection;
  /** Finishes what is under way and lets go of files and sockets. */
  close(): Promise<void>;
}

export interface Collection {
  /** `null` where there is none, or it has expired. */
  get(key: string): Promise<string | null>;
  /** @returns false when nothing was written, because a condition of the options did not hold */
  put(key: string, value: string, options?: PutOptions): Promise<boolean>;
  /**
   * Reads and deletes in one step: of several takers exactly one is given it.
   *
   * @returns `null` where there was none
   */
  take(key: string): Promise<string | null>;
  /** @returns false where there was none */
  delete(key: string): Promise<boolean>;
  /** Everything that has not expired, by key. Meant for collections that are small by nature. */
  list(): Promise<readonly StoredRecord[]>;
}

export interface PutOptions {
  /** Milliseconds from now after which it is gone; default: never. */
  readonly ttl?: number | undefined;
  /**
   * Write only where this is the present value; `null`: only where there is none. So that of several writers who
   * read the same, one succeeds.
   */
  readonly expected?: string | null | undefined;
  /** Write only while the collection, this record included, holds no more than so many. */
  readonly atMost?: number | undefined;
}

export interface StoredRecord {
  readonly key: string;
  readonly value: string;
}
