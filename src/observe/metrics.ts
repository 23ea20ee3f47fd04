/**
 * Prometheus metrics. Labels are bounded by construction: tiers and backends come from the configuration, users are
 * hashes of a limited number, model names beyond a limit become `other`.
 */
import type { Counter } from 'prom-client';
import Registry from 'prom-client/lib/registry.js';
import type { Dialect, Usage } from '../types.ts';
import { createGenAiMeters } from './gen-ai.ts';
import { createMeters } from './meters.ts';
import { countProcess } from './process-metrics.ts';
import { createReadings, type Sources } from './readings.ts';

/** Most users with a series of their own in `gateway_quota_used`; the others are summed as `other`. */
export const MAX_USER_SERIES = 1000;
/** Most different asked model names in `gateway_model_routes_total`; further ones count as `other`. */
export const MAX_MODEL_SERIES = 200;

/** One finished request, in the words of the labels. Times are seconds. */
export interface RequestFacts {
  readonly tier: string;
  readonly dialect: Dialect;
  readonly status: number;
  readonly ending: string;
  readonly backend: string;
  readonly durationSeconds: number;
  /** Time until the first content was there; null when none came. */
  readonly firstContentSeconds: number | null;
  readonly usage: Usage | null;
  /** What became of the quota that it held; null where it held none. */
  readonly settled: 'charged' | 'refunded' | null;
  /** What was asked of whom; null where no backend was. */
  readonly called: Called | null;
  /** Code of what went wrong. */
  readonly errorType: string | null;
  /** Whether the answer came piece by piece. */
  readonly streamed: boolean;
  /** Its trace, where one is recorded. */
  readonly traceId: string | null;
}

export interface Called {
  readonly provider: string;
  readonly model: string;
  /** From the sending to the end. */
  readonly durationSeconds: number;
}

/** How a reload of the configuration ended. */
export type ReloadOutcome = 'applied' | 'unchanged' | 'rejected';

/** A metric, for people. */
export interface Described {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly labels: readonly string[];
}

export interface Metrics {
  requestStarted(): void;
  requestEnded(facts: RequestFacts): void;
  /** One routing decision. */
  routed(from: string, to: string): void;
  /** A user's standing as last seen. `subject` is a hash already. */
  quotaUsed(subject: string, used: number, resetsAt: number): void;
  quotaRefused(tier: string): void;
  /** A request that would have been refused, were limits not only tried. */
  quotaWouldRefuse(tier: string): void;
  /** What became of a request of a user with a limit while the quota store was away. */
  quotaOutage(outcome: 'granted' | 'allowed' | 'denied'): void;
  /** One step of the quota store. */
  quotaStep(operation: string, outcome: 'ok' | 'failed', seconds: number): void;
  /** One step of the store of keys, sessions and other small records. */
  recordsStep(operation: string, outcome: 'ok' | 'failed', seconds: number): void;
  /** What became of usage events on their way to the metering system. */
  usageDelivered(outcome: 'sent' | 'failed' | 'dropped', events: number): void;
  /** What became of spans on their way to the collector. */
  spansDelivered(outcome: 'sent' | 'failed', spans: number): void;
  backendFailed(backend: string, code: string): void;
  /** A request that lost something on its way into a backend's dialect; what it was, the log says. */
  translatedWithLoss(backend: string): void;
  /** A request that came to no endpoint that counts its own, or could not even be read. */
  refused(code: string): void;
  /** The configuration was loaded again. */
  reloaded(outcome: ReloadOutcome): void;
  /** What is looked up at each scrape is looked up here from now on. */
  watch(sources: Partial<Sources>): void;
  /** Every metric there is, by name. */
  describe(): readonly Described[];
  /** The text of `GET /metrics` and its content type. */
  render(): Promise<{ readonly contentType: string; readonly text: string }>;
}

export interface MetricsOptions {
  /** Milliseconds since the epoch; standings of windows that have ended are dropped by it. */
  readonly clock: () => number;
  /** The release that runs. */
  readonly version?: string | undefined;
  /** Buckets name traces, so the text is OpenMetrics; else it is Prometheus' own format. Default: false. */
  readonly exemplars?: boolean | undefined;
}

