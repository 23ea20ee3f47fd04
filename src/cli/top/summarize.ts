import type { Series } from './read-metrics.ts';

/** What one look at all replicas showed. */
export interface Look {
  /** Milliseconds, monotonic. */
  readonly at: number;
  readonly series: readonly Series[];
}

/** One line of a table: rates are per second, times in seconds; `null` where nothing happened. */
export interface Line {
  readonly name: string;
  readonly perSecond: number;
  readonly failedShare: number | null;
  readonly p50: number | null;
  readonly p95: number | null;
}

export interface BackendLine extends Line {
  readonly inFlight: number;
  readonly waiting: number;
  readonly replicasUp: number;
  readonly replicas: number;
}

export interface Summary {
  readonly inFlight: number;
  readonly perSecond: number;
  readonly refusedPerSecond: number;
  readonly tiers: readonly Line[];
  readonly backends: readonly BackendLine[];
  readonly quotaStoreUp: boolean | null;
  readonly unsettled: number;
}

type Labels = Readonly<Record<string, string>>;

/** What happened between two looks. Series of several replicas are added up. */
export function summarize(before: Look, after: Look): Summary {
  const seconds = Math.max((after.at - before.at) / 1000, 0.001);
  const now = (name: string, labels: Labels = {}) => total(after.series, name, labels);
  const rate = (name: string, labels: Labels = {}) =>
    Math.max(0, now(name, labels) - total(before.series, name, labels)) / seconds;

  const line = (label: 'tier' | 'backend', name: string, times: string): Line => {
    const labels = { [label]: name };
    const perSecond = rate('gateway_requests_total', labels);
    const failed = rate('gateway_requests_total', { ...labels, ending: 'backend-failed' });
    return {
      name,
      perSecond,
      failedShare: perSecond === 0 ? null : failed / perSecond,
      p50: quantile(0.5, times, labels, before, after),
      p95: quantile(0.95, times, labels, before, after),
    };
  };

  const backends = namesOf(after.series, 'backend').map((name): BackendLine => {
    const replicas = after.series.filter(
      (one) => one.name === 'gateway_backend_replica_up' && one.labels.backend === name,
    );
    return {
      ...line('backend', name, 'gateway_time_to_first_content_seconds'),
      inFlight: now('gateway_backend_requests_in_flight', { backend: name }),
      waiting: now('gateway_backend_requests_waiting', { backend: name }),
      replicasUp: replicas.filter(({ value }) => value === 1).length,
      replicas: replicas.length,
    };
  });
  const stores = after.series.filter(({ name }) => name === 'gateway_quota_store_up');
  return {
    inFlight: now('gateway_requests_in_flight'),
    perSecond: rate('gateway_requests_total'),
    refusedPerSecond: rate('gateway_quota_refusals_total'),
    tiers: namesOf(after.series, 'tier').map((name) =>
      line('tier', name, 'gateway_request_duration_seconds'),
    ),
    backends,
    quotaStoreUp: stores.length === 0 ? null : stores.every(({ value }) => value === 1),
    unsettled: now('gateway_quota_unsettled_requests'),
  };
}

const matches = (labels: Labels, wanted: Labels) =>
  Object.entries(wanted).every(([label, value]) => labels[label] === value);

function total(series: readonly Series[], name: string, wanted: Labels): number {
  return series.reduce(
    (sum, one) => (one.name === name && matches(one.labels, wanted) ? sum + one.value : sum),
    0,
  );
}

function namesOf(series: readonly Series[], label: 'tier' | 'backend'): readonly string[] {
  const names = series.flatMap(({ name, labels }) =>
    name.startsWith('gateway_') ? (labels[label] ?? []) : [],
  );
  return [...new Set(names)].filter((name) => name !== '').sort();
}

/** Interpolated within its bucket, as Prometheus' `histogram_quantile` does. */
function quantile(share: number, name: string, labels: Labels, before: Look, after: Look): number | null {
  const bounds = after.series
    .filter((one) => one.name === `${name}_bucket` && matches(one.labels, labels))
    .map(({ labels: { le = '' } }) => le);
  const buckets = [...new Set(bounds)]
    .map((le) => {
      const wanted = { ...labels, le };
      const count =
        total(after.series, `${name}_bucket`, wanted) - total(before.series, `${name}_bucket`, wanted);
      return { bound: le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le), count };
    })
    .sort((one, other) => one.bound - other.bound);
  const all = buckets.at(-1)?.count ?? 0;
  if (all <= 0) return null;
  const rank = share * all;
  const index = buckets.findIndex(({ count }) => count >= rank);
  const { bound, count } = buckets[index] ?? { bound: 0, count: 0 };
  const below = buckets[index - 1] ?? { bound: 0, count: 0 };
  if (bound === Number.POSITIVE_INFINITY) return below.bound;
  return below.bound + ((bound - below.bound) * (rank - below.count)) / Math.max(count - below.count, 1e-9);
}
