/** Operators see what all users together used, and who used most. */
import { html } from '../http/html.ts';
import type { TotalsRow } from '../usage/usage-store.ts';
import type { EveryonesTotals } from './everyones-totals.ts';
import type { Shown, Visit } from './parts.ts';
import { toTable } from './table.ts';
import { lastDays, toMeasure, toUsageChart } from './usage-chart.ts';
import { toMeasureLinks } from './usage-page.ts';
import { toCount } from './words.ts';

const MOST = 20;

export const createEveryonePage =
  (totals: EveryonesTotals) =>
  async ({ parts, query }: Visit): Promise<Shown> => {
    const days = lastDays(parts.clock(), parts.dayOf);
    const today = days.at(-1) ?? '';
    const measure = toMeasure(query.get('show'));
    const rows = await totals.byModel(days);
    const first = await totals.mostOf(today, MOST);
    const table = toTable<TotalsRow>({
      caption: `Who used most on ${today}`,
      rows: first,
      empty: 'Nobody has made a request today.',
      columns: [
        {
          title: 'User',
          cell: ({ subject = '', user }) => html`<a href="/console/users/${subject}">${user ?? subject}</a>`,
        },
        { title: 'Requests', isNumber: true, cell: ({ requests }) => toCount(requests) },
        { title: 'Refused', isNumber: true, cell: ({ refusals }) => toCount(refusals) },
        { title: 'Tokens out', isNumber: true, cell: ({ outputTokens }) => toCount(outputTokens) },
      ],
    });
    const body = html`${toMeasureLinks('/console/everyone', measure)}${toUsageChart({ rows, days, measure })}
<h2>Today</h2>${table}<p><a href="/console/everyone.csv">Download 30 days by user, model and backend as CSV</a></p>`;
    return { title: 'Everyone’s usage', body };
  };
