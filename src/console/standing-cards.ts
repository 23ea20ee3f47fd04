/** What is left of each allowance. */
import { type Html, html } from '../http/html.ts';
import type { QuotaUnit, QuotaWindow, Standing } from '../types.ts';
import { toBar } from './chart.ts';
import { toAmount, toCount, type Words } from './words.ts';

const UNITS: Readonly<Record<QuotaUnit, string>> = { request: 'request', turn: 'prompt', token: 'token' };

const SPANS: Readonly<Record<QuotaWindow, string>> = {
  minute: 'this minute',
  day: 'today',
  week: 'this week',
  month: 'this month',
};

/** @param extra what of the limit operators gave, where it is known */
export function toStandingCard(standing: Standing, words: Words, extra = 0): Html {
  const { allowance, limit, used, pending, remaining, resetsAt } = standing;
  const unit = UNITS[allowance.unit];
  const about = [
    allowance.models === null ? [] : [`for ${allowance.models.join(', ')}`],
    allowance.pool === null ? [] : [`shared by ${allowance.pool.name}`],
    extra === 0 ? [] : [`${toCount(extra)} of it given by an operator`],
    pending === 0 ? [] : [`${toCount(pending)} still running`],
  ].flat();
  const note = about.length === 0 ? null : html`<p class="note">${about.join('; ')}</p>`;
  if (limit === null || remaining === null) {
    return html`<article class="card"><h3>${allowance.name}</h3><p class="big">Unlimited</p>
<p>${toAmount(used, unit)} used ${SPANS[allowance.window]}</p>${note}</article>
`;
  }
  const share = limit === 0 ? 1 : (limit - remaining) / limit;
  return html`<article class="card"><h3>${allowance.name}</h3>
<p class="big">${toCount(remaining)} left</p>
${toBar(share, `${Math.round(share * 100)} per cent used`)}
<p>${toCount(used)} of ${toAmount(limit, unit)} used ${SPANS[allowance.window]}</p>${note}
<p class="note">Resets ${words.reset(resetsAt)}</p></article>
`;
}

export const toStandingCards = (standings: readonly Standing[], words: Words): Html =>
  html`<div class="cards">${standings.map((standing) => toStandingCard(standing, words))}</div>`;
