/**
 * Prometheus metrics. Labels are bounded by construction: tiers and backends come from the configuration, users are
 * hashes of a limited number, model names beyond a limit become `other`.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Dialect, Usage } from '../types.ts';

/** Most users with a series of their own in `gateway_quota_used`; the others are summed as `other`. */
export const MAX_USER_SERIES = 1000;
/** Most different asked model names in `gateway_model_routes_total`; further ones count as `other`. */
export const MAX_MODEL_SERIES = 200;

const DURATION_BUCKETS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];

/** One finished request, in the words of the labels. */
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
}

/** How a reload of the configuration ended. */
export type ReloadOutcome = 'applied' | 'unchanged' | 'rejected';

/** The state of each part that the gateway depends on, by its name: `quota`, `identity`, `backend:<name>` … */
export type ReadDependencies = () => Readonly<Record<string, 'ok' | 'degraded'>>;

/** What is shown of each backend, by its name. */
export type ReadTraffic = () => Readonly<
  Record<
    string,
    {
      readonly replicas: readonly { readonly state: string; readonly in_flight: number }[];
      readonly waiting: number;
    }
  >
>;

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
  /** What became of usage events on their way to the metering system. */
  usageDelivered(outcome: 'sent' | 'failed' | 'dropped', events: number): void;
  /** Where the state of the quota store is read whenever the metrics are. */
  watchQuota(health: () => { readonly state: 'ok' | 'degraded'; readonly waiting: number }): void;
  backendFailed(backend: string, code: string): void;
  /** How the backends' replicas fare is read here from now on, at each scrape. */
  watchTraffic(read: ReadTraffic): void;
  /** The states that `/health` tells are read here from now on, at each scrape. */
  watchDependencies(read: ReadDependencies): void;
  /** A request that lost something on its way into a backend's dialect; what it was, the log says. */
  translatedWithLoss(backend: string): void;
  /** A request that came to no endpoint that counts its own, or could not even be read. */
  refused(code: string): void;
  /** The configuration was loaded again. */
  reloaded(outcome: ReloadOutcome): void;
  /** The text of `GET /metrics` and its content type. */
  render(): Promise<{ readonly contentType: string; readonly text: string }>;
}

/**
 * Makes the metrics of one gateway.
 *
 * @param clock milliseconds since the epoch; standings of windows that have ended are dropped by it
 */
export function createMetrics(clock: () => number): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const meters = createMeters(registry);
  const users = createUserSeries(registry, clock);
  const traffic = createTrafficSeries(registry);
  const dependencies = createDependencySeries(registry);
  const models = new Set<string>();

  const modelLabel = (name: string): string => {
    if (models.has(name)) return name;
    if (models.size >= MAX_MODEL_SERIES) return 'other';
    models.add(name);
    return name;
  };

  return {
    requestStarted: () => meters.inFlight.inc(),
    requestEnded(facts) {
      meters.inFlight.dec();
      const { tier, dialect, backend } = facts;
      meters.requests.inc({ tier, dialect, backend, status: String(facts.status), ending: facts.ending });
      meters.duration.observe({ tier, dialect, backend }, facts.durationSeconds);
      if (facts.firstContentSeconds !== null)
        meters.firstContent.observe({ backend }, facts.firstContentSeconds);
      if (facts.usage !== null) countTokens(meters.tokens, tier, backend, facts.usage);
    },
    routed: (from, to) => meters.routes.inc({ from: modelLabel(from), to: modelLabel(to) }),
    quotaUsed: users.set,
    quotaRefused: (tier) => meters.refusals.inc({ tier }),
    quotaWouldRefuse: (tier) => meters.shadowRefusals.inc({ tier }),
    quotaOutage: (outcome) => meters.outages.inc({ outcome }),
    usageDelivered: (outcome, events) => meters.usageEvents.inc({ outcome }, events),
    watchQuota: (health) => watchQuota(registry, health),
    watchTraffic: traffic.watch,
    watchDependencies: dependencies.watch,
    backendFailed: (backend, code) => meters.backendFailures.inc({ backend, code }),
    translatedWithLoss: (backend) => meters.losses.inc({ backend }),
    refused: (code) => meters.refused.inc({ code }),
    reloaded(outcome) {
      meters.reloads.inc({ outcome });
      meters.lastReload.set(clock() / 1000);
    },
    render: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
}

