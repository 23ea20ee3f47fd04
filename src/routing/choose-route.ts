/**
 * PURE. Which model and which backend a request gets: the tier's rules, top to bottom, and nothing by default.
 */
import { GatewayError } from '../errors.ts';
import type { Candidate, Route, RouteReason, RouteRule, RouteTarget, Tier } from '../types.ts';
import {
  isModelName,
  MAX_MODEL_NAME_LENGTH,
  type ModelName,
  matchModel,
  readModelName,
} from './match-model.ts';

/** What routing knows of a configured backend. */
export interface RoutableBackend {
  /** One base address per replica; the order is the order of preference. */
  readonly urls: readonly string[];
  /** The model that targets named `default` ask for; null while it is not known. */
  readonly defaultModel: string | null;
  /** The models it serves, as far as known. */
  readonly models: readonly string[];
}

/** The configured backends by name. */
export type Backends = ReadonlyMap<string, RoutableBackend>;

/** The word in a target that stands for the backend's own model. */
export const DEFAULT_MODEL = 'default';

/**
 * Told of each rule that was looked at, in order, and whether it is about the model. Where one that is was not the last,
 * none of its backends is configured.
 */
export type OnRule = (rule: RouteRule, fits: boolean) => void;

/**
 * Decides the route, or refuses.
 *
 * @param onRule for whoever wants to know why
 * @throws GatewayError `invalid_request` for something that is no model name, `model_not_found` when no rule of
 *   the tier includes it, `backend_unreachable` when the rule's backend has not told its models yet
 */
export function chooseRoute(tier: Tier, requested: unknown, backends: Backends, onRule?: OnRule): Route {
  if (!isModelName(requested)) {
    throw new GatewayError(
      'invalid_request',
      `model: expected the name of a model, 1 to ${MAX_MODEL_NAME_LENGTH} printable characters`,
    );
  }
  const model = readModelName(requested);
  for (const rule of tier.routes) {
    const name = matchModel(rule.match, model, (backend) => backends.get(backend)?.models ?? []);
    onRule?.(rule, name !== null);
    if (name === null) continue;
    const route = routeBy(rule, name, model, backends);
    if (route !== null) return route;
  }
  throw new GatewayError(
    'model_not_found',
    `The model "${requested}" does not exist or is not part of the "${tier.name}" tier. ` +
      'GET /v1/models lists the models you may use.',
  );
}

/**
 * The route by one matching rule, or null when none of its backends is configured. Every target is a candidate, in
 * order: the further ones for when those before them cannot serve.
 */
function routeBy(rule: RouteRule, name: string, model: ModelName, backends: Backends): Route | null {
  const candidates: Candidate[] = [];
  let reason: RouteReason | null = null;
  let silent: string | null = null;
  let missing = false;
  for (const target of rule.to) {
    const backend = backends.get(target.backend);
    const served = backend === undefined ? null : servedModel(target, name, backend);
    if (backend === undefined) missing = true;
    else if (served === null) silent ??= target.backend;
    else if (!candidates.some((one) => one.backend === target.backend && one.model === served)) {
      reason ??= reasonFor(served === name, missing, silent !== null);
      const { passthrough } = rule;
      const terms = passthrough === undefined ? {} : { passthrough };
      candidates.push(
        ...backend.urls.map((url) => ({ backend: target.backend, url, model: served, ...terms })),
      );
    }
  }
  const [first, ...rest] = candidates;
  if (first !== undefined && reason !== null)
    return { requested: model.raw, served: first.model, reason, candidates: [first, ...rest] };
  if (silent !== null) throw notYetKnown(silent);
  return null;
}

/** The model to ask a target for; null while its backend has not told which it serves. */
function servedModel(target: RouteTarget, name: string, backend: RoutableBackend): string | null {
  return target.model === DEFAULT_MODEL ? backend.defaultModel : (target.model ?? name);
}

const notYetKnown = (backend: string) =>
  new GatewayError(
    'backend_unreachable',
    `The backend "${backend}" has not told its models yet; nothing was charged.`,
    { status: 503, retryAfterSeconds: 5 },
  );

function reasonFor(asRequested: boolean, missing: boolean, silent: boolean): RouteReason {
  if (silent) return 'backend-unavailable';
  if (missing) return 'backend-not-configured';
  return asRequested ? 'as-requested' : 'tier-rule';
}

const named = new WeakMap<Tier, readonly string[]>();

/** The backends whose models a tier's rules ask about, and which must therefore be known before it can be routed. */
export function namedBackends(tier: Tier): readonly string[] {
  const known = named.get(tier);
  if (known !== undefined) return known;
  const names = tier.routes.flatMap(({ match, to }) => [
    ...(match.startsWith('models-of:') ? [match.slice('models-of:'.length)] : []),
    ...to.filter((target) => target.model === DEFAULT_MODEL).map((target) => target.backend),
  ]);
  const unique = [...new Set(names)];
  named.set(tier, unique);
  return unique;
}
