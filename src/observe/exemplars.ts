/** Buckets that name a request which fell into them, so that a slow spot of a dashboard leads to its trace. */
import type { Histogram } from 'prom-client';

/** Nothing, or `trace_id`: the name that Grafana looks for. */
export type ExemplarLabels = { readonly trace_id?: string };

export type Observe = (
  histogram: Histogram,
  labels: Readonly<Record<string, string>>,
  value: number,
  exemplar: ExemplarLabels,
) => void;

/** prom-client takes values in another way where histograms have exemplars. */
export const toObserve = (enableExemplars: boolean): Observe =>
  enableExemplars
    ? (histogram, labels, value, exemplar) =>
        histogram.observe({ labels, value, exemplarLabels: { ...exemplar } })
    : (histogram, labels, value) => histogram.observe(labels, value);

export const exemplarOf = (traceId: string | null): ExemplarLabels =>
  traceId === null ? {} : { trace_id: traceId };
