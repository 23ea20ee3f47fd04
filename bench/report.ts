/** From measured rounds to the printed tables. */
import type { Workload } from './workloads.ts';

/** One contender, one workload, one round. */
export interface Sample {
  readonly contender: string;
  readonly workload: string;
  readonly round: number;
  readonly requests: number;
  /** Requests a second that were sent; null: as fast as they were answered. */
  readonly rate: number | null;
  /** CPU of the contender's processes per request, or per event of a stream. Microseconds. */
  readonly cpu: number;
  readonly requestsPerSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

/** What a contender could not do. */
export interface Failure {
  readonly contender: string;
  readonly workload: string;
  readonly reason: string;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** What one CPU figure is divided by. */
export function unitsOf(workload: Workload): number {
  return workload.requests * (workload.stream?.events ?? 1);
}

const digits = (value: number) => (value < 10 ? value.toFixed(1) : value.toFixed(0));

const medianOf = (
  samples: readonly Sample[],
  contender: string,
  workload: string,
  field: 'cpu' | 'p50' | 'p99',
) =>
  median(
    samples
      .filter((one) => one.contender === contender && one.workload === workload)
      .map((one) => one[field]),
  );

type Cell = (contender: string, workload: string) => string | null;

function grid(
  title: string,
  workloads: readonly string[],
  contenders: readonly string[],
  cell: Cell,
): string {
  const rows = workloads.map((workload) => [
    workload,
    ...contenders.map((contender) => cell(contender, workload) ?? '-'),
  ]);
  return align([[title, ...contenders], ...rows]);
}

/** Median microseconds of CPU, and their multiple of `bare` in the same run. */
export function cpuTable(
  workloads: readonly string[],
  contenders: readonly string[],
  samples: readonly Sample[],
): string {
  return grid('µs of CPU each (× bare)', workloads, contenders, (contender, workload) => {
    const value = medianOf(samples, contender, workload, 'cpu');
    if (Number.isNaN(value)) return null;
    return `${digits(value)} (${(value / medianOf(samples, 'bare', workload, 'cpu')).toFixed(2)})`;
  });
}

/** What each further kilobyte of a body costs, from the smallest body to the largest. */
export function slopeTable(contenders: readonly string[], samples: readonly Sample[]): string {
  return grid('µs of CPU per further kB', ['of 1 kB to 1 MB'], contenders, (contender) => {
    const [small, large] = ['1 kB', '1 MB'].map((workload) => medianOf(samples, contender, workload, 'cpu'));
    const slope = ((large ?? Number.NaN) - (small ?? Number.NaN)) / 999;
    return Number.isNaN(slope) ? null : slope.toFixed(2);
  });
}

/** Latency at one rate for all, and in brackets what is added to `bare`'s. */
export function latencyTable(
  workloads: readonly string[],
  contenders: readonly string[],
  samples: readonly Sample[],
): string {
  return grid('ms, p50 / p99 (added)', workloads, contenders, (contender, workload) => {
    const [p50, p99] = [
      medianOf(samples, contender, workload, 'p50'),
      medianOf(samples, contender, workload, 'p99'),
    ];
    if (Number.isNaN(p50)) return null;
    const added = [
      p50 - medianOf(samples, 'bare', workload, 'p50'),
      p99 - medianOf(samples, 'bare', workload, 'p99'),
    ];
    return `${p50.toFixed(1)} / ${p99.toFixed(1)} (${added.map((one) => one.toFixed(1)).join(' / ')})`;
  });
}

/** What a process needs: a row a figure. `null` where it was not measured. */
export interface Footprint {
  readonly contender: string;
  readonly readyMs: number | null;
  /** Megabytes. */
  readonly idle: number;
  readonly peak: number;
  /** Of each of a thousand open streams. Kilobytes. */
  readonly openStream: number | null;
}

export function footprintTable(footprints: readonly Footprint[]): string {
  const figures: readonly (readonly [string, (one: Footprint) => number | null])[] = [
    ['ms from start to ready', (one) => one.readyMs],
    ['MB at rest', (one) => one.idle],
    ['MB at the most', (one) => one.peak],
    ['kB per open stream, of 1,000', (one) => one.openStream],
  ];
  const rows = figures.map(([name, of]) => [name, ...footprints.map((one) => of(one)?.toFixed(0) ?? '-')]);
  return align([['what it needs', ...footprints.map((one) => one.contender)], ...rows]);
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
