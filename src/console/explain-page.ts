/** Operators ask what happens if somebody asks for a model now. */
import { GatewayError } from '../errors.ts';
import { type Html, html } from '../http/html.ts';
import type { Tier } from '../types.ts';
import type { KnownUser } from '../usage/usage-store.ts';
import type { ConsoleParts, Shown, Visit } from './parts.ts';
import { explainRoute, toSteps, toTarget } from './route-table.ts';
import { toStandingCards } from './standing-cards.ts';

interface Asked {
  readonly user: string;
  readonly tier: string;
  readonly model: string;
}

export async function showExplain(visit: Visit): Promise<Shown> {
  const { query } = visit;
  const read = (name: string) => (query.get(name) ?? '').trim().slice(0, 256);
  const asked: Asked = { user: read('user'), tier: read('tier'), model: read('model') };
  const answer = asked.model === '' ? null : await toAnswer(visit, asked);
  return { title: 'Explain', body: html`${toForm(visit.parts, asked)}${answer}` };
}

function toForm({ tiers }: ConsoleParts, { user, tier, model }: Asked): Html {
  const options = [...tiers.keys()].map(
    (name) => html`<option${name === tier ? html` selected` : null}>${name}</option>`,
  );
  return html`<p>What happens if somebody asks for a model now?</p>
<form class="fields" method="get" action="/console/explain">
<label>User <input name="user" value="${user}" autocomplete="off"></label>
<label>or anybody of the tier <select name="tier">${options}</select></label>
<label>Model <input name="model" value="${model}" required maxlength="256" autocomplete="off" spellcheck="false"></label>
<button class="main">Explain</button></form>`;
}

async function toAnswer(visit: Visit, { user, tier: name, model }: Asked): Promise<Html> {
  const { parts } = visit;
  const known = user === '' ? null : await findUser(parts, user);
  if (user !== '' && known === null)
    return html`<p class="said bad">Nobody who has made a request is called so.</p>`;
  const tier = parts.tiers.get(known?.tier ?? name);
  if (tier === undefined) return html`<p class="said bad">There is no such tier in the plan.</p>`;
  const models = await parts.allModels();
  const quota = known === null ? null : await toQuota(visit, known, tier);
  return html`<h2>1. Tier</h2><p>${known === null ? 'Anybody' : html`<a href="/console/users/${known.subject}">${known.user}</a>`} of <strong>${tier.name}</strong>, rank ${tier.rank}.</p>
<h2>2. Route</h2>${toSteps(explainRoute(tier, model, models))}
${quota}`;
}

/** By the whole name, else the latest seen whose name has the text in it. */
async function findUser({ usage }: ConsoleParts, text: string): Promise<KnownUser | null> {
  const found = await usage.users(text, 100);
  return found.find(({ user, subject }) => user === text || subject === text) ?? found[0] ?? null;
}

async function toQuota({ parts, words }: Visit, known: KnownUser, { terms }: Tier): Promise<Html> {
  try {
    const standings = await parts.standings.of(known);
    const spent = standings.filter(({ remaining }) => remaining === 0).map(({ allowance }) => allowance.name);
    const { atExhaustion } = terms;
    const beyond = {
      deny: 'the request is refused (429), with the time when it resets',
      'finish-turn': 'only a turn that is open may go on',
      'soft-land': `${atExhaustion.kind === 'soft-land' ? toTarget(atExhaustion.to) : ''} answers, free of it`,
    };
    const verdict =
      spent.length === 0
        ? 'Nothing is used up: the request is admitted.'
        : `Used up: ${spent.join(', ')}. Where it counts this model, ${beyond[atExhaustion.kind]}.`;
    return html`<h2>3. Quota</h2><p class="said">${verdict}</p>${toStandingCards(standings, words)}`;
  } catch (error) {
    if (error instanceof GatewayError) return html`<h2>3. Quota</h2><p class="said bad">${error.message}</p>`;
    throw error;
  }
}
