/**
 * The backend kinds, one row each: wire format, profile and how the backend wants its key.
 */
import { type BackendProfile, PROFILES } from '../protocol/profile.ts';
import type { Dialect } from '../types.ts';

export type BackendKind = 'internal' | 'claude' | 'openai' | 'axon';

interface KindRow {
  readonly format: Dialect;
  readonly profile: BackendProfile;
}

export const KINDS: Readonly<Record<BackendKind, KindRow>> = {
  internal: { format: 'openai', profile: PROFILES.vllm },
  claude: { format: 'anthropic', profile: PROFILES.generic },
  openai: { format: 'openai', profile: PROFILES.openai },
  axon: { format: 'openai', profile: PROFILES.generic },
};

interface FormatRow {
  /** Path of the generating endpoint behind the base address. */
  readonly path: string;
  readonly credentials: (key: string) => Readonly<Record<string, string>>;
  /** Headers every request needs. */
  readonly fixed: Readonly<Record<string, string>>;
  /** Client headers that belong to the body and travel with it to a backend of the same format. */
  readonly forwards: (name: string) => boolean;
}

export const FORMATS: Readonly<Record<Dialect, FormatRow>> = {
  anthropic: {
    path: '/v1/messages',
    credentials: (key) => ({ 'x-api-key': key }),
    fixed: { 'anthropic-version': '2023-06-01' },
    // Versions and betas are open lists (P1); session headers serve attribution at Claude.
    forwards: (name) =>
      name === 'anthropic-version' || name === 'anthropic-beta' || name.startsWith('x-claude-code-'),
  },
  openai: {
    path: '/v1/chat/completions',
    credentials: (key) => ({ authorization: `Bearer ${key}` }),
    fixed: {},
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
  readonly format?: Dialect | undefined;
  readonly maxOutputTokens: number;
  /** Fields to change; an absent one keeps the kind's value. */
  readonly profile?: { readonly [K in keyof BackendProfile]?: BackendProfile[K] | undefined } | undefined;
}

/** A backend ready to be called. */
export interface Backend {
  readonly name: string;
  readonly kind: BackendKind;
  readonly urls: readonly string[];
  readonly format: Dialect;
  readonly profile: BackendProfile;
  readonly path: string;
  readonly maxOutputTokens: number;
  readonly configuredModel: string | null;
  readonly configuredModels: readonly string[] | null;
  /** Fixed headers and the backend's own credential. */
  headers(): Readonly<Record<string, string>>;
}

/** Fills a backend's row with what the configuration changes. */
export function toBackend(settings: BackendSettings): Backend {
  const kind = KINDS[settings.kind];
  const format = settings.format ?? kind.format;
  const row = FORMATS[format];
  const key = settings.apiKey?.reveal();
  const headers = { ...row.fixed, ...(key === undefined ? {} : row.credentials(key)) };
  return {
    name: settings.name,
    kind: settings.kind,
    urls: settings.urls,
    format,
    profile: { ...kind.profile, ...(settings.profile as Partial<BackendProfile>) },
    path: row.path,
    maxOutputTokens: settings.maxOutputTokens,
    configuredModel: settings.model ?? null,
    configuredModels: settings.models ?? null,
    headers: () => headers,
  };
}
