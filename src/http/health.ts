/** `/livez`, `/readyz` and `/health`: alive, ready, and what is degraded. Never a secret, never an address. */
import { sendJson } from './reply.ts';
import type { Scope } from './request-scope.ts';

/** One dependency's state. */
export type DependencyState = 'ok' | 'degraded';

/** How the configuration stands. */
export interface ConfigStatus {
  /** Milliseconds since the epoch. */
  readonly loadedAt: number;
  /** Options whose new values wait for a restart. */
  readonly awaitingRestart: readonly string[];
}

export interface HealthParts {
  readonly isDraining: () => boolean;
  /** Dependencies by name; asked on every `/health`, must not wait for anything. */
  readonly dependencies: () => Readonly<Record<string, DependencyState>>;
  readonly config: () => ConfigStatus;
  /** What is in force at each backend, free of addresses and secrets; must not wait either. */
  readonly backends: () => Readonly<Record<string, unknown>>;
}

/** The event loop turns, so the process lives. A dependency's outage is no reason to restart it. */
export function handleLivez(scope: Scope): void {
  sendJson(scope, 200, { status: 'ok' });
}

export function createReadyzHandler({ isDraining }: Pick<HealthParts, 'isDraining'>) {
  return (scope: Scope): void => {
    if (isDraining()) sendJson(scope, 503, { status: 'draining' });
    else sendJson(scope, 200, { status: 'ok' });
  };
}

export function createHealthHandler({ isDraining, dependencies, config, backends }: HealthParts) {
  return (scope: Scope): void => {
    const states = dependencies();
    const degraded = Object.values(states).includes('degraded');
    const status = isDraining() ? 'draining' : degraded ? 'degraded' : 'ok';
    const { loadedAt, awaitingRestart } = config();
    sendJson(scope, 200, {
      status,
      dependencies: states,
      config: { loaded_at: new Date(loadedAt).toISOString(), awaiting_restart: awaitingRestart },
      backends: backends(),
    });
  };
}
