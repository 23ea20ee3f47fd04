/** `GET /v1/models` and `GET /v1/models/{id}`: what this caller may use, in the shape this caller reads. */
import { GatewayError } from '../errors.ts';
import { chooseRoute } from '../routing/choose-route.ts';
import type { Principal, Tier } from '../types.ts';
import type { Models } from '../upstream/catalogue.ts';
import { type CodexModel, toCodexEntry } from './codex-models.ts';
import { sendJson, sendUnlessKnown } from './reply.ts';
import type { Scope } from './request-scope.ts';

export interface ModelsParts {
  readonly authenticate: (rawHeaders: readonly string[]) => Promise<Principal>;
  readonly tierOf: (principal: Principal) => Tier;
  /** Everything the backends are known to serve. */
  readonly allModels: () => Models | Promise<Models>;
  /** What Codex has to know of a backend's model; `null` for those that it knows better than we do. */
  readonly forCodex: (backend: string, model: string) => Omit<CodexModel, 'id'> | null;
}

interface ListedModel {
  readonly id: string;
  readonly displayName: string;
  readonly backend: string;
  /** The backend's own name for it. */
  readonly served: string;
}

/** Prefix under which Claude Code's model picker shows what is not Claude (it hides every other name). */
const PICKER_PREFIX = 'anthropic/';

/** No backend says when a model was made; a fixed date keeps the list the same from one answer to the next. */
const CREATED_AT = '2026-01-01T00:00:00Z';

export function createModelsHandler(parts: ModelsParts) {
  return async (scope: Scope): Promise<void> => {
    const principal = await parts.authenticate(scope.request.rawHeaders);
    const tier = parts.tierOf(principal);
    const models = await parts.allModels();
    const id = modelId(scope.path);
    const dialect = scope.request.headers['anthropic-version'] === undefined ? 'openai' : 'anthropic';
    if (id !== null) return sendJson(scope, 200, oneBody(id, tier, models, dialect));
    const listed = listModels(tier, models);
    if (dialect === 'anthropic') return sendJson(scope, 200, pageBody(listed, scope.search));
    // Codex asks again and again, and keeps what has not changed.
    sendUnlessKnown(scope, {
      object: 'list',
      data: listed.map(SHAPES.openai),
      models: codexBody(parts, listed),
    });
  };
}

/** The id in the path; ids may hold slashes, encoded or not. */
function modelId(path: string): string | null {
  const rest = path.slice('/v1/models'.length).replace(/^\//, '');
  if (rest === '') return null;
  try {
    return decodeURIComponent(rest);
  } catch {
    throw new GatewayError('model_not_found', 'The model id in the path is not valid.');
  }
}

type ListDialect = keyof typeof SHAPES;

/** Every name that the tier passes through to the backend which serves it. */
function listModels(tier: Tier, models: Models): ListedModel[] {
  const listed = new Map<string, ListedModel>();
  for (const [backend, { models: names }] of models) {
    for (const name of names) {
      const id = backend === 'axon' ? `axon/${name}` : name;
      const route = tryRoute(tier, id, models);
      const passes = route !== null && route.served === name && route.candidates[0].backend === backend;
      if (passes && !listed.has(id)) listed.set(id, { id, displayName: id, backend, served: name });
    }
  }
  return [...listed.values()];
}

function tryRoute(tier: Tier, model: string, models: Models) {
  try {
    return chooseRoute(tier, model, models);
  } catch (error) {
    if (error instanceof GatewayError) return null;
    throw error;
  }
}

function oneBody(id: string, tier: Tier, models: Models, dialect: ListDialect) {
  const route = chooseRoute(tier, id, models);
  const { backend } = route.candidates[0];
  const displayName = route.served === id ? id : `${id} (served by ${route.served})`;
  return SHAPES[dialect]({ id, displayName, backend, served: route.served });
}

const SHAPES = {
  anthropic: ({ id, displayName }: ListedModel) => ({
    type: 'model',
    id,
    display_name: displayName,
    created_at: CREATED_AT,
  }),
  openai: ({ id, backend }: ListedModel) => ({
    id,
    object: 'model',
    created: Date.parse(CREATED_AT) / 1000,
    owned_by: backend,
  }),
};

function codexBody({ forCodex }: Pick<ModelsParts, 'forCodex'>, listed: readonly ListedModel[]) {
  const known = listed.flatMap(({ id, backend, served }) => {
    const facts = forCodex(backend, served);
    return facts === null ? [] : [{ id, ...facts }];
  });
  return known.map(toCodexEntry);
}

function pageBody(listed: readonly ListedModel[], search: string) {
  const query = new URLSearchParams(search);
  const { page, hasMore } = toPage(listed.flatMap(withPickerName), query);
  return {
    data: page.map(SHAPES.anthropic),
    has_more: hasMore,
    first_id: page[0]?.id ?? null,
    last_id: page.at(-1)?.id ?? null,
  };
}

function withPickerName(model: ListedModel): ListedModel[] {
  if (model.id.startsWith('claude') || model.id.includes('/')) return [model];
  return [model, { ...model, id: PICKER_PREFIX + model.id }];
}

/** `limit` (1 to 1000, default 20), `after_id` and `before_id` as Anthropic pages its lists. */
function toPage(all: readonly ListedModel[], query: URLSearchParams) {
  const limit = readLimit(query.get('limit'));
  const before = query.get('before_id');
  if (before !== null) {
    const end = positionOf(all, before, 'before_id');
    return { page: all.slice(Math.max(0, end - limit), end), hasMore: end > limit };
  }
  const after = query.get('after_id');
  const start = after === null ? 0 : positionOf(all, after, 'after_id') + 1;
  return { page: all.slice(start, start + limit), hasMore: start + limit < all.length };
}

function readLimit(text: string | null): number {
  if (text === null) return 20;
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= 1000) return limit;
  throw new GatewayError('invalid_request', 'limit: expected a whole number from 1 to 1000');
}

function positionOf(all: readonly ListedModel[], id: string, name: string): number {
  const position = all.findIndex((model) => model.id === id);
  if (position >= 0) return position;
  throw new GatewayError('invalid_request', `${name}: expected the id of a listed model`);
}
