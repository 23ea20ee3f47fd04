import type { JournalFile } from './journal-file.ts';
import type { Entry } from './store.ts';

export interface OutageGrants {
  /** Grants the request, on disk before it resolves; null when the user has had all that may be granted. */
  take(entry: Entry, limit: number): Promise<Grant | null>;
}

export interface Grant {
  /** The request came to nothing. Never rejects. */
  giveBack(): Promise<void>;
}

/**
 * What one process grants without the store, for each user and window: a share of the limit, rounded up. It is
 * granted once in a window, however often the store goes away and the process restarts, so all replicas together
 * overspend by their number times that, at most.
 */
export function createOutageGrants(file: JournalFile | undefined, share: number): OutageGrants {
  return {
    async take({ subject, window }, limit) {
      if (file === undefined) return null;
      const key = `${subject} ${window.id}`;
      // A disk that cannot be written grants nothing: the count would be lost.
      const granted = await file.count(key, Math.ceil(limit * share), window.endsAt).catch(() => false);
      return granted ? { giveBack: () => file.uncount(key).catch(() => undefined) } : null;
    },
  };
}
