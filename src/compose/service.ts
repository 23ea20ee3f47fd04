/**
 * Everything that one configuration decides between the socket and the backends, built in the order in which it is
 * needed. A reload builds another; requests under way end on the one they began with. No logic.
 */
import type { KeyEntry } from '../auth/keys.ts';
import type { TokenVerifier } from '../auth/oidc.ts';
import { type Change, touches } from '../config/compare.ts';
import type { Config } from '../config/schema.ts';
import { createCountTokensHandler } from '../http/count-tokens.ts';
import { createHealthHandler, createReadyzHandler, handleLivez } from '../http/health.ts';
import type { InFlight } from '../http/in-flight.ts';
import { createInferenceHandler, type InferenceParts } from '../http/inference.ts';
import type { LiveRequests } from '../http/live-requests.ts';
import { createMetricsHandler } from '../http/metrics.ts';
import { createModelsHandler } from '../http/models.ts';
import { createQuotaHandler, createUsageDisplayHandler } from '../http/quota.ts';
import { sendJson } from '../http/reply.ts';
import { helloBody, type RouteRow, toRoutes } from '../http/routes.ts';
import { createDeleteResponseHandler, createReadResponseHandler } from '../http/stored-responses.ts';
import type { Latencies } from '../observe/latencies.ts';
import type { Log } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { Tracer } from '../observe/tracer.ts';
import { type PipelineParts, tierOf } from '../pipeline.ts';
import type { Seal } from '../protocol/responses/sealed-reasoning.ts';
import type { Quota } from '../quota/quota.ts';
import { createMemory } from '../responses-store/recall.ts';
import { createStoredResponses } from '../responses-store/stored-responses.ts';
import { namedBackends } from '../routing/choose-route.ts';
import type { Records } from '../store/records.ts';
import type { Principal, Tier } from '../types.ts';
import { createCountTokens } from '../upstream/count-tokens.ts';
import type { Backend } from '../upstream/kinds.ts';
import type { Traffic } from '../upstream/traffic.ts';
import { createAdmin, createOperatorParts } from './admin.ts';
import { configuredKeys, createIdentity, createRealms, createVerifiers } from './auth.ts';
import { createUpstream, type Upstream } from './backends.ts';
import { createForCodex } from './codex-models.ts';
import { createConsoleHandler } from './console.ts';
import { dependencyStates } from './dependency-states.ts';
import { createIdentityHandlers } from './identity-handlers.ts';
import { servesMetrics } from './listeners.ts';
import type { ConfigStatus } from './reload.ts';
import { type Shared, toShared } from './shared.ts';
import { createQuotaParts } from './terms.ts';
import { toTiers, toWeights } from './tiers.ts';
import { toProvider, traceParts } from './tracing.ts';
import type { UsageKept } from './usage.ts';

/** What lives as long as the process. */
export interface Core {
  /** Keys beside those of the configuration. */
  readonly extraKeys: readonly KeyEntry[];
  readonly log: Log;
  readonly metrics: Metrics;
  readonly tracer: Tracer;
  readonly quota: Quota;
  readonly usage: UsageKept;
  readonly records: Records;
  readonly seal: Seal;
  readonly traffic: Traffic;
  readonly inFlight: InFlight;
  readonly live: LiveRequests;
  readonly latencies: Latencies;
  readonly isDraining: () => boolean;
  readonly configStatus: () => ConfigStatus;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  readonly randomText: () => string;
}

/** Parts that a reload takes over as they are, with what they know, where nothing they are built from has changed. */
export interface Kept {
  readonly verifiers: Shared<readonly TokenVerifier[]>;
  readonly upstream: Shared<Upstream>;
}

/** Chooses among the parts of the service before. Warm connections and fetched keys outlive a change of other options. */
export function keptThrough(changes: readonly Change[], kept: Kept): Partial<Kept> {
  return {
    ...(!touches(changes, ['auth.provider', 'auth.keycloak']) && { verifiers: kept.verifiers }),
    ...(!touches(changes, ['backends', 'limits']) && { upstream: kept.upstream }),
  };
}

export interface Service {
  readonly routes: readonly RouteRow[];
  readonly kept: Kept;
  /** Waits a moment until the backends that are new have said what they serve. */
  warmUp(): Promise<void>;
}

