/** Operators see who changed what. */
import { GatewayError } from '../errors.ts';
import { html } from '../http/html.ts';
import type { AuditEntry } from '../store/audit.ts';
import type { Shown, Visit } from './parts.ts';
import { toTable } from './table.ts';

const MOST = 200;

export async function showAudit({ parts, query, words }: Visit): Promise<Shown> {
  const month = query.get('month') ?? new Date(parts.clock()).toISOString().slice(0, 7);
  if (!/^\d{4}-(?:0[1-9]|1[0-2])$/.test(month))
    throw new GatewayError('invalid_request', 'The month must look like 2026-11.');
  const entries = (await parts.audit.read(month)).toReversed().slice(0, MOST);
  const table = toTable<AuditEntry>({
    caption: `Changes of ${month}, latest first`,
    rows: entries,
    empty: 'Nothing was changed in this month.',
    columns: [
      { title: 'Time', cell: ({ at }) => words.time(at) },
      { title: 'Who', cell: ({ actor }) => actor },
      { title: 'What', cell: ({ action }) => action },
      {
        title: 'Whom',
        cell: ({ subject }) =>
          html`<a href="/console/users/${subject}"><code>${subject.slice(0, 16)}</code></a>`,
      },
      { title: 'Details', cell: toDetails },
    ],
  });
  const body = html`<form class="fields" method="get" action="/console/audit">
<label>Month <input name="month" value="${month}" pattern="\\d{4}-\\d{2}" required></label><button>Show</button></form>${table}`;
  return { title: 'Audit log', body };
}

const toDetails = ({ details }: AuditEntry) =>
  Object.entries(details)
    .map(([name, value]) => `${name}: ${value}`)
    .join('; ');
