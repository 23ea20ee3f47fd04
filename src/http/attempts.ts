/** How often one address may try what strangers can try. */
import type { Scope } from './request-scope.ts';

export interface Attempts {
  mayTry(scope: Scope): boolean;
  /** One more that counts. */
  count(scope: Scope): void;
}

/** Most of one address in {@link WINDOW}. Many, since all that comes through one proxy has one address. */
const MOST = 300;
/** Milliseconds. */
const WINDOW = 60_000;
const MOST_ADDRESSES = 10_000;

/** @param clock milliseconds since the epoch */
export function createAttempts(clock: () => number): Attempts {
  const windows = new Map<string, { readonly from: number; count: number }>();
  const addressOf = ({ request }: Scope) => request.socket.remoteAddress ?? '';

  function current(scope: Scope) {
    const found = windows.get(addressOf(scope));
    return found !== undefined && clock() - found.from < WINDOW ? found : null;
  }

  return {
    mayTry: (scope) => (current(scope)?.count ?? 0) < MOST,
    count(scope) {
      const found = current(scope);
      if (found !== null) {
        found.count += 1;
        return;
      }
      if (windows.size >= MOST_ADDRESSES) windows.clear();
      windows.set(addressOf(scope), { from: clock(), count: 1 });
    },
  };
}
