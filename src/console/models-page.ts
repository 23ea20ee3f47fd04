/** Which model each name leads to, for oneself, and why. */
import { type Html, html } from '../http/html.ts';
import type { Models } from '../upstream/catalogue.ts';
import type { UsageRecord } from '../usage/record.ts';
import type { Shown, Visit } from './parts.ts';
import { type Explained, explainRoute, REASONS, toSteps } from './route-table.ts';
import { toTable } from './table.ts';

/** What clients ask for when nobody tells them otherwise. */
const USUAL = ['claude-opus-5-5', 'claude-sonnet-5-5', 'claude-haiku-5-5', 'gpt-5'];

export async function showModels({ parts, caller, query }: Visit): Promise<Shown> {
  const { principal } = caller;
  const tier = parts.tierOf(principal);
  const [models, recent] = await Promise.all([parts.allModels(), parts.usage.recent(principal.subject)]);
  const asked = query.get('model')?.trim() ?? '';
  const rows = namesOf(models, recent).map((name) => explainRoute(tier, name, models));
  const body = html`<form class="fields" method="get" action="/console/models">
<label>Name of a model <input name="model" value="${asked}" maxlength="256" autocomplete="off" spellcheck="false"></label>
<button class="main">What would I get?</button></form>
${asked === '' ? null : html`<section aria-label="Answer">${toSteps(explainRoute(tier, asked, models))}</section>`}
<h2>Names and what serves them</h2>
${toTable({
  caption: `In the "${tier.name}" tier`,
  rows,
  empty: 'No backend has told its models yet.',
  columns: [
    { title: 'You ask for', cell: ({ model }) => html`<code>${model}</code>` },
    { title: 'You get', cell: toAnswer },
    { title: 'Why', cell: ({ route }) => (route === null ? 'not part of the tier' : REASONS[route.reason]) },
  ],
})}`;
  return { title: 'Models', body };
}

function namesOf(models: Models, recent: readonly UsageRecord[]): readonly string[] {
  const served = [...models].flatMap(([backend, { models: names }]) =>
    backend === 'axon' ? names.map((name) => `axon/${name}`) : names,
  );
  const asked = recent.flatMap(({ asked: name }) => (name === null ? [] : [name]));
  return [...new Set([...USUAL, ...asked, ...served])].slice(0, 200);
}

function toAnswer({ route }: Explained): Html {
  if (route === null) return html`<span class="bad">refused</span>`;
  return html`<code>${route.served}</code> <span class="note">at ${route.candidates[0].backend}</span>`;
}
