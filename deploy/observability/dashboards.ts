/**
 * The Grafana dashboards, as data: `npm run dashboards` writes the JSON files beside this one.
 *
 *   node deploy/observability/dashboards.ts
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** One picture. A query's text becomes its legend, with `{{label}}` filled in by Grafana. */
interface Panel {
  readonly title: string;
  /** What to read from it, shown behind the `i`. */
  readonly about: string;
  /** A unit of Grafana's: `reqps`, `s`, `percentunit`, `short`. */
  readonly unit: string;
  readonly queries: Readonly<Record<string, string>>;
  /** A single figure in place of a line over time. */
  readonly figure?: true;
  readonly stacked?: true;
}

interface Dashboard {
  readonly file: string;
  readonly title: string;
  readonly panels: readonly Panel[];
}

const JOB = 'job=~"$job"';
const rate = (metric: string, labels = '') =>
  `rate(${metric}{${[JOB, labels].filter((part) => part !== '').join(',')}}[$__rate_interval])`;
const quantile = (share: number, metric: string, by = '') =>
  `histogram_quantile(${share}, sum by (le${by === '' ? '' : `, ${by}`}) (${rate(`${metric}_bucket`)}))`;

const FAILED = `sum(${rate('gateway_requests_total', 'ending="backend-failed",status!~"4.."')} or ${rate('gateway_requests_total', 'status=~"5.."')})`;
const ANSWERABLE = `sum(${rate('gateway_requests_total', 'status!~"4.."')})`;

