/** What was used in a month, by oneself. */
import { html } from '../http/html.ts';
import { rangeOf } from './overview-page.ts';
import type { Shown, Visit } from './parts.ts';
import { lastDays, MEASURES, type Measure, toMeasure, toUsageChart } from './usage-chart.ts';

export async function showUsage({ parts, caller, query }: Visit): Promise<Shown> {
  const days = lastDays(parts.clock(), parts.dayOf);
  const measure = toMeasure(query.get('show'));
  const wanted = { ...rangeOf(days), subject: caller.principal.subject, by: ['day', 'model'] } as const;
  const rows = await parts.usage.totals(wanted);
  const body = html`${toMeasureLinks('/console/usage', measure)}${toUsageChart({ rows, days, measure })}
<p><a href="/console/usage.csv">Download as CSV</a></p>`;
  return { title: 'Usage of 30 days', body };
}

/** @param path of the page, without a query */
export function toMeasureLinks(path: string, current: Measure) {
  const links = (['requests', 'tokens'] as const).map((measure) =>
    measure === current
      ? html` <strong>${MEASURES[measure].name}</strong>`
      : html` <a href="${path}?show=${measure}">${MEASURES[measure].name}</a>`,
  );
  return html`<p>${links}</p>`;
}
