import type { BackendLine, Line, Summary } from './summarize.ts';

/** A replica as it answered: its address, and what was wrong with it. */
export interface Reached {
  readonly url: string;
  readonly problem: string | null;
}

/** The whole view as text, at most `width` columns wide. */
export function render(summary: Summary, reached: readonly Reached[], width: number): string {
  const { inFlight, perSecond, refusedPerSecond, quotaStoreUp, unsettled } = summary;
  const store = quotaStoreUp === null ? 'unknown' : quotaStoreUp ? 'ok' : 'DEGRADED';
  const lines = [
    `llm-gateway  ${reached.filter(({ problem }) => problem === null).length} of ${reached.length} replicas answer`,
    ...reached.flatMap(({ url, problem }) => (problem === null ? [] : [`  ${url}: ${problem}`])),
    '',
    `requests     ${inFlight} in flight, ${figure(perSecond)}/s, ${figure(refusedPerSecond)}/s refused by quota`,
    `quota store  ${store}${unsettled > 0 ? `, ${unsettled} requests to settle` : ''}`,
    '',
    ...table(
      ['TIER', 'REQ/S', 'FAILED', 'P50', 'P95'],
      summary.tiers.map((line) => [line.name, ...figuresOf(line)]),
    ),
    '',
    ...table(
      ['BACKEND', 'REQ/S', 'FAILED', 'P50', 'P95', 'OPEN', 'WAITING', 'REPLICAS'],
      summary.backends.map((line) => [line.name, ...figuresOf(line), ...loadOf(line)]),
    ),
    '',
    'P50, P95: tiers by whole answers, backends by first content',
  ];
  return lines.map((line) => line.slice(0, width).trimEnd()).join('\n');
}

function figuresOf({ perSecond, failedShare, p50, p95 }: Line): readonly string[] {
  const failed = failedShare === null ? '-' : `${(failedShare * 100).toFixed(1)} %`;
  return [figure(perSecond), failed, seconds(p50), seconds(p95)];
}

function loadOf({ inFlight, waiting, replicasUp, replicas }: BackendLine): readonly string[] {
  return [`${inFlight}`, `${waiting}`, `${replicasUp}/${replicas}${replicasUp < replicas ? ' DOWN' : ''}`];
}

const figure = (value: number) => (value === 0 ? '0' : value < 10 ? value.toFixed(1) : value.toFixed(0));

function seconds(value: number | null): string {
  if (value === null) return '-';
  return value < 1 ? `${Math.round(value * 1000)} ms` : `${value.toFixed(1)} s`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const toLine = (cells: readonly string[]) =>
    cells
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ');
  return [head, ...(rows.length === 0 ? [['(none yet)']] : rows)].map(toLine);
}
