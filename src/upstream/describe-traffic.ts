/** How each backend's replicas fare, for people and for metrics. Numbered as configured, never named by address. */
import type { Backend } from './kinds.ts';
import type { ReplicaState } from './replicas.ts';
import type { Traffic } from './traffic.ts';

export interface ReplicaFacts {
  readonly state: ReplicaState;
  /** Requests it is answering. */
  readonly in_flight: number;
}

/** One backend as `GET /health` and the metrics show it. */
export interface TrafficFacts {
  /** In the order of the configured addresses. */
  readonly replicas: readonly ReplicaFacts[];
  /** Requests that wait for a place. */
  readonly waiting: number;
}

/** Everything by backend name. */
export function describeTraffic(
  backends: Iterable<Backend>,
  { replicas, admission }: Traffic,
): Record<string, TrafficFacts> {
  return Object.fromEntries(
    [...backends].map(({ name, urls }) => [
      name,
      {
        replicas: urls.map((url) => ({ state: replicas.state(url), in_flight: replicas.inFlight(url) })),
        waiting: admission.waiting(name),
      },
    ]),
  );
}
