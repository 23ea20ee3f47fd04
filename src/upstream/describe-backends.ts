/** What is in force at each backend and where it comes from, for people. Never an address, never a secret. */
import type { Candidate } from '../types.ts';
import type { Models } from './catalogue.ts';
import type { Backend } from './kinds.ts';

/** One backend as `GET /health` shows it. */
export interface BackendFacts {
  readonly kind: string;
  readonly format: string;
  /** Name of the profile, and the fields that the configuration changed. */
  readonly profile: string;
  readonly profile_changes: readonly string[];
  /** Server software, where it gives itself away in its list of models. */
  readonly server: string | null;
  /** What routes to `default` ask for. */
  readonly model: string | null;
  /** Tokens that model takes. */
  readonly context_window: number | null;
  readonly source: {
    readonly format: 'configured' | 'kind';
    readonly model: 'configured' | 'detected' | null;
    readonly context_window: Window['source'] | null;
  };
}

/** A context window and who says so. */
export interface Window {
  readonly tokens: number;
  readonly source: 'configured' | 'detected' | 'profile';
}

/** The window of one model: the operator's word counts before the backend's, and that before the profile's. */
export function findWindow(backend: Backend, model: string | null, known: Models): Window | null {
  const detected = model === null ? undefined : known.get(backend.name)?.windows.get(model);
  if (backend.configuredWindow !== null) return { tokens: backend.configuredWindow, source: 'configured' };
  if (detected !== undefined) return { tokens: detected, source: 'detected' };
  const { maxContext } = backend.profile;
  return maxContext === null ? null : { tokens: maxContext, source: 'profile' };
}

/** Makes the question that every request asks. */
export function createWindowOf(known: () => Models) {
  return (backend: Backend, { model }: Candidate): number | null =>
    findWindow(backend, model, known())?.tokens ?? null;
}

/** Everything by backend name. */
export function describeBackends(backends: Iterable<Backend>, known: Models): Record<string, BackendFacts> {
  return Object.fromEntries([...backends].map((backend) => [backend.name, describe(backend, known)]));
}

function describe(backend: Backend, known: Models): BackendFacts {
  const models = known.get(backend.name);
  const model = models?.defaultModel ?? null;
  const window = findWindow(backend, model, known);
  const chosen = backend.configuredModel ?? backend.configuredModels?.[0];
  return {
    kind: backend.kind,
    format: backend.format,
    profile: backend.profileName,
    profile_changes: backend.profileChanges,
    server: models?.server ?? null,
    model,
    context_window: window?.tokens ?? null,
    source: {
      format: backend.configuredFormat === null ? 'kind' : 'configured',
      model: model === null ? null : model === chosen ? 'configured' : 'detected',
      context_window: window?.source ?? null,
    },
  };
}
