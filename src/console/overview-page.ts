/** What is left, and what was asked last. */
import { html } from '../http/html.ts';
import type { Shown, Visit } from './parts.ts';
import { toRequestTable } from './request-table.ts';
import { toStandingCards } from './standing-cards.ts';
import { lastDays, toUsageChart } from './usage-chart.ts';

const SHOWN = 5;

export async function showOverview({ parts, caller, words }: Visit): Promise<Shown> {
  const { principal } = caller;
  const { quota, termsOf, usage, clock, dayOf } = parts;
  const days = lastDays(clock(), dayOf);
  const [standings, rows, recent] = await Promise.all([
    quota.peek(principal, termsOf(principal)),
    usage.totals({ ...rangeOf(days), subject: principal.subject, by: ['day', 'model'] }),
    usage.recent(principal.subject),
  ]);
  const body = html`<h2>What is left</h2>${toStandingCards(standings, words)}
<h2>The last 30 days</h2>${toUsageChart({ rows, days, measure: 'requests' })}
<h2>Latest requests</h2>${toRequestTable(recent.slice(0, SHOWN), words)}
<p><a href="/console/requests">All recent requests</a></p>`;
  return { title: 'Overview', body };
}

export const rangeOf = (days: readonly string[]) => ({ from: days[0] ?? '', to: days.at(-1) ?? '' });
