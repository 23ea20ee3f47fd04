/** Operators look for users, see where one stands, give more, and end what they hold. */
import { asGatewayError, GatewayError } from '../errors.ts';
import { type Html, html } from '../http/html.ts';
import { MOST_EXTRA, type ShownStanding, toActor } from '../http/standings.ts';
import type { KnownUser } from '../usage/usage-store.ts';
import { rangeOf } from './overview-page.ts';
import type { Done, Shown, Visit } from './parts.ts';
import { toRequestTable } from './request-table.ts';
import { toStandingCard } from './standing-cards.ts';
import { toTable } from './table.ts';
import { lastDays, toUsageChart } from './usage-chart.ts';

const MOST = 100;
const SHOWN = 20;

export async function showUsers({ parts, query, words }: Visit): Promise<Shown> {
  const search = (query.get('search') ?? '').trim().slice(0, 200);
  const found = await parts.usage.users(search, MOST);
  const table = toTable({
    caption: found.length === MOST ? `The first ${MOST}, latest seen first` : 'Latest seen first',
    rows: found,
    empty: 'Nobody who has made a request has this in their name.',
    columns: [
      { title: 'User', cell: ({ subject, user }) => html`<a href="/console/users/${subject}">${user}</a>` },
      { title: 'Tier', cell: ({ tier }) => tier },
      { title: 'Last request', cell: ({ seenAt }) => words.time(seenAt) },
    ],
  });
  const body = html`<form class="fields" method="get" action="/console/users" role="search">
<label>Name, or beginning of the id <input type="search" name="search" value="${search}" autocomplete="off"></label>
<button class="main">Search</button></form>${table}`;
  return { title: 'Users', body };
}

export async function showUser(visit: Visit): Promise<Shown> {
  const { parts, id, words } = visit;
  const known = await parts.standings.find(id);
  const days = lastDays(parts.clock(), parts.dayOf);
  const [standings, rows, recent] = await Promise.all([
    parts.standings.of(known).catch(asSentence),
    parts.usage.totals({ ...rangeOf(days), subject: id, by: ['day', 'model'] }),
    parts.usage.recent(id),
  ]);
  const cards =
    typeof standings === 'string'
      ? html`<p class="said bad">${standings}</p>`
      : html`<div class="cards">${standings.map((one) => toStandingCard(one, words, one.extra))}</div>
${toGrantForm(visit, known, standings)}`;
  const body = html`<p><span class="tag">${known.tier}</span> last request ${words.time(known.seenAt)}, id <code>${id}</code></p>
<p class="note">The tier is that of the latest request.</p>
<h2>What is left</h2>${cards}
<h2>The last 30 days</h2>${toUsageChart({ rows, days, measure: 'requests' })}
<p><a href="/console/users/${id}/usage.csv">Download as CSV</a></p>
<h2>Latest requests</h2>${toRequestTable(recent.slice(0, SHOWN), words)}
${toRevokeForm(visit)}`;
  return { title: known.user, body };
}

const asSentence = (error: unknown): string => asGatewayError(error).message;

function toGrantForm(
  { formToken }: Visit,
  { subject }: KnownUser,
  standings: readonly ShownStanding[],
): Html {
  const own = standings.filter(({ limit, allowance }) => limit !== null && allowance.pool === null);
  if (own.length === 0) return html`<p class="note">There is no limit to give more of.</p>`;
  const options = own.map(({ allowance: { name } }) => html`<option>${name}</option>`);
  return html`<h3>Give more</h3><form class="fields" method="post" action="/console/users/${subject}/grants">
<input type="hidden" name="token" value="${formToken}">
<label>Allowance <select name="allowance">${options}</select></label>
<label>How much <input name="extra" type="number" required step="1" value="10"></label>
<label>Reason <input name="reason" required maxlength="500" autocomplete="off"></label>
<button class="main" name="change" value="grant">Give</button>
<button name="change" value="reset">Give the whole limit again</button></form>
<p class="note">Until the window ends, from the next request on. A negative number takes some back.</p>`;
}

function toRevokeForm({ id, formToken }: Visit): Html {
  return html`<h2>Revoke</h2><p>Ends every key and session of this user, and turns away tokens that they have now. Who may still
sign in gets new ones: disable the account in Keycloak first.</p>
<form class="fields" method="post" action="/console/users/${id}/revoke" data-confirm="End every key and session of this user?">
<input type="hidden" name="token" value="${formToken}">
<label>Reason <input name="reason" required maxlength="500" autocomplete="off"></label>
<button class="danger">Revoke</button></form>`;
}

export async function giveMore({ parts, scope, caller, id }: Visit, form: URLSearchParams): Promise<Done> {
  const isReset = form.get('change') === 'reset';
  const extra = Number(form.get('extra'));
  if (!isReset && (!Number.isSafeInteger(extra) || extra === 0 || Math.abs(extra) > MOST_EXTRA))
    throw new GatewayError('invalid_request', 'How much must be a whole number other than 0.');
  const known = await parts.standings.find(id);
  await parts.standings.change(known, {
    requestId: scope.id,
    operator: toActor(caller.principal),
    action: isReset ? 'reset' : 'grant',
    reason: readReason(form),
    allowance: form.get('allowance') ?? undefined,
    extra: isReset ? 'whole' : extra,
  });
  return { goTo: `/console/users/${id}` };
}

export async function revokeUser({ parts, scope, caller, id }: Visit, form: URLSearchParams): Promise<Done> {
  const operator = toActor(caller.principal);
  await parts.revoke({ requestId: scope.id, operator, reason: readReason(form), subject: id });
  return { goTo: `/console/users/${id}` };
}

/** Whoever reads the audit log will ask. */
function readReason(form: URLSearchParams): string {
  const reason = form.get('reason')?.trim() ?? '';
  if (reason !== '' && reason.length <= 500) return reason;
  throw new GatewayError('invalid_request', 'A reason of 1 to 500 characters is needed, for the audit log.');
}
