/**
 * The composition root: every part is built here, once, in the order in which it is needed. No logic.
 */
import { join } from 'node:path';
import { createAuthenticator } from './auth/authenticate.ts';
import { createKeyring, hashKey, type KeyEntry } from './auth/keys.ts';
import { createTokenVerifier, type TokenVerifier } from './auth/oidc.ts';
import type { Config } from './config/schema.ts';
import { createCountTokensHandler } from './http/count-tokens.ts';
import {
  createHealthHandler,
  createReadyzHandler,
  type DependencyState,
  handleLivez,
} from './http/health.ts';
import { createInferenceHandler } from './http/inference.ts';
import { createMetricsHandler, type MetricsServer, startMetricsServer } from './http/metrics.ts';
import { createModelsHandler } from './http/models.ts';
import { createQuotaHandler, createUsageDisplayHandler } from './http/quota.ts';
import { createRandomText } from './http/random-text.ts';
import { sendJson } from './http/reply.ts';
import type { Scope } from './http/request-scope.ts';
import { helloBody, matchRoute, type RouteRow, toRoutes } from './http/routes.ts';
import { createGatewayServer, type ServerOptions } from './http/server.ts';
import type { Log } from './observe/log.ts';
import { createMetrics, type Metrics } from './observe/metrics.ts';
import { type PipelineParts, tierOf } from './pipeline.ts';
import { createQuota } from './quota/quota.ts';
import { createSqliteStore } from './quota/sqlite-store.ts';
import { createValkeyStore } from './quota/valkey-store.ts';
import { namedBackends } from './routing/choose-route.ts';
import { estimatePrompt, fitMaxTokens, roomAfter, sayTooLong, surelyFits } from './routing/fit-context.ts';
import type { Principal, Standing, Tier } from './types.ts';
import { createAttempt } from './upstream/attempt.ts';
import { type Caller, createCaller } from './upstream/call.ts';
import { type Catalogue, createCatalogue } from './upstream/catalogue.ts';
import { createCountTokens } from './upstream/count-tokens.ts';
import { createWindowOf, describeBackends } from './upstream/describe-backends.ts';
import { withExactRoom, withinWindow } from './upstream/fit-window.ts';
import { type Backend, toBackend } from './upstream/kinds.ts';
import { noticeToolText } from './upstream/notice-tool-text.ts';
import { withoutRefused } from './upstream/optional-fields.ts';
import { createSendFirst, type SendFirst } from './upstream/send-first.ts';

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

/** Longest wait for content once a backend sent its headers; the client's headers follow then (T-12). */
const PEEK_MS = 5000;

const CONTEXT_RULES = { surelyFits, estimatePrompt, fitMaxTokens, roomAfter, sayTooLong };

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
  const store = await createStore(config, log);
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
      await caller.close();
    },
  };
}

/** The port of the product and that of the metrics, which may be one. */
function createListeners(
  config: Config,
  routes: readonly RouteRow[],
  metrics: Metrics,
  tools: Pick<ServerOptions, 'log' | 'mintId' | 'now'>,
) {
  const { port, host, metricsPort } = config.server;
  const shared = metricsPort === port && port !== 0;
  const metricsRow = { path: '/metrics', methods: { GET: createMetricsHandler(metrics) } };
  const table = shared ? [...routes, metricsRow] : routes;
  const handle = (scope: Scope) => matchRoute(table, scope.request.method ?? '', scope.path)(scope);
  const server = createGatewayServer({ ...tools, handle, limits: config.limits });
  let metricsServer: MetricsServer | null = null;
  return {
    async listen() {
      metricsServer = shared ? null : await startMetricsServer(metrics, metricsPort, host);
      const listening = await server.listen(port, host);
      return { port: listening, metricsPort: metricsServer?.port ?? listening };
    },
    refuseReuse: () => server.refuseReuse(),
    async close(patienceMs: number) {
      await server.close(patienceMs);
      metricsServer?.close();
    },
  };
}

/** From the inside out: a plain try, without what the backend refuses, within its window, with the exact room. */
function createSender(
  backends: ReadonlyMap<string, Backend>,
  catalogue: Catalogue,
  caller: Caller,
  replyBytes: number,
  log: Log,
): SendFirst {
  const plain = createAttempt(caller, { replyBytes, peekMs: PEEK_MS });
  const fitted = withinWindow(withoutRefused(plain), createWindowOf(catalogue.known), CONTEXT_RULES);
  const sendFirst = createSendFirst(backends, withExactRoom(fitted, CONTEXT_RULES));
  return noticeToolText(sendFirst, (backend) =>
    log.warn({ backend }, 'The backend sends tool calls as text: its tool parser is not configured.'),
  );
}

function toTiers(config: Config): ReadonlyMap<string, Tier> {
  return new Map(
    Object.entries(config.tiers).map(([name, { rank, requestsPerDay, routes }]) => {
      const allowance = { name: 'daily', limit: requestsPerDay, window: 'day' } as const;
      return [name, { name, rank, allowance, routes }];
    }),
  );
}

function toBackends(config: Config): ReadonlyMap<string, Backend> {
  return new Map(
    Object.entries(config.backends).map(([name, settings]) => [
      name,
      toBackend({ name, ...settings, urls: settings.url }),
    ]),
  );
}

function configuredKeys(config: Config): readonly KeyEntry[] {
  return (config.auth.static.keys ?? []).map(({ key, user, tier }) => ({
    hash: hashKey(key.reveal()),
    user,
    tier,
  }));
}

function createAuth(
  { auth }: Config,
  keys: readonly KeyEntry[],
  tiers: ReadonlyMap<string, Tier>,
  verifiers: readonly TokenVerifier[],
) {
  return createAuthenticator({
    keyring: createKeyring(keys),
    verifiers,
    tierRules: auth.keycloak.tiers,
    defaultTier: auth.keycloak.defaultTier,
    tiers: [...tiers.values()],
  });
}

/** One for each realm: that of `url`, then the further ones. */
function createVerifiers({ auth }: Config, clock: () => number, log: Log): readonly TokenVerifier[] {
  if (auth.provider !== 'keycloak') return [];
  const { url, jwksUri, realms, ...shared } = auth.keycloak;
  const all = url === undefined ? realms : [{ url, jwksUri, audience: shared.audience }, ...realms];
  return all.map((realm) => {
    const { url: issuer, audience = shared.audience } = realm;
    return createTokenVerifier({ ...shared, ...realm, issuer, audience, fetch, clock, log });
  });
}

/** Waits for Valkey, at most two seconds: users with a limit would be refused until it is connected. */
async function createStore(config: Config, log: Log) {
  const { redisUrl } = config.quota;
  if (redisUrl === undefined)
    return createSqliteStore({ file: join(config.dataDir, 'quota.db'), clock: Date.now });
  const store = createValkeyStore({ url: redisUrl.reveal() });
  for (const warning of await store.check()) log.warn({ dependency: 'quota store' }, warning);
  return store;
}

function dependencyStates(
  quota: { health(): { readonly state: DependencyState } },
  verifiers: readonly TokenVerifier[],
  backends: ReadonlyMap<string, Backend>,
  silent: readonly string[],
): Record<string, DependencyState> {
  const states: Record<string, DependencyState> = { quota: quota.health().state };
  const fresh = verifiers.every((verifier) => verifier.health().keys === 'fresh');
  if (verifiers.length > 0) states.identity = fresh ? 'ok' : 'degraded';
  for (const name of backends.keys()) states[`backend:${name}`] = silent.includes(name) ? 'degraded' : 'ok';
  return states;
}
