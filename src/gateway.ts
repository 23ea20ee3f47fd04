/**
 * The composition root: every part is built here, once, in the order in which it is needed. No logic.
 */

import type { KeyEntry } from './auth/keys.ts';
import { configuredKeys, createAuth, createVerifiers } from './compose/auth.ts';
import { createSender, toBackends } from './compose/backends.ts';
import { dependencyStates } from './compose/dependency-states.ts';
import { createListeners } from './compose/listeners.ts';
import { openStores } from './compose/stores.ts';
import { toTiers } from './compose/tiers.ts';
import type { Config } from './config/schema.ts';
import { createCountTokensHandler } from './http/count-tokens.ts';
import { createHealthHandler, createReadyzHandler, handleLivez } from './http/health.ts';
import { createInferenceHandler } from './http/inference.ts';
import { createModelsHandler } from './http/models.ts';
import { createQuotaHandler, createUsageDisplayHandler } from './http/quota.ts';
import { createRandomText } from './http/random-text.ts';
import { sendJson } from './http/reply.ts';
import { helloBody, type RouteRow, toRoutes } from './http/routes.ts';
import type { Log } from './observe/log.ts';
import { createMetrics } from './observe/metrics.ts';
import { type PipelineParts, tierOf } from './pipeline.ts';
import { createQuota } from './quota/quota.ts';
import { namedBackends } from './routing/choose-route.ts';
import type { Principal, Standing, Tier } from './types.ts';
import { createCaller } from './upstream/call.ts';
import { createCatalogue } from './upstream/catalogue.ts';
import { createCountTokens } from './upstream/count-tokens.ts';
import { describeBackends } from './upstream/describe-backends.ts';

/** What the process gives. */
export interface GatewayOptions {
  readonly config: Config;
  /** Keys beside those of the configuration. */
  readonly extraKeys: readonly KeyEntry[];
  readonly log: Log;
}

export interface Gateway {
  /** Listens; resolves with the ports. */
  start(): Promise<{ readonly port: number; readonly metricsPort: number }>;
  /** Says "not ready" and ends connections after their next answer. */
  drain(): void;
  /** Ends: open answers have `patienceMs` to finish, then are told. Everything held is given back. */
  stop(patienceMs: number): Promise<void>;
}

/** Builds a gateway from its configuration. Nothing listens and nothing is asked before {@link Gateway.start}. */
export async function createGateway({ config, extraKeys, log }: GatewayOptions): Promise<Gateway> {
  const clock = Date.now;
  const now = () => performance.now();
  const randomText = createRandomText();
  const { limits } = config;
  const tiers = toTiers(config);
  const metrics = createMetrics(clock);

  const verifiers = createVerifiers(config, clock, log);
  const authenticate = createAuth(config, [...configuredKeys(config), ...extraKeys], tiers, verifiers);
  const { quotaStore: store, records } = await openStores(config, log);
  const { timeZone, onStoreFailure } = config.quota;
  const onStanding = ({ subject }: Principal, { used, resetsAt }: Standing) =>
    metrics.quotaUsed(subject, used, resetsAt);
  const quota = createQuota({ store, timeZone, onStoreFailure, clock, log, onStanding });

  const caller = createCaller(limits);
  const backends = toBackends(config);
  const catalogue = createCatalogue([...backends.values()], caller, now);
  const sendFirst = createSender(backends, catalogue, caller, limits.replyBytes, log);
  const modelsFor = (tier: Tier) => catalogue.models(namedBackends(tier));

  const relayLimits = {
    slowReaderMs: limits.slowReaderSeconds * 1000,
    keepAliveMs: limits.keepAliveSeconds * 1000,
  };
  const parts: PipelineParts = {
    authenticate,
    tiers,
    modelsFor,
    quota,
    sendFirst,
    isClaude: (backend) => backends.get(backend)?.kind === 'claude',
    relayLimits,
    clock,
    now,
    randomText,
  };
  const callers = { authenticate, tierOf: (principal: Principal) => tierOf(parts, principal) };
  let draining = false;
  const health = {
    isDraining: () => draining,
    dependencies: () => dependencyStates(quota, verifiers, backends, catalogue.silent()),
    backends: () => {
      // Asked in the background, so that an operator who looks twice sees what nobody has used yet.
      void catalogue.models();
      return describeBackends(backends.values(), catalogue.known());
    },
  };
  const { bodyBytes } = limits;
  const countTokens = createCountTokens(backends, caller);
  const routes: readonly RouteRow[] = toRoutes({
    messages: createInferenceHandler({ ...parts, bodyBytes, metrics, log }, 'anthropic'),
    chatCompletions: createInferenceHandler({ ...parts, bodyBytes, metrics, log }, 'openai'),
    responses: createInferenceHandler({ ...parts, bodyBytes, metrics, log }, 'responses'),
    countTokens: createCountTokensHandler({ ...callers, modelsFor, countTokens, bodyBytes }),
    models: createModelsHandler({ ...callers, allModels: () => catalogue.models() }),
    quota: createQuotaHandler({ ...callers, quota, clock }),
    usageDisplay: createUsageDisplayHandler({ ...callers, quota, clock }),
    health: createHealthHandler(health),
    livez: handleLivez,
    readyz: createReadyzHandler(health),
    hello: (scope) => sendJson(scope, 200, helloBody(routes)),
  });
  const mintId = () => `req_${randomText()}`;
  const listeners = createListeners(config, routes, metrics, { log, mintId, now });

  return {
    start() {
      void quota.probe();
      return listeners.listen();
    },
    drain() {
      draining = true;
      listeners.refuseReuse();
    },
    async stop(patienceMs) {
      draining = true;
      await listeners.close(patienceMs);
      for (const verifier of verifiers) verifier.close();
      await quota.close();
      await records.close();
      await caller.close();
    },
  };
}
