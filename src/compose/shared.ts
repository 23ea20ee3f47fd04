/** Parts that several users hold at a time: closed once, when the last of them has let go. */

export interface Shared<T> {
  readonly value: T;
  /** One more user. */
  take(): Shared<T>;
  /** One user less; the last one closes the part and gets to know when it is closed. */
  release(): Promise<void>;
}

/** Holds a part for its first user. */
export function toShared<T>(value: T, close: (value: T) => void | Promise<void>): Shared<T> {
  let users = 1;
  const shared: Shared<T> = {
    value,
    take() {
      users += 1;
      return shared;
    },
    async release() {
      users -= 1;
      if (users === 0) await close(value);
    },
  };
  return shared;
}
