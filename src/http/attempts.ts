/** How often one address may try what strangers can try. */
import type { ClientAddress } from './client-address.ts';
import type { Scope } from './request-scope.ts';

export interface Attempts {
  mayTry(scope: Scope): boolean;
  /** One more that counts. */
  count(scope: Scope): void;
}

/** Most of one address in {@link WINDOW}. Many, since a whole office, or a proxy nobody named, has one address. */
const MOST = 300;
/** Milliseconds. */
const WINDOW = 60_000;
const MOST_ADDRESSES = 10_000;

/** @param clock milliseconds since the epoch */
export function createAttempts(clock: () => number, clientAddress: ClientAddress): Attempts {
  const windows = new Map<string, { readonly from: number; count: number }>();
  const addressOf = ({ request }: Scope) => clientAddress(request);

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