export const DASHBOARDS: readonly Dashboard[] = [
  {
    file: 'service.json',
    title: 'LLM gateway: service',
    panels: [
      {
        title: 'Requests now',
        about: 'Inference requests being answered, all replicas.',
        unit: 'short',
        queries: { 'in flight': `sum(gateway_requests_in_flight{${JOB}})` },
        figure: true,
      },
      {
        title: 'Answers now',
        about: 'Of these, the ones whose backend has begun to answer; the others wait for it.',
        unit: 'short',
        queries: { answering: `sum(gateway_answers_in_flight{${JOB}})` },
        figure: true,
      },
      {
        title: 'Failed',
        about: 'Share of the requests that were ours to answer and failed. The objective is 0.5 %.',
        unit: 'percentunit',
        queries: { failed: `(${FAILED} or vector(0)) / ${ANSWERABLE}` },
        figure: true,
      },
      {
        title: 'First content, p95',
        about: 'Time from the request to the first content. The objective is 95 % within 10 s.',
        unit: 's',
        queries: { p95: quantile(0.95, 'gateway_time_to_first_content_seconds') },
        figure: true,
      },
      {
        title: 'Degraded parts',
        about: 'What /health calls degraded, over all replicas.',
        unit: 'short',
        queries: { parts: `sum(1 - gateway_dependency_up{${JOB}}) or vector(0)` },
        figure: true,
      },
      {
        title: 'Requests by ending',
        about: 'How answers ended. "client-left" is a person who pressed Escape.',
        unit: 'reqps',
        queries: { '{{ending}}': `sum by (ending) (${rate('gateway_requests_total')})` },
        stacked: true,
      },
      {
        title: 'Requests by status',
        about: 'HTTP status that clients saw; a stream that failed later still counts by its first status.',
        unit: 'reqps',
        queries: { '{{status}}': `sum by (status) (${rate('gateway_requests_total')})` },
        stacked: true,
      },
      {
        title: 'Requests by tier',
        about: 'Requests a second of each tier.',
        unit: 'reqps',
        queries: { '{{tier}}': `sum by (tier) (${rate('gateway_requests_total')})` },
        stacked: true,
      },
      {
        title: 'Requests by dialect',
        about: 'Anthropic Messages, OpenAI Chat Completions, OpenAI Responses.',
        unit: 'reqps',
        queries: { '{{dialect}}': `sum by (dialect) (${rate('gateway_requests_total')})` },
        stacked: true,
      },
      {
        title: 'Duration',
        about: 'From the request to the end of its answer. Long answers are long.',
        unit: 's',
        queries: {
          p50: quantile(0.5, 'gateway_request_duration_seconds'),
          p95: quantile(0.95, 'gateway_request_duration_seconds'),
        },
      },
      {
        title: 'Time to first content by backend, p95',
        about: 'What people wait for.',
        unit: 's',
        queries: { '{{backend}}': quantile(0.95, 'gateway_time_to_first_content_seconds', 'backend') },
      },
      {
        title: 'Time to first content by tier, p95',
        about: 'Whether those who pay more wait less.',
        unit: 's',
        queries: { '{{tier}}': quantile(0.95, 'gateway_time_to_first_content_seconds', 'tier') },
      },
      {
        title: 'Refused before inference',
        about: 'Unreadable requests, bad credentials, unknown paths, by reason.',
        unit: 'reqps',
        queries: { '{{code}}': `sum by (code) (${rate('gateway_requests_refused_total')})` },
        stacked: true,
      },
      {
        title: 'Releases',
        about: 'Replicas of each release: more than one while a deployment rolls out.',
        unit: 'short',
        queries: { '{{version}}': `count by (version) (gateway_build_info{${JOB}})` },
      },
      {
        title: 'Memory and lateness of a replica',
        about:
          'Resident memory, and how late timers run (p99). Lateness above 0.2 s: one core is not enough.',
        unit: 'short',
        queries: {
          'bytes {{instance}}': `process_resident_memory_bytes{${JOB}}`,
          'seconds late {{instance}}': `nodejs_eventloop_lag_p99_seconds{${JOB}}`,
        },
      },
    ],
  },
  {
    file: 'backends.json',
    title: 'LLM gateway: backends',
    panels: [
      {
        title: 'Replicas in use',
        about: 'Replicas that get requests, by backend.',
        unit: 'short',
        queries: {
          '{{backend}}': `max by (backend) (sum by (instance, backend) (gateway_backend_replica_up{${JOB}}))`,
        },
        figure: true,
      },
      {
        title: 'Waiting for a place',
        about: 'Requests in line at a saturated backend.',
        unit: 'short',
        queries: { '{{backend}}': `sum by (backend) (gateway_backend_requests_waiting{${JOB}})` },
        figure: true,
      },
      {
        title: 'Requests by backend',
        about: 'Requests a second that each backend answered.',
        unit: 'reqps',
        queries: { '{{backend}}': `sum by (backend) (${rate('gateway_requests_total')})` },
        stacked: true,
      },
      {
        title: 'Failed attempts by reason',
        about: 'Attempts, not requests: another replica may have answered.',
        unit: 'reqps',
        queries: {
          '{{backend}} {{code}}': `sum by (backend, code) (${rate('gateway_backend_failures_total')})`,
        },
        stacked: true,
      },
      {
        title: 'In flight by replica',
        about:
          'Uneven lines are affinity at work: a conversation stays with the replica that has its prefix cached.',
        unit: 'short',
        queries: {
          '{{backend}} {{replica}}': `sum by (backend, replica) (gateway_backend_requests_in_flight{${JOB}})`,
        },
      },
      {
        title: 'Time to first content',
        about: 'Median and 95th percentile by backend.',
        unit: 's',
        queries: {
          'p50 {{backend}}': quantile(0.5, 'gateway_time_to_first_content_seconds', 'backend'),
          'p95 {{backend}}': quantile(0.95, 'gateway_time_to_first_content_seconds', 'backend'),
        },
      },
      {
        title: 'Time for each token',
        about:
          'After the first content of streamed answers, median by model. Rises when a server is saturated.',
        unit: 's',
        queries: {
          '{{gen_ai_request_model}}': quantile(
            0.5,
            'gen_ai_server_time_per_output_token_seconds',
            'gen_ai_request_model',
          ),
        },
      },
      {
        title: 'Duration by model, p95',
        about: 'From the sending to the end of the answer, waiting in line and further tries included.',
        unit: 's',
        queries: {
          '{{gen_ai_request_model}}': quantile(
            0.95,
            'gen_ai_client_operation_duration_seconds',
            'gen_ai_request_model',
          ),
        },
      },
      {
        title: 'Tokens',
        about: 'Tokens a second by backend and type.',
        unit: 'short',
        queries: { '{{backend}} {{type}}': `sum by (backend, type) (${rate('gateway_tokens_total')})` },
        stacked: true,
      },
      {
        title: 'Translated with loss',
        about: 'Requests of which something had no place in the backend’s dialect; the log says what.',
        unit: 'reqps',
        queries: { '{{backend}}': `sum by (backend) (${rate('gateway_lossy_translations_total')})` },
      },
    ],
  },
  {
    file: 'quota.json',
    title: 'LLM gateway: quota and tiers',
    panels: [
      {
        title: 'Quota store',
        about: '1 while every replica reaches it.',
        unit: 'short',
        queries: { up: `min(gateway_quota_store_up{${JOB}})` },
        figure: true,
      },
      {
        title: 'Unsettled',
        about: 'Requests that wait to be settled in the store.',
        unit: 'short',
        queries: { waiting: `sum(gateway_quota_unsettled_requests{${JOB}})` },
        figure: true,
      },
      {
        title: 'Given back',
        about: 'Share of the admitted requests whose quota was given back because no answer came of them.',
        unit: 'percentunit',
        queries: {
          refunded: `(sum(${rate('gateway_quota_settled_total', 'outcome="refunded"')}) or vector(0)) / sum(${rate('gateway_quota_settled_total')})`,
        },
        figure: true,
      },
      {
        title: 'Age of identity keys',
        about:
          'Since the keys that tokens are checked with were last fetched; nothing with static keys alone.',
        unit: 's',
        queries: { oldest: `max(gateway_identity_keys_age_seconds{${JOB}}) or vector(0)` },
        figure: true,
      },
      {
        title: 'Steps of the quota store, p99',
        about: 'A request waits for "reserve" alone. After 90 ms without an answer the store counts as away.',
        unit: 's',
        queries: {
          '{{operation}}': `histogram_quantile(0.99, sum by (le, operation) (${rate('gateway_quota_store_duration_seconds_bucket', 'operation=~"reserve|commit"')}))`,
        },
      },
      {
        title: 'Failed steps of the quota store',
        about: 'By operation. What fails is settled later.',
        unit: 'reqps',
        queries: {
          '{{operation}}': `sum by (operation) (${rate('gateway_quota_store_duration_seconds_count', 'outcome="failed"')})`,
        },
        stacked: true,
      },
      {
        title: 'Settled',
        about: 'Requests that held quota: charged, or given back.',
        unit: 'reqps',
        queries: { '{{outcome}}': `sum by (outcome) (${rate('gateway_quota_settled_total')})` },
        stacked: true,
      },
      {
        title: 'Refused: quota used up',
        about: 'By tier. A tier that is always refused is too small for its people.',
        unit: 'reqps',
        queries: { '{{tier}}': `sum by (tier) (${rate('gateway_quota_refusals_total')})` },
        stacked: true,
      },
      {
        title: 'While the store was away',
        about: 'What became of requests of users with a limit.',
        unit: 'reqps',
        queries: { '{{outcome}}': `sum by (outcome) (${rate('gateway_quota_outage_requests_total')})` },
        stacked: true,
      },
      {
        title: 'Tokens by tier',
        about: 'Tokens a second by tier and type.',
        unit: 'short',
        queries: { '{{tier}} {{type}}': `sum by (tier, type) (${rate('gateway_tokens_total')})` },
        stacked: true,
      },
      {
        title: 'Asked and served',
        about: 'Routing decisions: the model asked for and the one that served.',
        unit: 'reqps',
        queries: {
          '{{from}} → {{to}}': `topk(15, sum by (from, to) (${rate('gateway_model_routes_total')}))`,
        },
      },
      {
        title: 'Heaviest users of the window',
        about: 'Charged requests by a hash of the user; the console names people.',
        unit: 'short',
        queries: { '{{user}}': `topk(15, max by (user) (gateway_quota_used{${JOB}}))` },
      },
    ],
  },
];

