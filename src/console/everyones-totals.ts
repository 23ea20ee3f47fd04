/**
 * Totals of all users, a day at a time: SQLite answers on the event loop, where proxied requests are waiting, and a day
 * of 10,000 users is milliseconds, but a month is not.
 */
import type { TotalsRow, UsageStore } from '../usage/usage-store.ts';

export interface EveryonesTotals {
  /** By day and model. */
  byModel(days: readonly string[]): Promise<readonly TotalsRow[]>;
  /** By user, most requests first. */
  mostOf(day: string, count: number): Promise<readonly TotalsRow[]>;
  /** Everything there is of each day in turn. */
  inFull(days: readonly string[]): AsyncIterable<readonly TotalsRow[]>;
}

export interface EveryonesTotalsOptions {
  readonly usage: Pick<UsageStore, 'totals'>;
  /** Resolves when others have had their turn. */
  readonly breathe: () => Promise<void>;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

/** Milliseconds that an answer counts: records are written a second later, after an outage much later. */
const FRESH = 10_000;
const FRESH_OF_OLD = 3_600_000;
/** Days, the latest last, that may still change. */
const YOUNG = 2;
const MOST_KEPT = 200;

export function createEveryonesTotals({ usage, breathe, clock }: EveryonesTotalsOptions): EveryonesTotals {
  const known = new Map<string, { readonly rows: readonly TotalsRow[]; readonly until: number }>();

  async function ask(key: string, freshFor: number, query: () => Promise<readonly TotalsRow[]>) {
    const found = known.get(key);
    if (found !== undefined && found.until > clock()) return found.rows;
    await breathe();
    const rows = await query();
    if (known.size >= MOST_KEPT) known.clear();
    known.set(key, { rows, until: clock() + freshFor });
    return rows;
  }

  return {
    async byModel(days) {
      const all: (readonly TotalsRow[])[] = [];
      for (const [index, day] of days.entries()) {
        const freshFor = index >= days.length - YOUNG ? FRESH : FRESH_OF_OLD;
        const query = () => usage.totals({ from: day, to: day, by: ['day', 'model'] });
        all.push(await ask(`models ${day}`, freshFor, query));
      }
      return all.flat();
    },

    mostOf: (day, count) =>
      ask(`users ${day}`, FRESH, () => usage.totals({ from: day, to: day, by: ['subject'], limit: count })),

    async *inFull(days) {
      for (const day of days) {
        await breathe();
        yield await usage.totals({
          from: day,
          to: day,
          by: ['day', 'subject', 'model', 'backend'],
          limit: 100_000,
        });
      }
    },
  };
}
