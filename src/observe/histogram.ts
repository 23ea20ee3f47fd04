/**
 * A histogram in prom-client's registry that is quicker to fill: prom-client's own checks and writes out the labels at
 * every value and finds the bucket by its bound made text, and each request is a dozen values.
 */
import type { Registry } from 'prom-client';

export interface HistogramOptions {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  /** Upper bounds, ascending. */
  readonly buckets: readonly number[];
  readonly registers: readonly Registry[];
  /** Buckets may name the trace of a request in them; OpenMetrics alone can say that. */
  readonly enableExemplars?: boolean;
}

type Labels = Readonly<Record<string, string>>;

export interface Histogram {
  /** @param trace of the request that the value is of; its bucket names it, so that a slow spot leads to a trace */
  observe(labels: Labels, value: number, trace?: string | null): void;
}

interface Exemplar {
  /** The name is what Grafana looks for. */
  readonly labelSet: { readonly trace_id: string };
  readonly value: number;
  /** Seconds since the epoch. */
  readonly timestamp: number;
}

/** The values of one set of labels. */
interface Series {
  readonly labels: Labels;
  /** Values by bucket, the last one without a bound. */
  readonly counts: number[];
  readonly exemplars: (Exemplar | undefined)[];
  sum: number;
}

/** Makes a histogram and registers it. */
export function createHistogram(options: HistogramOptions): Histogram {
  const { labelNames, buckets, registers, enableExemplars = false } = options;
  const known = new Map<string, Series>();

  const seriesOf = (labels: Labels): Series => {
    let key = '';
    for (const name of labelNames) key += `${labels[name] ?? ''}\n`;
    const found = known.get(key);
    if (found !== undefined) return found;
    const counts = new Array<number>(buckets.length + 1).fill(0);
    const made = { labels, counts, exemplars: [], sum: 0 };
    known.set(key, made);
    return made;
  };

  const metric = {
    ...options,
    type: 'histogram',
    get: async () => ({ ...metric, values: [...known.values()].flatMap((one) => toSamples(options, one)) }),
  };
  // prom-client's types take none but its own metrics; its registry takes whatever can be read like one.
  for (const registry of registers) registry.registerMetric(metric as never);

  return {
    observe(labels, value, trace = null) {
      const series = seriesOf(labels);
      let at = 0;
      while (at < buckets.length && value > (buckets[at] ?? 0)) at++;
      series.counts[at] = (series.counts[at] ?? 0) + 1;
      series.sum += value;
      if (enableExemplars && trace !== null)
        series.exemplars[at] = { labelSet: { trace_id: trace }, value, timestamp: Date.now() / 1000 };
    },
  };
}

/** The lines of one series, in the order and the words of prom-client. */
function toSamples(
  { name, buckets }: HistogramOptions,
  { labels, counts, exemplars, sum }: Series,
): readonly object[] {
  let count = 0;
  const filled = counts.map((values, at) => {
    count += values;
    const le = buckets[at] ?? '+Inf';
    return {
      labels: { le },
      sharedLabels: labels,
      value: count,
      metricName: `${name}_bucket`,
      exemplar: exemplars[at],
    };
  });
  return [
    ...filled,
    { labels: {}, sharedLabels: labels, value: sum, metricName: `${name}_sum` },
    { labels: {}, sharedLabels: labels, value: count, metricName: `${name}_count` },
  ];
}
