/** Operators see the plan as it is in force. */
import { type Html, html } from '../http/html.ts';
import type { Allowance, RouteRule, Terms, Tier } from '../types.ts';
import type { Shown, Visit } from './parts.ts';
import { toTarget } from './route-table.ts';
import { toTable } from './table.ts';
import { toCount } from './words.ts';

export function showPlan({ parts }: Visit): Shown {
  const tiers = [...parts.tiers.values()].sort((one, other) => one.rank - other.rank);
  return { title: 'Plan', body: html`<p class="note">As loaded, lowest rank first.</p>${tiers.map(toTier)}` };
}

const toTier = ({
  name,
  rank,
  terms,
  routes,
}: Tier): Html => html`<section aria-label="${name}"><h2>${name} <span class="tag">rank ${rank}</span></h2>
<p>${toTermsText(terms)}</p>
${toTable<Allowance>({
  caption: `Allowances of ${name}`,
  rows: terms.allowances,
  empty: '',
  columns: [
    { title: 'Allowance', cell: (allowance) => allowance.name },
    { title: 'Limit', isNumber: true, cell: ({ limit }) => (limit === null ? 'unlimited' : toCount(limit)) },
    { title: 'Of', cell: ({ unit }) => `${unit}s` },
    { title: 'Each', cell: ({ window }) => window },
    { title: 'Models', cell: ({ models }) => models?.join(', ') ?? 'all' },
  ],
})}
<h3>Routes</h3>${toTable<readonly [number, RouteRule]>({
  caption: `Routes of ${name}: the first that is about the model decides`,
  rows: routes.map((rule, index) => [index + 1, rule] as const),
  empty: 'None: every model is refused.',
  columns: [
    { title: 'Rule', isNumber: true, cell: ([number]) => number },
    { title: 'Models', cell: ([, { match }]) => html`<code>${match}</code>` },
    { title: 'Go to', cell: ([, { to }]) => html`<code>${to.map(toTarget).join(', then ')}</code>` },
  ],
})}</section>
`;

function toTermsText({ atExhaustion, concurrency, weights, titles }: Terms): string {
  const ends = {
    deny: 'Beyond a limit requests are refused.',
    'finish-turn': 'Beyond a limit an open turn may finish.',
    'soft-land': `Beyond a limit ${atExhaustion.kind === 'soft-land' ? toTarget(atExhaustion.to) : ''} answers.`,
  };
  const weighed = weights.map(({ match, counts }) => `${match} counts ${toCount(counts)}`).join(', ');
  return [
    ends[atExhaustion.kind],
    ...(concurrency === null ? [] : [`${toCount(concurrency)} requests at once.`]),
    ...(weighed === '' ? [] : [`${weighed}.`]),
    `Titles: ${titles}.`,
  ].join(' ');
}
