import type { TokenVerifier } from '../auth/oidc.ts';
import type { DependencyState } from '../http/health.ts';
import type { Backend } from '../upstream/kinds.ts';

/** What `/health` says of each part that the gateway depends on. */
export function dependencyStates(
  quota: { health(): { readonly state: DependencyState } },
  verifiers: readonly TokenVerifier[],
  backends: ReadonlyMap<string, Backend>,
  unwell: readonly string[],
  config: { readonly isRejected: boolean },
): Record<string, DependencyState> {
  const states: Record<string, DependencyState> = {
    config: config.isRejected ? 'degraded' : 'ok',
    quota: quota.health().state,
  };
  const fresh = verifiers.every((verifier) => verifier.health().keys === 'fresh');
  if (verifiers.length > 0) states.identity = fresh ? 'ok' : 'degraded';
  for (const name of backends.keys()) states[`backend:${name}`] = unwell.includes(name) ? 'degraded' : 'ok';
  return states;
}