function createMeters(registry: Registry) {
  const registers = [registry];
  return {
    inFlight: new Gauge({
      name: 'gateway_requests_in_flight',
      help: 'Inference requests being answered now.',
      registers,
    }),
    requests: new Counter({
      name: 'gateway_requests_total',
      help: 'Inference requests by tier, dialect, backend, HTTP status and how they ended.',
      labelNames: ['tier', 'dialect', 'backend', 'status', 'ending'],
      registers,
    }),
    duration: new Histogram({
      name: 'gateway_request_duration_seconds',
      help: 'Time from the request to the end of its answer.',
      labelNames: ['tier', 'dialect', 'backend'],
      buckets: DURATION_BUCKETS,
      registers,
    }),
    firstContent: new Histogram({
      name: 'gateway_time_to_first_content_seconds',
      help: 'Time from the request to the first content from the backend.',
      labelNames: ['backend'],
      buckets: DURATION_BUCKETS,
      registers,
    }),
    routes: new Counter({
      name: 'gateway_model_routes_total',
      help: 'Routing decisions by asked and served model.',
      labelNames: ['from', 'to'],
      registers,
    }),
    tokens: new Counter({
      name: 'gateway_tokens_total',
      help: 'Tokens by tier, backend and type (input, output, cache_read, cache_write).',
      labelNames: ['tier', 'backend', 'type'],
      registers,
    }),
    refusals: new Counter({
      name: 'gateway_quota_refusals_total',
      help: 'Requests refused because the quota was used up.',
      labelNames: ['tier'],
      registers,
    }),
    shadowRefusals: new Counter({
      name: 'gateway_quota_shadow_refusals_total',
      help: 'Requests that went on in shadow mode although their quota was used up.',
      labelNames: ['tier'],
      registers,
    }),
    outages: new Counter({
      name: 'gateway_quota_outage_requests_total',
      help: 'Requests of users with a limit while the quota store was away: granted, allowed or denied.',
      labelNames: ['outcome'],
      registers,
    }),
    usageEvents: new Counter({
      name: 'gateway_usage_events_total',
      help: 'Usage events for the metering system: sent, failed (tried again later) or dropped.',
      labelNames: ['outcome'],
      registers,
    }),
    losses: new Counter({
      name: 'gateway_lossy_translations_total',
      help: 'Requests translated with something left out that the backend has no field for.',
      labelNames: ['backend'],
      registers,
    }),
    refused: new Counter({
      name: 'gateway_requests_refused_total',
      help: 'Requests refused before or beside inference: unreadable, unknown path, bad credential and the like.',
      labelNames: ['code'],
      registers,
    }),
    reloads: new Counter({
      name: 'gateway_config_reloads_total',
      help: 'Reloads of the configuration by outcome: applied, unchanged or rejected.',
      labelNames: ['outcome'],
      registers,
    }),
    lastReload: new Gauge({
      name: 'gateway_config_last_reload_timestamp',
      help: 'When the configuration was last loaded again, whatever came of it. Seconds since the epoch.',
      registers,
    }),
    backendFailures: new Counter({
      name: 'gateway_backend_failures_total',
      help: 'Failed attempts by backend and reason.',
      labelNames: ['backend', 'code'],
      registers,
    }),
  };
}

function countTokens(counter: Counter, tier: string, backend: string, usage: Usage): void {
  counter.inc({ tier, backend, type: 'input' }, usage.inputTokens);
  counter.inc({ tier, backend, type: 'output' }, usage.outputTokens);
  counter.inc({ tier, backend, type: 'cache_read' }, usage.cacheReadTokens);
  counter.inc({ tier, backend, type: 'cache_write' }, usage.cacheWriteTokens);
}

function watchQuota(
  registry: Registry,
  health: () => { readonly state: string; readonly waiting: number },
): void {
  new Gauge({
    name: 'gateway_quota_store_up',
    help: '1 while the quota store answers, else 0.',
    registers: [registry],
    collect() {
      this.set(health().state === 'ok' ? 1 : 0);
    },
  });
  new Gauge({
    name: 'gateway_quota_unsettled_requests',
    help: 'Requests that wait to be settled in the quota store.',
    registers: [registry],
    collect() {
      this.set(health().waiting);
    },
  });
}

function createUserSeries(registry: Registry, clock: () => number) {
  const standings = new Map<string, { used: number; resetsAt: number }>();
  new Gauge({
    name: 'gateway_quota_used',
    help: 'Requests charged in the current window, by a hash of the user; users beyond the limit as "other".',
    labelNames: ['user'],
    registers: [registry],
    collect() {
      this.reset();
      let others = 0;
      let named = 0;
      const now = clock();
      for (const [subject, { used, resetsAt }] of standings) {
        if (resetsAt <= now) standings.delete(subject);
        else if (++named <= MAX_USER_SERIES) this.set({ user: subject.slice(0, 16) }, used);
        else others += used;
      }
      if (others > 0) this.set({ user: 'other' }, others);
    },
  });
  return {
    set: (subject: string, used: number, resetsAt: number) => {
      // Ten times the shown number is kept, so that memory stays bounded whatever the number of users.
      if (standings.size >= MAX_USER_SERIES * 10 && !standings.has(subject)) return;
      standings.set(subject, { used, resetsAt });
    },
  };
}

function createDependencySeries(registry: Registry) {
  let read: ReadDependencies = () => ({});
  new Gauge({
    name: 'gateway_dependency_up',
    help: '1 while a part that the gateway depends on is well, 0 while /health calls it degraded.',
    labelNames: ['dependency'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [dependency, state] of Object.entries(read()))
        this.set({ dependency }, state === 'ok' ? 1 : 0);
    },
  });
  return {
    watch: (next: ReadDependencies) => {
      read = next;
    },
  };
}

/** Replicas are numbered in the order of the configuration. */
function createTrafficSeries(registry: Registry) {
  let read: ReadTraffic = () => ({});
  const registers = [registry];
  new Gauge({
    name: 'gateway_backend_replica_up',
    help: '1 while a replica gets requests, 0 while it is left alone because it failed or says that it is down.',
    labelNames: ['backend', 'replica'],
    registers,
    collect() {
      this.reset();
      for (const [backend, { replicas }] of Object.entries(read()))
        for (const [replica, { state }] of replicas.entries())
          this.set({ backend, replica }, state === 'closed' ? 1 : 0);
    },
  });
  new Gauge({
    name: 'gateway_backend_requests_in_flight',
    help: 'Requests that each replica is answering.',
    labelNames: ['backend', 'replica'],
    registers,
    collect() {
      this.reset();
      for (const [backend, { replicas }] of Object.entries(read()))
        for (const [replica, { in_flight }] of replicas.entries()) this.set({ backend, replica }, in_flight);
    },
  });
  new Gauge({
    name: 'gateway_backend_requests_waiting',
    help: 'Requests that wait for a place at a backend.',
    labelNames: ['backend'],
    registers,
    collect() {
      this.reset();
      for (const [backend, { waiting }] of Object.entries(read())) this.set({ backend }, waiting);
    },
  });
  return {
    watch: (next: ReadTraffic) => {
      read = next;
    },
  };
}