/** prom-client's types take a registry's format for a part of its type, which helps nobody here. */
const OPEN_METRICS = Registry.OPENMETRICS_CONTENT_TYPE as unknown as typeof Registry.PROMETHEUS_CONTENT_TYPE;

/** Makes the metrics of one gateway. */
export function createMetrics({ clock, version, exemplars = false }: MetricsOptions): Metrics {
  // prom-client renames counters for good when it writes OpenMetrics, so a process speaks one format only.
  const registry = new Registry();
  if (exemplars) registry.setContentType(OPEN_METRICS);
  countProcess(registry);
  const meters = createMeters(registry, exemplars);
  const genAi = createGenAiMeters(registry, exemplars);
  const readings = createReadings(registry, { clock, mostUsers: MAX_USER_SERIES });
  const askedModel = createNames(MAX_MODEL_SERIES);
  const servedModel = createNames(MAX_MODEL_SERIES);
  if (version !== undefined) meters.build.set({ version }, 1);

  function ended(facts: RequestFacts): void {
    const { tier, dialect, backend, firstContentSeconds, usage, settled, called, traceId } = facts;
    meters.inFlight.dec();
    meters.requests.inc({ tier, dialect, backend, status: String(facts.status), ending: facts.ending });
    meters.duration.observe({ tier, dialect, backend }, facts.durationSeconds, traceId);
    if (firstContentSeconds !== null)
      meters.firstContent.observe({ tier, backend }, firstContentSeconds, traceId);
    if (usage !== null) countTokens(meters.tokens, tier, backend, usage);
    if (settled !== null) meters.settlements.inc({ tier, outcome: settled });
    if (called === null) return;
    genAi.ended({
      provider: called.provider,
      model: servedModel(called.model),
      duration: facts.durationSeconds,
      callDuration: called.durationSeconds,
      firstContent: firstContentSeconds,
      usage,
      errorType: facts.errorType,
      streamed: facts.streamed,
      traceId,
    });
  }

  return {
    requestStarted: () => meters.inFlight.inc(),
    requestEnded: ended,
    routed: (from, to) => meters.routes.inc({ from: askedModel(from), to: servedModel(to) }),
    quotaUsed: readings.users.set,
    quotaRefused: (tier) => meters.refusals.inc({ tier }),
    quotaWouldRefuse: (tier) => meters.shadowRefusals.inc({ tier }),
    quotaOutage: (outcome) => meters.outages.inc({ outcome }),
    quotaStep: (operation, outcome, seconds) => meters.storeSteps.observe({ operation, outcome }, seconds),
    recordsStep: (operation, outcome, seconds) => meters.recordSteps.observe({ operation, outcome }, seconds),
    usageDelivered: (outcome, events) => meters.usageEvents.inc({ outcome }, events),
    spansDelivered: (outcome, spans) => meters.spans.inc({ outcome }, spans),
    backendFailed: (backend, code) => meters.backendFailures.inc({ backend, code }),
    translatedWithLoss: (backend) => meters.losses.inc({ backend }),
    refused: (code) => meters.refused.inc({ code }),
    reloaded(outcome) {
      meters.reloads.inc({ outcome });
      meters.lastReload.set(clock() / 1000);
    },
    watch: readings.watch,
    describe: () => describeAll(registry),
    render: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
}

/** Lets so many different names through; further ones are `other`. */
function createNames(most: number): (name: string) => string {
  const known = new Set<string>();
  return (name) => {
    if (known.has(name)) return name;
    if (known.size >= most) return 'other';
    known.add(name);
    return name;
  };
}

function countTokens(counter: Counter, tier: string, backend: string, usage: Usage): void {
  counter.inc({ tier, backend, type: 'input' }, usage.inputTokens);
  counter.inc({ tier, backend, type: 'output' }, usage.outputTokens);
  counter.inc({ tier, backend, type: 'cache_read' }, usage.cacheReadTokens);
  counter.inc({ tier, backend, type: 'cache_write' }, usage.cacheWriteTokens);
}

/** prom-client's types leave out what its metrics are made of. */
interface Registered {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly labelNames: readonly string[];
}

function describeAll(registry: Registry): readonly Described[] {
  const all = registry.getMetricsAsArray() as unknown as readonly Registered[];
  return all
    .map(({ name, help, type, labelNames }) => ({ name, help, type, labels: labelNames }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
