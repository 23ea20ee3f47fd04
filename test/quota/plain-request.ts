/** Requests that draw one on one count, as most do. */
import type { Claim, Entry, QuotaStore, Tally } from '../../src/quota/store.ts';
import type { Window, Windows } from '../../src/quota/windows.ts';

export interface PlainClaim {
  readonly subject: string;
  readonly requestId: string;
  readonly windows: Windows;
  readonly limit: number | null;
  readonly lease: number;
}

export function plainClaim({ subject, requestId, windows, limit, lease }: PlainClaim): Claim {
  const holds = [{ windows, limit, amount: 1, needs: 1, perTurn: false, overdraft: 0 }];
  return { subject, requestId, holds, lease, turn: null, concurrency: null };
}

export function plainEntry(subject: string, requestId: string, window: Window): Entry {
  return { subject, requestId, charges: [{ window, amount: 1 }], session: null, tokens: 0, running: false };
}

/** What one count holds. */
export async function peekOne(store: QuotaStore, subject: string, windows: Windows): Promise<Tally> {
  const [tally] = await store.peek(subject, [windows]);
  if (tally === undefined) throw new Error('the store told nothing');
  return tally;
}
