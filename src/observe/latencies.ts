/** How long each backend took lately, for people who look now; what it took over months, the metrics say. */

export interface Latencies {
  /** One more answer. Milliseconds. */
  note(backend: string, firstContentMs: number | null, durationMs: number): void;
  /** Null where the backend has not answered yet. */
  of(backend: string): Latency | null;
}

/** Of the latest {@link KEPT} answers, milliseconds. */
export interface Latency {
  readonly answers: number;
  readonly firstContent: Quantiles | null;
  readonly whole: Quantiles;
}

export interface Quantiles {
  readonly p50: number;
  readonly p95: number;
}

/** Answers of one backend that are remembered. */
export const KEPT = 200;

interface Ring {
  /** Those without any content are not in it. */
  readonly firstContents: number[];
  readonly durations: number[];
  next: number;
}

/** Outlives reloads. */
export function createLatencies(): Latencies {
  const rings = new Map<string, Ring>();
  return {
    note(backend, firstContentMs, durationMs) {
      let ring = rings.get(backend);
      if (ring === undefined) {
        ring = { firstContents: [], durations: [], next: 0 };
        rings.set(backend, ring);
      }
      ring.firstContents[ring.next] = firstContentMs ?? Number.NaN;
      ring.durations[ring.next] = durationMs;
      ring.next = (ring.next + 1) % KEPT;
    },
    of(backend) {
      const ring = rings.get(backend);
      const whole = ring === undefined ? null : quantilesOf(ring.durations);
      if (ring === undefined || whole === null) return null;
      const answered = ring.firstContents.filter((ms) => !Number.isNaN(ms));
      return { answers: ring.durations.length, firstContent: quantilesOf(answered), whole };
    },
  };
}

/** Of the nearest rank; null where there is nothing to rank. */
function quantilesOf(values: readonly number[]): Quantiles | null {
  const sorted = values.toSorted((one, other) => one - other);
  const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1];
  const [p50, p95] = [at(0.5), at(0.95)];
  return p50 === undefined || p95 === undefined ? null : { p50, p95 };
}
