/** What is counted and measured as requests go by: the definitions, whose texts are the page `docs/metrics.md`. */
import type { Registry } from 'prom-client';
import Counter from 'prom-client/lib/counter.js';
import Gauge from 'prom-client/lib/gauge.js';
import { createHistogram } from './histogram.ts';

const DURATION_BUCKETS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];
/** A step of a store takes a fraction of a millisecond, and is given up after 90. */
const STORE_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1];

export type Meters = ReturnType<typeof createMeters>;

/** @param exemplars whether buckets may name the trace of a request in them; OpenMetrics alone can say that */
export function createMeters(registry: Registry, exemplars: boolean) {
  return {
    ...createRequestMeters(registry, exemplars),
    ...createQuotaMeters(registry),
    ...createProcessMeters(registry),
  };
}

function createRequestMeters(registry: Registry, enableExemplars: boolean) {
  const registers = [registry];
  return {
    inFlight: new Gauge({
      name: 'gateway_requests_in_flight',
      help: 'Inference requests being answered now.',
      registers,
    }),
    requests: new Counter({
      name: 'gateway_requests_total',
      help:
        'Inference requests by tier, dialect, backend, HTTP status and how they ended: completed, client-left, ' +
        'backend-failed or refused.',
      labelNames: ['tier', 'dialect', 'backend', 'status', 'ending'],
      registers,
    }),
    duration: createHistogram({
      name: 'gateway_request_duration_seconds',
      help: 'Time from the request to the end of its answer.',
      labelNames: ['tier', 'dialect', 'backend'],
      buckets: DURATION_BUCKETS,
      registers,
      enableExemplars,
    }),
    firstContent: createHistogram({
      name: 'gateway_time_to_first_content_seconds',
      help: 'Time from the request to the first content from the backend.',
      labelNames: ['tier', 'backend'],
      buckets: DURATION_BUCKETS,
      registers,
      enableExemplars,
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
    backendFailures: new Counter({
      name: 'gateway_backend_failures_total',
      help: 'Failed attempts by backend and reason.',
      labelNames: ['backend', 'code'],
      registers,
    }),
  };
}

function createQuotaMeters(registry: Registry) {
  const registers = [registry];
  return {
    settlements: new Counter({
      name: 'gateway_quota_settled_total',
      help: 'Requests that held quota, by what became of it: charged, or refunded because no answer came of it.',
      labelNames: ['tier', 'outcome'],
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
    storeSteps: createHistogram({
      name: 'gateway_quota_store_duration_seconds',
      help: 'Steps of the quota store by operation and how they ended: ok or failed.',
      labelNames: ['operation', 'outcome'],
      buckets: STORE_BUCKETS,
      registers,
    }),
  };
}

function createProcessMeters(registry: Registry) {
  const registers = [registry];
  return {
    recordSteps: createHistogram({
      name: 'gateway_records_store_duration_seconds',
      help: 'Steps of the store of keys, sessions and other records, by operation and how they ended: ok or failed.',
      labelNames: ['operation', 'outcome'],
      buckets: STORE_BUCKETS,
      registers,
    }),
    usageEvents: new Counter({
      name: 'gateway_usage_events_total',
      help: 'Usage events for the metering system: sent, failed (tried again later) or dropped.',
      labelNames: ['outcome'],
      registers,
    }),
    spans: new Counter({
      name: 'gateway_trace_spans_total',
      help: 'Spans handed to the collector: sent or failed.',
      labelNames: ['outcome'],
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
    build: new Gauge({
      name: 'gateway_build_info',
      help: 'Always 1; the label says which release runs.',
      labelNames: ['version'],
      registers,
    }),
  };
}
