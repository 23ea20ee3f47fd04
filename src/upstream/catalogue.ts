/**
 * Which models each backend serves: as configured, else as its `/v1/models` says. Asked in the background, kept when
 * a backend falls silent, and never on the way of a request once it is known.
 */
import type { Caller } from './call.ts';
import type { Backend } from './kinds.ts';

/** What is known of one backend's models. */
export interface BackendModels {
  readonly urls: readonly string[];
  readonly defaultModel: string | null;
  readonly models: readonly string[];
  /** Context window of each model in tokens, where the backend says it. */
  readonly windows: ReadonlyMap<string, number>;
  /** The server software, where the list shows its mark. */
  readonly server: ServerName | null;
}

/** Model servers that are told by the `owned_by` of what they list. */
export type ServerName = (typeof SERVERS)[number];
const SERVERS = ['vllm', 'llamacpp', 'sglang'] as const;

export type Models = ReadonlyMap<string, BackendModels>;

export interface Catalogue {
  /**
   * What is known now. Waits at most {@link FIRST_WAIT_SECONDS} for backends that were never heard of, and not at all
   * otherwise.
   *
   * @param names backends that matter to the caller; absent: all
   */
  models(names?: readonly string[]): Models | Promise<Models>;
  /** What is known now, without asking and waiting. */
  known(): Models;
  /** Names of backends that did not answer when last asked. */
  silent(): readonly string[];
}

/** Milliseconds after which a list is asked for again. */
const FRESH_MS = 5 * 60_000;
/** Milliseconds before a backend that failed is asked again. */
const RETRY_MS = 10_000;
const FIRST_WAIT_SECONDS = 2;
const MAX_LIST_BYTES = 4 * 1024 * 1024;

type Listing = Pick<BackendModels, 'models' | 'windows' | 'server'>;

interface Entry {
  listing: Listing | null;
  askedAt: number;
  failed: boolean;
  asking: Promise<void> | null;
}

const NOTHING: Listing = { models: [], windows: new Map(), server: null };

/**
 * Makes the catalogue of the configured backends.
 *
 * @param clock milliseconds, monotonic
 */
export function createCatalogue(
  backends: readonly Backend[],
  caller: Caller,
  clock: () => number,
): Catalogue {
  const entries = new Map<string, Entry>();
  let current: Models | null = null;

  for (const backend of backends) {
    const fixed = backend.configuredModels;
    const listing = fixed === null ? null : { ...NOTHING, models: fixed };
    entries.set(backend.name, { listing, askedAt: Number.NEGATIVE_INFINITY, failed: false, asking: null });
  }

  const ask = (backend: Backend, entry: Entry): Promise<void> => {
    entry.asking ??= fetchListing(backend, caller)
      .then((listing) => {
        entry.listing = listing;
        entry.failed = false;
        current = null;
      })
      .catch(() => {
        entry.failed = true;
      })
      .finally(() => {
        entry.askedAt = clock();
        entry.asking = null;
      });
    return entry.asking;
  };

  const isDue = (backend: Backend, entry: Entry) =>
    backend.configuredModels === null && clock() - entry.askedAt > (entry.failed ? RETRY_MS : FRESH_MS);

  const view = (): Models => {
    current ??= new Map(
      backends.map((backend) => [backend.name, toModels(backend, entries.get(backend.name)?.listing)]),
    );
    return current;
  };

  return {
    models(names) {
      const waits: Promise<void>[] = [];
      for (const backend of backends) {
        const entry = entries.get(backend.name);
        if (entry === undefined || (names !== undefined && !names.includes(backend.name))) continue;
        const asked = isDue(backend, entry) ? ask(backend, entry) : entry.asking;
        if (asked !== null && entry.listing === null) waits.push(asked);
      }
      return waits.length === 0 ? view() : Promise.all(waits).then(view);
    },
    known: view,
    silent: () => backends.filter(({ name }) => entries.get(name)?.failed).map(({ name }) => name),
  };
}

function toModels(backend: Backend, listing: Listing | null | undefined): BackendModels {
  const { models, windows, server } = listing ?? NOTHING;
  const own = backend.configuredModel;
  return {
    urls: backend.urls,
    defaultModel: own ?? models[0] ?? null,
    models: own === null || models.includes(own) ? models : [own, ...models],
    windows,
    server,
  };
}

/** Asks the replicas in turn; the first list that is one counts. */
async function fetchListing(backend: Backend, caller: Caller): Promise<Listing> {
  let failure: unknown;
  for (const url of backend.urls) {
    try {
      return await fetchFrom(`${url}/v1/models`, backend, caller);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

async function fetchFrom(url: string, backend: Backend, caller: Caller): Promise<Listing> {
  const signal = AbortSignal.timeout(FIRST_WAIT_SECONDS * 1000);
  const reply = await caller.call({ url, method: 'GET', headers: backend.headers(), signal });
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of reply.body) {
    size += chunk.length;
    if (size > MAX_LIST_BYTES) throw new Error('the list of models is too long');
    chunks.push(chunk);
  }
  if (reply.status !== 200) throw new Error(`status ${reply.status}`);
  return readListing(JSON.parse(Buffer.concat(chunks).toString('utf8')));
}

interface ListedModel {
  readonly id?: unknown;
  readonly owned_by?: unknown;
  readonly meta?: Readonly<Record<string, unknown>> | null;
  readonly [field: string]: unknown;
}

function readListing(body: unknown): Listing {
  const data = (body as { data?: unknown } | null)?.data;
  if (!Array.isArray(data)) throw new Error('no list of models');
  const windows = new Map<string, number>();
  const models: string[] = [];
  const entries = (data as (ListedModel | null)[]).filter((entry) => typeof entry?.id === 'string');
  for (const entry of entries) {
    const id = String(entry?.id);
    const window = readWindow(entry ?? {});
    models.push(id);
    if (window !== null) windows.set(id, window);
  }
  return { models, windows, server: SERVERS.find((name) => entries[0]?.owned_by === name) ?? null };
}

/**
 * vLLM and SGLang say `max_model_len`, Groq `context_window`, OpenRouter `context_length`, Mistral
 * `max_context_length`, llama.cpp `meta.n_ctx` (older ones only what the model was trained for).
 */
function readWindow(entry: ListedModel): number | null {
  const said = [
    entry.max_model_len,
    entry.context_window,
    entry.context_length,
    entry.max_context_length,
    entry.meta?.n_ctx,
    entry.meta?.n_ctx_train,
  ];
  return said.find((value): value is number => Number.isInteger(value) && Number(value) > 0) ?? null;
}