/** Builds a service that is not in use yet. */
export async function createService(
  config: Config,
  core: Core,
  kept: Partial<Kept> = {},
): Promise<Shared<Service>> {
  const { log, metrics, quota, clock, now, randomText } = core;
  const { limits } = config;
  const tiers = toTiers(config);

  const realms = createRealms(config, clock);
  const verifiers =
    kept.verifiers?.take() ?? toShared(await createVerifiers(config, realms, clock, log), closeAll);
  const keys = [...configuredKeys(config), ...core.extraKeys];
  const identityParts = { ...core, config, keys, tiers, realms, verifiers: verifiers.value };
  const identity = createIdentity(identityParts);
  const { authenticate } = identity;
  const upstream = kept.upstream?.take() ?? toShared(createUpstream(config, core), ({ close }) => close());
  const { backends, caller, catalogue, sendFirst } = upstream.value;
  const modelsFor = (tier: Tier) => catalogue.models(namedBackends(tier));

  const stored = createStored(config, core);
  const enter = ({ subject }: Principal) => core.inFlight.enter(subject, limits);
  const parts: PipelineParts = {
    authenticate,
    enter,
    tiers,
    ...createQuotaParts(config, tiers),
    modelsFor,
    quota,
    memory: createMemory(stored, (err) => log.warn({ err }, 'A response could not be kept.')),
    sendFirst,
    weightOf: toWeights(config),
    isClaude: (backend) => backends.get(backend)?.kind === 'claude',
    relayLimits: toRelayLimits(limits),
    seal: core.seal,
    clock,
    now,
    randomText,
  };
  const callers = { authenticate, tierOf: (principal: Principal) => tierOf(parts, principal) };
  const health = {
    isDraining: core.isDraining,
    dependencies: () =>
      dependencyStates(quota, verifiers.value, backends, upstream.value.unwell(), core.configStatus()),
    config: core.configStatus,
    backends: () => {
      // Asked in the background, so that an operator who looks twice sees what nobody has used yet.
      void catalogue.models();
      return upstream.value.describe();
    },
  };
  const counting = {
    ...callers,
    recall: parts.memory.recall,
    enter,
    modelsFor,
    countTokens: createCountTokens(backends, caller, core.traffic.replicas),
    bodyBytes: limits.bodyBytes,
  };
  const allModels = () => catalogue.models();
  const forCodex = createForCodex(backends, catalogue.known);
  const operators = createOperatorParts({ ...core, identity, tiers, termsOf: parts.termsOf });
  const looks = { ...core, ...callers, ...operators, ...health, termsOf: parts.termsOf, allModels };
  const inference = toInferenceParts(parts, config, core, backends);
  const routes: readonly RouteRow[] = toRoutes({
    messages: createInferenceHandler(inference, 'anthropic'),
    chatCompletions: createInferenceHandler(inference, 'openai'),
    responses: createInferenceHandler(inference, 'responses'),
    countTokens: createCountTokensHandler(counting, 'anthropic'),
    inputTokens: createCountTokensHandler(counting, 'responses'),
    readResponse: createReadResponseHandler({ authenticate, stored }),
    deleteResponse: createDeleteResponseHandler({ authenticate, stored }),
    models: createModelsHandler({ ...callers, allModels, forCodex }),
    quota: createQuotaHandler(parts),
    usageDisplay: createUsageDisplayHandler(parts),
    health: createHealthHandler(health),
    livez: handleLivez,
    readyz: createReadyzHandler(health),
    identity: await createIdentityHandlers(identityParts, identity),
    ...createAdmin(config, operators),
    ...(config.console.enabled && { console: createConsoleHandler(identityParts, identity, looks) }),
    hello: (scope) => sendJson(scope, 200, helloBody(routes)),
    ...(servesMetrics(config) && { metrics: createMetricsHandler(metrics) }),
  });
  const watched = { dependencies: health.dependencies, keys: () => keyHealth(verifiers.value) };
  metrics.watch({ ...watched, traffic: upstream.value.traffic });
  const service: Service = {
    routes,
    kept: { verifiers, upstream },
    async warmUp() {
      await catalogue.models();
    },
  };
  return toShared(service, async () => {
    await Promise.all([verifiers.release(), upstream.release()]);
  });
}

/** Null where nothing is kept. */
function createStored({ responses }: Config, { records, clock }: Core) {
  const { keepHours, keepBytesPerUser: bytesPerUser } = responses;
  const bounds = { keepMs: keepHours * 3_600_000, bytesPerUser };
  return keepHours === 0 ? null : createStoredResponses(records, bounds, clock);
}

/** With a span for each step, where traces are on. */
function toInferenceParts(
  parts: PipelineParts,
  { limits }: Config,
  core: Core,
  backends: ReadonlyMap<string, Backend>,
): InferenceParts {
  const providerOf = (backend: string) => toProvider(backends.get(backend));
  const traced = traceParts(parts, core.tracer);
  return { ...core, ...traced, bodyBytes: limits.bodyBytes, recordUsage: core.usage.record, providerOf };
}

function toRelayLimits({ slowReaderSeconds, keepAliveSeconds }: Config['limits']) {
  return { slowReaderMs: slowReaderSeconds * 1000, keepAliveMs: keepAliveSeconds * 1000 };
}

function keyHealth(verifiers: readonly TokenVerifier[]) {
  return Object.fromEntries(verifiers.map((one) => [one.issuer, one.health()]));
}

function closeAll(verifiers: readonly TokenVerifier[]): void {
  for (const verifier of verifiers) verifier.close();
}
