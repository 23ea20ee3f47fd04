/**
 * The composition root: what lives as long as the process is built here, once, in the order in which it is needed;
 * what a configuration decides, in `compose/service.ts`. No logic.
 */

import type { KeyEntry } from './auth/keys.ts';
import { createListeners } from './compose/listeners.ts';
import { openQuota } from './compose/quota.ts';
import { createReloader } from './compose/reload.ts';
import { type Core, createService, keptThrough } from './compose/service.ts';
import { openStores } from './compose/stores.ts';
import { timedRecords } from './compose/timed-stores.ts';
import { openTracer } from './compose/tracing.ts';
import { openUsage } from './compose/usage.ts';
import type { ConfigResult } from './config/load.ts';
import type { Config } from './config/schema.ts';
import type { ErrorCode } from './errors.ts';
import { createInFlight } from './http/in-flight.ts';
import { createLiveRequests, type LiveRequest } from './http/live-requests.ts';
import { createOrderedText, createRandomText } from './http/random-text.ts';
import type { Scope } from './http/request-scope.ts';
import { matchRoute } from './http/routes.ts';
import { createLatencies } from './observe/latencies.ts';
import type { ProcessLog } from './observe/log.ts';
import { createMetrics } from './observe/metrics.ts';
import { createSeal } from './store/seal.ts';
import { createTraffic } from './upstream/traffic.ts';

/** What the process gives. */
export interface GatewayOptions {
  readonly config: Config;
  /** Keys beside those of the configuration. */
  readonly extraKeys: readonly KeyEntry[];
  readonly log: ProcessLog;
  /** The release that runs. */
  readonly version: string;
}

export interface Gateway {
  /** Listens; resolves with the ports. */
  start(): Promise<{ readonly port: number; readonly metricsPort: number }>;
  /**
   * Puts another configuration in force, whole or not at all; gives the one that is in force then. Requests under way
   * end on the one they began with.
   */
  reload(loaded: ConfigResult): Promise<Config>;
  /** Says "not ready" and ends connections after their next answer. */
  drain(): void;
  /** Ends: open answers have `patienceMs` to finish, then are told. Everything held is given back. */
  stop(patienceMs: number): Promise<void>;
}

/** Builds a gateway from its configuration. Nothing listens and nothing is asked before {@link Gateway.start}. */
export async function createGateway({ config, extraKeys, log, version }: GatewayOptions): Promise<Gateway> {
  const clock = Date.now;
  const now = () => performance.now();
  const randomText = createRandomText();
  const exemplars = config.observability.traces.url !== undefined;
  const metrics = createMetrics({ clock, version, exemplars });
  const tracer = await openTracer(config, version, metrics.spansDelivered);

  const { quotaStore: store, valkey, ...stores } = await openStores(config, log);
  const records = timedRecords(stores.records, metrics.recordsStep, now);
  const traffic = createTraffic(now, (url, state) =>
    log.warn({ replica: new URL(url).host, state }, 'a replica changed its state'),
  );
  const { quota, configure } = openQuota(config, store, metrics, log, clock);
  const usage = await openUsage(config, valkey, metrics, log, clock);

  const live = createLiveRequests();
  metrics.watch({ answers: () => live.list().filter(hasBegun).length });

  let draining = false;
  const core: Core = {
    extraKeys,
    log,
    metrics,
    tracer,
    quota,
    usage,
    records,
    seal: createSeal(records.collection('seal')),
    traffic,
    inFlight: createInFlight(),
    live,
    latencies: createLatencies(),
    isDraining: () => draining,
    configStatus: () => reloader.status(),
    clock,
    now,
    randomText,
  };
  let service = await createService(config, core);
  const handle = async (scope: Scope): Promise<void> => {
    const held = service.take();
    try {
      await matchRoute(held.value.routes, scope.request.method ?? '', scope.path)(scope);
    } finally {
      void held.release();
    }
  };
  const orderedText = createOrderedText(clock, randomText);
  const mintId = () => `req_${orderedText()}`;
  const onRefused = (request_id: string, code: ErrorCode): void => {
    metrics.refused(code);
    log.info({ request_id, code }, 'request refused');
  };
  const listeners = createListeners(config, metrics, { handle, log, mintId, now, onRefused });
  const reloader = createReloader({
    config,
    async apply(next, changes) {
      const fresh = await createService(next, core, keptThrough(changes, service.value.kept));
      await fresh.value.warmUp();
      const before = service;
      service = fresh;
      listeners.setLimits(next.limits);
      log.level = next.logLevel;
      configure(next.quota);
      void before.release();
    },
    onReload: metrics.reloaded,
    log,
    clock,
  });

  return {
    start() {
      void quota.probe();
      return listeners.listen();
    },
    reload: reloader.reload,
    drain() {
      draining = true;
      listeners.refuseReuse();
    },
    async stop(patienceMs) {
      draining = true;
      await listeners.close(patienceMs);
      await usage.close();
      await quota.close();
      await records.close();
      await service.release();
      await tracer.close();
    },
  };
}

const hasBegun = ({ progress }: LiveRequest) => progress.firstContentAt !== undefined;
