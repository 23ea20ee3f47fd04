/** A body as it arrives: its pieces wait here to be read, and whoever sends them is held back while many do. */

/** Where the pieces come from. */
export interface Sender {
  pause(): void;
  resume(): void;
  /** Nobody reads the rest. */
  stop(): void;
}

/** Read by one reader, once. What came before a failure is read before it is thrown. */
export interface ArrivingBody extends AsyncIterable<Uint8Array> {
  push(piece: Uint8Array): void;
  end(): void;
  fail(error: unknown): void;
}

/** Bytes that may wait before the sender is held back. */
const MOST_WAITING = 64 * 1024;

type Result = IteratorResult<Uint8Array, undefined>;

export function createArrivingBody(sender: Sender): ArrivingBody {
  const waiting: Uint8Array[] = [];
  let bytes = 0;
  /** What is read after the last piece; null while more may come. */
  let last: (() => Promise<Result>) | null = null;
  let reader: PromiseWithResolvers<Result> | null = null;

  const finish = (how: () => Promise<Result>): void => {
    if (last !== null) return;
    last = how;
    reader?.resolve(how());
    reader = null;
  };

  const iterator: AsyncIterator<Uint8Array, undefined> = {
    next() {
      const piece = waiting.shift();
      if (piece !== undefined) {
        bytes -= piece.length;
        if (bytes < MOST_WAITING) sender.resume();
        return Promise.resolve({ done: false, value: piece });
      }
      if (last !== null) return last();
      reader = Promise.withResolvers<Result>();
      return reader.promise;
    },
    return() {
      waiting.length = 0;
      if (last === null) sender.stop();
      finish(nothingMore);
      return nothingMore();
    },
  };

  return {
    push(piece) {
      if (last !== null) return;
      if (reader !== null) {
        reader.resolve({ done: false, value: piece });
        reader = null;
        return;
      }
      waiting.push(piece);
      bytes += piece.length;
      if (bytes >= MOST_WAITING) sender.pause();
    },
    end: () => finish(nothingMore),
    fail: (error) => finish(() => Promise.reject(error)),
    [Symbol.asyncIterator]: () => iterator,
  };
}

const nothingMore = (): Promise<Result> => Promise.resolve({ done: true, value: undefined });
