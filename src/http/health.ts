/** `/livez`, `/readyz` and `/health`: alive, ready, and what is degraded. Never a secret, never an address. */
import { sendJson } from './reply.ts';
import type { Scope } from './request-scope.ts';

/** One dependency's state. */
export type DependencyState = 'ok' | 'degraded';

export interface HealthParts {
  readonly isDraining: () => boolean;
  /** Dependencies by name; asked on every `/health`, must not wait for anything. */
  readonly dependencies: () => Readonly<Record<string, DependencyState>>;
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

export function createHealthHandler({ isDraining, dependencies, backends }: HealthParts) {
  return (scope: Scope): void => {
    const states = dependencies();
    const degraded = Object.values(states).includes('degraded');
    const status = isDraining() ? 'draining' : degraded ? 'degraded' : 'ok';
    sendJson(scope, 200, { status, dependencies: states, backends: backends() });
  };
}
