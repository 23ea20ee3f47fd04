/** One's own keys: made, copied once, ended. */
import type { ListedKey } from '../auth/personal-keys.ts';
import { GatewayError } from '../errors.ts';
import { type Html, html, NOTHING } from '../http/html.ts';
import { createKey } from '../http/keys.ts';
import type { Done, Shown, Visit } from './parts.ts';
import { toTable } from './table.ts';

export const showKeys = (visit: Visit): Promise<Shown> => toPage(visit, NOTHING);

/** @param said what has just happened */
async function toPage(visit: Visit, said: Html, status = 200): Promise<Shown> {
  const { parts, caller, words } = visit;
  const listed = await parts.keys.keys.list(caller.owner);
  const table = toTable({
    caption: 'Your keys',
    rows: listed,
    empty: 'You have no key yet.',
    columns: [
      { title: 'Name', cell: ({ name }) => name },
      { title: 'Kind', cell: ({ kind }) => kind },
      { title: 'Made', cell: ({ createdAt }) => words.time(createdAt) },
      { title: 'Ends', cell: ({ expiresAt }) => words.time(expiresAt) },
      {
        title: 'Last used',
        cell: ({ lastUsedAt }) => (lastUsedAt === null ? 'never' : words.time(lastUsedAt)),
      },
      { title: 'End it', cell: (key) => toRevokeForm(key, visit) },
    ],
  });
  return { title: 'Keys', status, body: html`${said}${table}${toCreateForm(visit)}` };
}

function toRevokeForm({ id, name }: ListedKey, { formToken }: Visit): Html {
  return html`<form method="post" action="/console/keys/${id}/revoke" data-confirm="End the key? Programs that use it stop working at once.">
<input type="hidden" name="token" value="${formToken}"><button class="danger" aria-label="Revoke ${name}">Revoke</button></form>`;
}

function toCreateForm({ parts, caller, formToken }: Visit): Html {
  if (!parts.keys.canKeep(caller))
    return html`<p class="note">Keys cannot be made here: the gateway cannot ask your organisation about you.</p>`;
  const { days, mostDays, atMost } = parts.keys;
  const kinds = (['personal', 'service'] as const).filter((kind) => atMost(caller, kind) > 0);
  const names = {
    personal: 'personal: spends your quota',
    service: 'service, for CI: a small quota of its own',
  };
  return html`<h2>Make a key</h2><form class="fields" method="post" action="/console/keys">
<input type="hidden" name="token" value="${formToken}">
<label>Name <input name="name" required maxlength="100" autocomplete="off"></label>
<label>Kind <select name="kind">${kinds.map((kind) => html`<option value="${kind}">${names[kind]}</option>`)}</select></label>
<label>Days <input name="days" type="number" min="1" max="${mostDays}" value="${days}"></label>
<button class="main">Make it</button></form>
<p class="note">A key is shown once, and ends with your account.</p>`;
}

export async function createOwnKey(visit: Visit, form: URLSearchParams): Promise<Done> {
  const document = {
    name: form.get('name'),
    kind: form.get('kind') ?? 'personal',
    expires_in_days: Number(form.get('days') ?? visit.parts.keys.days),
  };
  try {
    const { key, held } = await createKey(visit.parts.keys, visit.caller, document);
    const said = html`<section class="said" aria-label="New key"><p>The key <strong>${held.name}</strong>. Copy it now: it is not shown again.</p>
<div class="line"><pre id="new-key">${key}</pre><button type="button" data-copy="new-key" hidden>Copy</button></div></section>`;
    return toPage(visit, said, 201);
  } catch (error) {
    if (!(error instanceof GatewayError) || error.code === 'identity_unavailable') throw error;
    return toPage(visit, html`<p class="said bad" role="alert">${error.message}</p>`, 400);
  }
}

export async function revokeOwnKey({ parts, caller, id }: Visit): Promise<Done> {
  const { keys } = parts.keys;
  if (await keys.revoke(caller.owner, id)) return { goTo: '/console/keys' };
  throw new GatewayError('route_not_found', 'You have no key with this id.');
}
