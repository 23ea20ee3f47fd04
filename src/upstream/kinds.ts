/**
 * The backend kinds, one row each: wire format, profile and how the backend wants its key.
 */
import { type BackendProfile, PROFILES, type ProfileName } from '../protocol/profile.ts';
import type { BackendFormat, Dialect } from '../types.ts';

export type BackendKind = 'internal' | 'claude' | 'openai' | 'axon';

interface KindRow {
  readonly format: BackendFormat;
  readonly profile: ProfileName;
  /** The header that carries the key, by the format that is spoken. */
  readonly credentials: Readonly<Record<Dialect, Credentials>>;
  /** Where a server says whether it is well; null: it has no such page. */
  readonly healthPath: string | null;
}

type Credentials = (key: string) => Readonly<Record<string, string>>;

const bearer: Credentials = (key) => ({ authorization: `Bearer ${key}` });
const xApiKey: Credentials = (key) => ({ 'x-api-key': key });
/** Model servers guard their own `/v1/messages` like everything else: vLLM's `--api-key` reads nothing but Bearer. */
const ALWAYS_BEARER = { anthropic: bearer, openai: bearer, responses: bearer };

export const KINDS: Readonly<Record<BackendKind, KindRow>> = {
  internal: { format: 'openai', profile: 'vllm', credentials: ALWAYS_BEARER, healthPath: '/health' },
  claude: {
    format: 'anthropic',
    profile: 'generic',
    credentials: { ...ALWAYS_BEARER, anthropic: xApiKey },
    healthPath: null,
  },
  openai: { format: 'openai', profile: 'openai', credentials: ALWAYS_BEARER, healthPath: null },
  axon: { format: 'openai', profile: 'generic', credentials: ALWAYS_BEARER, healthPath: null },
};

interface FormatRow {
  /** Path of the generating endpoint behind the base address. */
  readonly path: string;
  /** Headers every request needs. */
  readonly fixed: Readonly<Record<string, string>>;
  /** Client headers that belong to the body and travel with it to a backend of the same format. */
  readonly forwards: (name: string) => boolean;
}

export const FORMATS: Readonly<Record<Dialect, FormatRow>> = {
  anthropic: {
    path: '/v1/messages',
    fixed: { 'anthropic-version': '2023-06-01' },
    // Versions and betas are open lists (P1); session headers serve attribution at Claude.
    forwards: (name) =>
      name === 'anthropic-version' || name === 'anthropic-beta' || name.startsWith('x-claude-code-'),
  },
  openai: {
    path: '/v1/chat/completions',
    fixed: {},
    forwards: (name) => name === 'openai-beta',
  },
  responses: {
    path: '/v1/responses',
    fixed: {},
    // Codex sends workspace, remote and commit in headers of its own (codex.md §2).
    forwards: (name) => name === 'openai-beta',
  },
};

/** What the configuration says of one backend. */
export interface BackendSettings {
  readonly name: string;
  readonly kind: BackendKind;
  readonly urls: readonly string[];
  readonly apiKey?: { reveal(): string } | undefined;
  readonly model?: string | undefined;
  readonly models?: readonly string[] | undefined;
  readonly format?: BackendFormat | undefined;
  readonly maxOutputTokens: number;
  /** Tokens its model takes; absent: as the backend or the profile says. */
  readonly contextWindow?: number | undefined;
  /** The named profile to start from (the kind's), and fields to change; an absent one keeps its value. */
  readonly profile?: ProfileSettings | undefined;
  /** Requests at once at each replica; absent: any number. */
  readonly maxInFlight?: number | undefined;
  /** Most requests that wait for a place (100). */
  readonly maxQueued?: number | undefined;
  /** Longest wait for a place (30). */
  readonly queueSeconds?: number | undefined;
  /** Page that says whether a replica is well (the kind's); null: none. */
  readonly healthPath?: string | null | undefined;
}

type ProfileSettings = { readonly [K in keyof BackendProfile]?: BackendProfile[K] | undefined } & {
  readonly base?: ProfileName | undefined;
};

/** A backend ready to be called. */
export interface Backend {
  readonly name: string;
  readonly kind: BackendKind;
  readonly urls: readonly string[];
  /** What requests are translated into; {@link formatFor} tells what a request goes out in. */
  readonly format: BackendFormat;
  readonly profile: BackendProfile;
  /** Name of the row that the profile was made from. */
  readonly profileName: ProfileName;
  /** Fields in which it differs from that row. */
  readonly profileChanges: readonly string[];
  readonly maxOutputTokens: number;
  /** Requests at once at each replica; null: any number. */
  readonly maxInFlight: number | null;
  readonly maxQueued: number;
  readonly queueSeconds: number;
  readonly healthPath: string | null;
  readonly configuredFormat: BackendFormat | null;
  readonly configuredWindow: number | null;
  readonly configuredModel: string | null;
  readonly configuredModels: readonly string[] | null;
  /** Fixed headers and the backend's own credential, for a request in a format (default: {@link Backend.format}). */
  headers(format?: Dialect): Readonly<Record<string, string>>;
}

/** The format that a request in a dialect goes out in: passed on where the backend takes it, else translated. */
export function formatFor({ format, profile }: Backend, dialect: Dialect): Dialect {
  return dialect === 'responses' && format === 'openai' && profile.responses ? dialect : format;
}

/** Fills a backend's row with what the configuration changes. */
export function toBackend(settings: BackendSettings): Backend {
  const kind = KINDS[settings.kind];
  const format = settings.format ?? kind.format;
  const key = settings.apiKey?.reveal();
  const headersIn = (spoken: Dialect) => ({
    ...FORMATS[spoken].fixed,
    ...(key === undefined ? {} : kind.credentials[spoken](key)),
  });
  const headers = {
    anthropic: headersIn('anthropic'),
    openai: headersIn('openai'),
    responses: headersIn('responses'),
  };
  const { base: profileName = kind.profile, ...changed } = settings.profile ?? {};
  return {
    name: settings.name,
    kind: settings.kind,
    urls: settings.urls,
    format,
    profile: { ...PROFILES[profileName], ...(changed as Partial<BackendProfile>) },
    profileName,
    profileChanges: Object.keys(changed),
    maxOutputTokens: settings.maxOutputTokens,
    maxInFlight: settings.maxInFlight ?? null,
    maxQueued: settings.maxQueued ?? 100,
    queueSeconds: settings.queueSeconds ?? 30,
    healthPath: settings.healthPath === undefined ? kind.healthPath : settings.healthPath,
    configuredFormat: settings.format ?? null,
    configuredWindow: settings.contextWindow ?? null,
    configuredModel: settings.model ?? null,
    configuredModels: settings.models ?? null,
    headers: (spoken = format) => headers[spoken],
  };
}
