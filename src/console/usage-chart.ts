/** Usage of a month by model and day: a picture, and the table beside it. */
import { type Html, html } from '../http/html.ts';
import type { TotalsRow } from '../usage/usage-store.ts';
import { COLOURS, toChart } from './chart.ts';
import { toTable } from './table.ts';
import { toCount } from './words.ts';

const DAY = 86_400_000;

/** The last 30 days, oldest first. */
export function lastDays(now: number, dayOf: (at: number) => string): readonly string[] {
  // By noon of UTC: days of 23 or 25 hours neither repeat nor skip one.
  const today = Date.parse(`${dayOf(now)}T12:00:00Z`);
  return Array.from({ length: 30 }, (_, index) =>
    new Date(today - (29 - index) * DAY).toISOString().slice(0, 10),
  );
}

/** What is counted, and by which word. */
export const MEASURES = {
  requests: { name: 'Requests', of: ({ requests }: TotalsRow) => requests },
  tokens: {
    name: 'Tokens',
    of: (row: TotalsRow) => row.inputTokens + row.outputTokens + row.cacheReadTokens + row.cacheWriteTokens,
  },
} as const;

export type Measure = keyof typeof MEASURES;

export const toMeasure = (text: string | null): Measure => (text === 'tokens' ? 'tokens' : 'requests');

interface UsageChart {
  readonly rows: readonly TotalsRow[];
  readonly days: readonly string[];
  readonly measure: Measure;
}

/** @param rows by day and model */
export function toUsageChart({ rows, days, measure }: UsageChart): Html {
  const { name, of } = MEASURES[measure];
  const { kinds, amountOf } = toKinds(rows, of);
  if (kinds.length === 0) return html`<p class="note">Nothing was used in the last 30 days.</p>`;
  const active = days.filter((day) => kinds.some((kind) => amountOf(day, kind) > 0)).toReversed();
  const table = toTable({
    caption: `${name} by day and model`,
    rows: active,
    empty: '',
    columns: [
      { title: 'Day', cell: (day) => day },
      ...kinds.map((kind) => ({
        title: kind,
        isNumber: true as const,
        cell: (day: string) => toCount(amountOf(day, kind)),
      })),
    ],
  });
  return html`${toChart({ title: `${name} of the last 30 days by model`, days, kinds, amountOf })}${table}`;
}

/** The models that were used most, each with a colour; the rest together. */
function toKinds(rows: readonly TotalsRow[], of: (row: TotalsRow) => number) {
  const sums = new Map<string, number>();
  for (const row of rows) sums.set(row.model ?? '', (sums.get(row.model ?? '') ?? 0) + of(row));
  const ranked = [...sums].filter(([, sum]) => sum > 0).sort(([, one], [, other]) => other - one);
  const named = ranked.slice(0, ranked.length > COLOURS ? COLOURS - 1 : COLOURS).map(([model]) => model);
  const others = ranked.length > named.length;
  const values = new Map<string, number>();
  for (const row of rows) {
    const kind = named.includes(row.model ?? '') ? (row.model ?? '') : 'others';
    const key = `${row.day}\t${kind}`;
    values.set(key, (values.get(key) ?? 0) + of(row));
  }
  return {
    kinds: others ? [...named, 'others'] : named,
    amountOf: (day: string, kind: string) => values.get(`${day}\t${kind}`) ?? 0,
  };
}
