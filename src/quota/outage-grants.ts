import type { JournalFile } from './journal-file.ts';
import type { Entry } from './store.ts';

export interface OutageGrants {
  /**
   * Grants the request, on disk before it resolves; null when the user has had all that may be granted.
   *
   * @param limits that of each charge
   */
  take(entry: Entry, limits: readonly (number | null)[]): Promise<Grant | null>;
}

export interface Grant {
  /** The request came to nothing. Never rejects. */
  giveBack(): Promise<void>;
}

/**
 * What one process grants without the store, for each user and window: a share of the limit, rounded up. It is
 * granted once in a window, however often the store goes away and the process restarts, so all replicas together
 * overspend by their number times that, at most.
 *
 * @param share 0 to 1, asked each time
 */
export function createOutageGrants(file: JournalFile | undefined, share: () => number): OutageGrants {
  return {
    async take({ subject, charges }, limits) {
      if (file === undefined) return null;
      const taken: { readonly key: string; readonly amount: number }[] = [];
      const giveBack = async () => {
        await Promise.all(taken.map(({ key, amount }) => file.uncount(key, amount).catch(() => undefined)));
      };
      for (const [index, { window, amount }] of charges.entries()) {
        const limit = limits[index] ?? null;
        if (limit === null || amount === 0) continue;
        const key = `${subject} ${window.id}`;
        const most = Math.ceil(limit * share());
        // A disk that cannot be written grants nothing: the count would be lost.
        if (await file.count(key, amount, most, window.endsAt).catch(() => false)) {
          taken.push({ key, amount });
          continue;
        }
        await giveBack();
        return null;
      }
      return { giveBack };
    },
  };
}
