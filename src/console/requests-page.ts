/** One's own recent requests. */
import { html } from '../http/html.ts';
import type { Shown, Visit } from './parts.ts';
import { toRequestTable } from './request-table.ts';

export async function showRequests({ parts, caller, words }: Visit): Promise<Shown> {
  const recent = await parts.usage.recent(caller.principal.subject);
  const body = html`<p class="note">The latest 100. What was in them is kept nowhere.</p>${toRequestTable(recent, words)}`;
  return { title: 'Requests', body };
}
