/**
 * Tries a route's targets in order until one begins to answer. Only before the client has seen anything: once a
 * reply is returned there is no second try.
 */
import { type ErrorCode, GatewayError } from '../errors.ts';
import type { Candidate } from '../types.ts';
import type { Attempt } from './attempt.ts';
import type { Backend } from './kinds.ts';
import type { Traffic } from './traffic.ts';
import {
  createTryReplicas,
  failureOf,
  isWorthAnotherTry,
  type Sending,
  type Served,
  type Target,
} from './try-replicas.ts';

/**
 * @throws GatewayError the failure of the first target that was tried, which is what the caller asked for; the
 *   signal's reason when the client has gone
 */
export type SendFirst = (sending: Sending) => Promise<Served>;

export interface SendFirstParts {
  readonly backends: ReadonlyMap<string, Backend>;
  readonly traffic: Traffic;
  readonly attempt: Attempt;
  /** Tokens a candidate's model takes; null while nobody says. */
  readonly windowOf: (backend: Backend, candidate: Candidate) => number | null;
}

/** Makes the step from the configured backends, what is known of them, and from what one try is. */
export function createSendFirst({ backends, traffic, attempt, windowOf }: SendFirstParts): SendFirst {
  const tryReplicas = createTryReplicas(traffic, attempt);
  const isUsable = ({ candidates }: Target) => candidates.some(({ url }) => traffic.replicas.isUsable(url));

  const mayFollow = (failed: Failed | null, target: Target): boolean => {
    if (failed === null) return true;
    if (failed.code === 'context_overflow') return isLarger(target, failed.target, windowOf);
    return isWorthAnotherTry(failed.code);
  };

  return async (sending) => {
    const targets = toTargets(sending.candidates, backends);
    const usable = targets.filter(isUsable);
    const isLastResort = usable.length === 0;
    let first: Served | GatewayError | null = null;
    let failed: Failed | null = null;
    for (const target of isLastResort ? targets : usable) {
      if (sending.isPromised() || !mayFollow(failed, target)) continue;
      const result = await tryReplicas(target, sending, isLastResort);
      const code = failureOf(result);
      if (failed === null || code === null) first = result;
      if (code === null) break;
      failed = { target, code };
    }
    if (first === null) throw new GatewayError('internal', 'The route has no candidates.');
    if (first instanceof GatewayError) throw first;
    return first;
  };
}

/** The last target that was tried, and why it does not serve. */
interface Failed {
  readonly target: Target;
  readonly code: ErrorCode;
}

function toTargets(
  candidates: readonly Candidate[],
  backends: ReadonlyMap<string, Backend>,
): readonly Target[] {
  const targets: { backend: Backend; model: string; candidates: Candidate[] }[] = [];
  for (const candidate of candidates) {
    const { model } = candidate;
    const backend = backends.get(candidate.backend);
    if (backend === undefined) throw new GatewayError('internal', 'The route names a backend that is gone.');
    const last = targets.at(-1);
    if (last?.backend === backend && last.model === model) last.candidates.push(candidate);
    else targets.push({ backend, model, candidates: [candidate] });
  }
  return targets;
}

/** Whether a prompt that was too long for one target may fit another: a window nobody names may be any. */
function isLarger(target: Target, overflowed: Target, windowOf: SendFirstParts['windowOf']): boolean {
  const [had, has] = [overflowed, target].map((one) => {
    const [candidate] = one.candidates;
    return candidate === undefined ? null : windowOf(one.backend, candidate);
  });
  return typeof had === 'number' && (typeof has !== 'number' || has > had);
}