const PROMETHEUS = { type: 'prometheus', uid: '$' + '{source}' };

function toPanel({ title, about, unit, queries, figure, stacked }: Panel, at: number) {
  const width = figure === true ? 6 : 12;
  const options =
    figure === true ? { reduceOptions: { calcs: ['lastNotNull'] } } : { legend: { showLegend: true } };
  const custom = stacked === true ? { stacking: { mode: 'normal' }, fillOpacity: 20 } : {};
  return {
    id: at + 1,
    title,
    description: about,
    type: figure === true ? 'stat' : 'timeseries',
    datasource: PROMETHEUS,
    gridPos: { w: width, h: figure === true ? 4 : 8, x: 0, y: 0 },
    fieldConfig: { defaults: { unit, min: 0, custom }, overrides: [] },
    options,
    targets: Object.entries(queries).map(([legendFormat, expr], index) => ({
      refId: String.fromCharCode(65 + index),
      datasource: PROMETHEUS,
      expr,
      legendFormat,
    })),
  };
}

/** Left to right, in rows of 24 units. */
function arrange<T extends { gridPos: { w: number; h: number; x: number; y: number } }>(
  panels: readonly T[],
): T[] {
  let x = 0;
  let y = 0;
  let height = 0;
  return panels.map((panel) => {
    const { w, h } = panel.gridPos;
    if (x + w > 24 || (height !== 0 && h !== height)) {
      y += height;
      x = 0;
    }
    height = h;
    const placed = { ...panel, gridPos: { w, h, x, y } };
    x += w;
    return placed;
  });
}

/** One dashboard as Grafana imports it. */
export function toGrafana({ file, title, panels }: Dashboard) {
  return {
    uid: `llm-gateway-${file.replace('.json', '')}`,
    title,
    tags: ['llm-gateway'],
    schemaVersion: 39,
    timezone: 'browser',
    refresh: '30s',
    time: { from: 'now-6h', to: 'now' },
    templating: {
      list: [
        { name: 'source', label: 'Data source', type: 'datasource', query: 'prometheus' },
        {
          name: 'job',
          label: 'Job',
          type: 'query',
          datasource: PROMETHEUS,
          query: 'label_values(gateway_requests_in_flight, job)',
          includeAll: true,
          allValue: '.*',
          multi: true,
          refresh: 2,
        },
      ],
    },
    panels: arrange(panels.map(toPanel)),
  };
}

/** The text of a dashboard's file. */
export const toText = (dashboard: Dashboard) => `${JSON.stringify(toGrafana(dashboard), null, 2)}\n`;

if (import.meta.main) {
  for (const dashboard of DASHBOARDS)
    writeFileSync(join(import.meta.dirname, dashboard.file), toText(dashboard));
}
