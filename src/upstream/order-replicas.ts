/**
 * Which replica a conversation goes to: by rendezvous hash, so that the prefix cache of a model server finds it again
 * and a replica that comes or goes moves only its own share; bounded by load, so that no popular one is buried.
 */

/** A replica as it stands now. */
export interface ReplicaLoad {
  readonly url: string;
  /** Requests it is answering. */
  readonly inFlight: number;
}

/** How much more than the average a replica may carry before its conversations go elsewhere. */
const OVER_AVERAGE = 1.25;
/** So many requests at once are no load for a model server: below it the cache is worth more than balance. */
const LEAST_BOUND = 8;

/**
 * Orders replicas for one conversation: its own first, those at their bound last.
 *
 * @param affinity the same text for every request of a conversation
 * @param most requests a replica may have at once; absent: as the average allows
 */
export function orderReplicas<T extends ReplicaLoad>(
  replicas: readonly T[],
  affinity: () => string,
  most = Number.POSITIVE_INFINITY,
): readonly T[] {
  if (replicas.length < 2) return replicas;
  const total = replicas.reduce((sum, { inFlight }) => sum + inFlight, 1);
  const share = Math.ceil((OVER_AVERAGE * total) / replicas.length);
  const bound = Math.min(most, Math.max(LEAST_BOUND, share));
  const conversation = hash(`${affinity()}\n`, 0x811c9dc5);
  return replicas
    .map((replica) => ({
      replica,
      isFull: replica.inFlight >= bound,
      weight: mix(hash(replica.url, conversation)),
    }))
    .toSorted((one, other) => Number(one.isFull) - Number(other.isFull) || other.weight - one.weight)
    .map(({ replica }) => replica);
}

/** FNV-1a, going on from where another text ended. */
function hash(text: string, from: number): number {
  let result = from;
  for (let index = 0; index < text.length; index++)
    result = Math.imul(result ^ text.charCodeAt(index), 0x01000193);
  return result;
}

/** MurmurHash3's last mix: FNV alone spreads names that differ in one letter badly. */
function mix(value: number): number {
  let result = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  result = Math.imul(result ^ (result >>> 13), 0xc2b2ae35);
  return (result ^ (result >>> 16)) >>> 0;
}
