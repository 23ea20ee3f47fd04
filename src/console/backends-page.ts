/** Operators see how the backends fare and what is under way, now. */
import { type Html, html } from '../http/html.ts';
import type { LiveRequest } from '../http/live-requests.ts';
import type { Quantiles } from '../observe/latencies.ts';
import type { BackendFacts } from '../upstream/describe-backends.ts';
import type { ReplicaFacts, TrafficFacts } from '../upstream/describe-traffic.ts';
import type { Shown, Visit } from './parts.ts';
import { toTable } from './table.ts';
import { toCount, toDuration } from './words.ts';

const REFRESH_SECONDS = 3;
const MOST_SHOWN = 200;

export function showBackends(visit: Visit): Shown {
  const { parts } = visit;
  const states = Object.entries(parts.dependencies());
  const body = html`<div data-live>
<p>${states.map(([name, state]) => html`<span class="tag ${state === 'ok' ? 'good' : 'bad'}">${name}: ${state}</span> `)}</p>
${toBackendTable(visit)}<h2>Requests under way in this process</h2>${toLiveTable(visit)}</div>`;
  return { title: 'Backends', body, refresh: REFRESH_SECONDS };
}

function toBackendTable({ parts }: Visit): Html {
  const ms = (quantiles: Quantiles | null | undefined) =>
    quantiles === null || quantiles === undefined
      ? '–'
      : `${toDuration(quantiles.p50)} / ${toDuration(quantiles.p95)}`;
  return toTable<[string, BackendFacts & TrafficFacts]>({
    caption: 'Times are of the latest 200 answers: the middle one, and that which 95 of 100 stay below',
    rows: Object.entries(parts.backends()),
    empty: 'No backend is configured.',
    columns: [
      {
        title: 'Backend',
        cell: ([name, { kind }]) => (name === kind ? name : html`${name} <span class="note">${kind}</span>`),
      },
      { title: 'Replicas', cell: ([, { replicas }]) => html`${replicas.map(toReplica)}` },
      { title: 'Waiting', isNumber: true, cell: ([, { waiting }]) => toCount(waiting) },
      {
        title: 'First content',
        isNumber: true,
        cell: ([name]) => ms(parts.latencies.of(name)?.firstContent),
      },
      { title: 'Whole answer', isNumber: true, cell: ([name]) => ms(parts.latencies.of(name)?.whole) },
      { title: 'Model', cell: ([, { model }]) => model ?? '–' },
      {
        title: 'Window',
        isNumber: true,
        cell: ([, { context_window: tokens }]) => (tokens === null ? '–' : toCount(tokens)),
      },
    ],
  });
}

const STATES = {
  closed: ['good', 'well'],
  'half-open': ['warm', 'being tried again'],
  open: ['bad', 'left alone after failures'],
  down: ['bad', 'says that it is down'],
} as const;

function toReplica({ state, in_flight: inFlight }: ReplicaFacts, index: number): Html {
  const [level, words] = STATES[state];
  return html`<div>${index + 1}: <span class="${level}">${words}</span>, ${toCount(inFlight)} under way</div>`;
}

function toLiveTable({ parts }: Visit): Html {
  const live = parts.live.list();
  const now = parts.now();
  return toTable<LiveRequest>({
    caption: live.length > MOST_SHOWN ? `The oldest ${MOST_SHOWN} of ${live.length}` : 'Oldest first',
    rows: live.slice(0, MOST_SHOWN),
    empty: 'None.',
    columns: [
      { title: 'Request', cell: ({ id }) => html`<code>${id}</code>` },
      { title: 'User', cell: ({ progress: { principal } }) => principal?.user ?? '–' },
      { title: 'Tier', cell: ({ progress: { principal } }) => principal?.tier ?? '–' },
      { title: 'Model', cell: toModels },
      { title: 'Since', isNumber: true, cell: ({ startedAt }) => toDuration(now - startedAt) },
      { title: 'State', cell: toState },
    ],
  });
}

function toModels({ progress: { route } }: LiveRequest): string {
  if (route === undefined) return '–';
  return route.requested === route.served ? route.served : `${route.requested} → ${route.served}`;
}

function toState({ progress }: LiveRequest): string {
  const failed = progress.failures.length === 0 ? '' : `, ${progress.failures.length} tries failed`;
  if (progress.firstContentAt !== undefined) return `answering (${progress.backend ?? ''})${failed}`;
  return (progress.reservation === undefined ? 'being admitted' : 'waiting for the backend') + failed;
}
