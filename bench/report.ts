/** From measured rounds to the printed table. */
import type { Workload } from './workloads.ts';
import { STREAM_EVENTS } from './workloads.ts';

/** One contender, one workload, one round. */
export interface Sample {
  readonly contender: string;
  readonly workload: string;
  readonly round: number;
  /** CPU of the contender's processes per request, or per event of a stream. Microseconds. */
  readonly cpu: number;
  readonly requestsPerSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** What one CPU figure is divided by. */
export function unitsOf(workload: Workload): number {
  return workload.requests * (workload.stream ? STREAM_EVENTS : 1);
}

const digits = (value: number) => (value < 10 ? value.toFixed(1) : value.toFixed(0));

/**
 * A line per workload and a column per contender: median microseconds of CPU, and their multiple of `bare` in the same
 * run.
 */
export function table(
  workloads: readonly Workload[],
  contenders: readonly string[],
  samples: readonly Sample[],
): string {
  const cpu = (contender: string, workload: string) =>
    median(
      samples.filter((one) => one.contender === contender && one.workload === workload).map((one) => one.cpu),
    );
  const header = ['µs of CPU each (× bare)', ...contenders];
  const rows = workloads.map(({ name }) => [
    name,
    ...contenders.map((contender) => {
      const value = cpu(contender, name);
      return Number.isNaN(value) ? '-' : `${digits(value)} (${(value / cpu('bare', name)).toFixed(2)})`;
    }),
  ]);
  return align([header, ...rows]);
}

/** Latency as clients saw it, where the contender was as busy as the load generator could make it. */
export function latencyTable(
  workloads: readonly Workload[],
  contenders: readonly string[],
  samples: readonly Sample[],
): string {
  const rows = workloads.map(({ name }) => [
    name,
    ...contenders.map((contender) => {
      const own = samples.filter((one) => one.contender === contender && one.workload === name);
      if (own.length === 0) return '-';
      const [p50, p99] = [median(own.map((one) => one.p50)), median(own.map((one) => one.p99))];
      return `${p50.toFixed(1)} / ${p99.toFixed(1)}`;
    }),
  ]);
  return align([['ms, p50 / p99, saturated', ...contenders], ...rows]);
}

function align(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) => (column === 0 ? cell.padEnd : cell.padStart).call(cell, widths[column] ?? 0))
        .join('  '),
    )
    .join('\n');
}
