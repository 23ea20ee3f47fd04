/** Recent requests: what was asked and what came of it, never what was in them. */
import { type Html, html } from '../http/html.ts';
import type { UsageRecord } from '../usage/record.ts';
import { toTable } from './table.ts';
import { toCount, toDuration, type Words } from './words.ts';

const OUTCOMES: Readonly<Record<UsageRecord['outcome'], string>> = {
  charged: 'counted',
  refunded: 'given back',
  refused: 'refused',
  free: 'free',
};

export function toRequestTable(rows: readonly UsageRecord[], words: Words): Html {
  return toTable({
    caption: 'Requests, latest first',
    rows,
    empty: 'No request yet.',
    columns: [
      { title: 'Time', cell: ({ at }) => words.time(at) },
      { title: 'Asked for', cell: ({ asked }) => asked ?? '–' },
      { title: 'Served by', cell: toServed },
      { title: 'In', isNumber: true, cell: ({ usage }) => (usage === null ? '–' : toCount(toInput(usage))) },
      {
        title: 'Out',
        isNumber: true,
        cell: ({ usage }) => (usage === null ? '–' : toCount(usage.outputTokens)),
      },
      { title: 'Took', isNumber: true, cell: ({ durationMs }) => toDuration(durationMs) },
      { title: 'Outcome', cell: ({ outcome, status }) => `${OUTCOMES[outcome]} (${status})` },
    ],
  });
}

const toInput = ({ inputTokens, cacheReadTokens, cacheWriteTokens }: NonNullable<UsageRecord['usage']>) =>
  inputTokens + cacheReadTokens + cacheWriteTokens;

function toServed({ served, backend }: UsageRecord): Html {
  if (served === null) return html`–`;
  return backend === null ? html`${served}` : html`${served} <span class="note">at ${backend}</span>`;
}
