/**
 * What is known of each replica's health, by its address: learnt from the requests it answers (a circuit breaker with
 * half-open probes, and ejection of one that fails where its peers do not) and from asking it.
 */

/** `open`: left alone for a while. `half-open`: one request at a time finds out. `down`: says itself that it is. */
export type ReplicaState = 'closed' | 'half-open' | 'open' | 'down';

/** One request at one replica. */
export interface Visit {
  /** It began to answer. Only the first word counts. */
  succeeded(): void;
  /** It failed in a way that says something about its health. Counts after a success too: the answer broke off. */
  failed(): void;
  /** The request is over, however. */
  end(): void;
}

export interface Replicas {
  state(url: string): ReplicaState;
  inFlight(url: string): number;
  /** Whether a request may go there now. */
  isUsable(url: string): boolean;
  /** Whether one may go there although it is not usable, because nothing else is left. */
  takesLastResort(url: string): boolean;
  /**
   * Begins a request.
   *
   * @param peers addresses of all replicas of the backend, itself included
   */
  visit(url: string, peers: readonly string[]): Visit;
  /** What the replica itself said when asked. */
  said(url: string, isUp: boolean): void;
  /** Forgets every replica but these. */
  keep(urls: ReadonlySet<string>): void;
}

export interface ReplicasOptions {
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  /** Told when a replica is left alone, and when it is back. */
  readonly onChange?: ((url: string, state: ReplicaState) => void) | undefined;
}

/** So many failures in a row open the breaker. */
const FAILURES_IN_A_ROW = 5;
/** Milliseconds for which it stays open first; doubled each time a probe fails. */
const FIRST_REST_MS = 1000;
const LONGEST_REST_MS = 30_000;
/** Requests at once that a replica which is not well still gets when there is no other. */
const LAST_RESORT = 3;
/** Failures are held against those of the peers over so many milliseconds. */
const WINDOW_MS = 30_000;
/** Fewer requests in the window say nothing. */
const LEAST_REQUESTS = 10;
/** A replica is ejected when it fails so often, and its peers less than half as often. */
const OUTLIER_RATE = 0.5;

interface Replica {
  inFlight: number;
  /** Of these, those that were sent there although it was not well. */
  probes: number;
  failuresInARow: number;
  /** When the breaker was opened, and how long it rests; null when closed. */
  rest: { readonly until: number; readonly length: number } | null;
  isDown: boolean;
  /** Two half windows: the current one and the one before. */
  tallies: readonly [Tally, Tally];
}

interface Tally {
  readonly since: number;
  requests: number;
  failures: number;
}

/** Makes the memory of all replicas; it outlives reloads, because a replica is its address. */
export function createReplicas({ now, onChange }: ReplicasOptions): Replicas {
  const known = new Map<string, Replica>();

  const of = (url: string): Replica => {
    const found = known.get(url);
    if (found !== undefined) return found;
    const made = newReplica(now());
    known.set(url, made);
    return made;
  };

  const state = (url: string): ReplicaState => {
    const replica = known.get(url);
    if (replica === undefined) return 'closed';
    if (replica.isDown) return 'down';
    if (replica.rest === null) return 'closed';
    return now() < replica.rest.until ? 'open' : 'half-open';
  };

  const open = (url: string, replica: Replica) => {
    const length = replica.rest === null ? FIRST_REST_MS : Math.min(replica.rest.length * 2, LONGEST_REST_MS);
    const wasClosed = replica.rest === null;
    replica.rest = { until: now() + length, length };
    if (wasClosed) onChange?.(url, 'open');
  };

  const close = (url: string, replica: Replica) => {
    replica.failuresInARow = 0;
    if (replica.rest === null) return;
    replica.rest = null;
    replica.tallies = newTallies(now());
    onChange?.(url, 'closed');
  };

  const fail = (url: string, replica: Replica, peers: readonly string[]) => {
    replica.failuresInARow++;
    current(replica, now()).failures++;
    // Requests that were under way when the breaker opened tell nothing new.
    if (state(url) === 'open') return;
    const others = peers.filter((peer) => peer !== url).map(of);
    const isOutlier = fails(replica, now()) && !others.some((other) => faresAlike(other, replica, now()));
    if (
      replica.rest !== null ||
      replica.failuresInARow >= FAILURES_IN_A_ROW ||
      (others.length > 0 && isOutlier)
    )
      open(url, replica);
  };

  return {
    state,
    inFlight: (url) => known.get(url)?.inFlight ?? 0,
    isUsable(url) {
      const is = state(url);
      return is === 'closed' || (is === 'half-open' && of(url).probes === 0);
    },
    takesLastResort: (url) => of(url).probes < LAST_RESORT,
    visit(url, peers) {
      const replica = of(url);
      let spoken = false;
      let broken = false;
      let over = false;
      const probes = state(url) === 'closed' ? 0 : 1;
      replica.inFlight++;
      replica.probes += probes;
      current(replica, now()).requests++;
      return {
        succeeded() {
          if (spoken) return;
          spoken = true;
          close(url, replica);
        },
        failed() {
          if (broken) return;
          spoken = true;
          broken = true;
          fail(url, replica, peers);
        },
        end() {
          if (over) return;
          over = true;
          replica.inFlight--;
          replica.probes -= probes;
        },
      };
    },
    said(url, isUp) {
      const replica = of(url);
      if (replica.isDown === !isUp) return;
      replica.isDown = !isUp;
      onChange?.(url, state(url));
    },
    keep(urls) {
      for (const url of known.keys()) if (!urls.has(url)) known.delete(url);
    },
  };
}

function newReplica(now: number): Replica {
  return { inFlight: 0, probes: 0, failuresInARow: 0, rest: null, isDown: false, tallies: newTallies(now) };
}

const newTally = (since: number): Tally => ({ since, requests: 0, failures: 0 });
const newTallies = (now: number): readonly [Tally, Tally] => [newTally(now), newTally(now)];

/** The tally to count in; half windows that have passed are dropped. */
function current(replica: Replica, now: number): Tally {
  const [latest] = replica.tallies;
  const age = now - latest.since;
  if (age < WINDOW_MS / 2) return latest;
  const begun = newTally(now);
  replica.tallies = [begun, age < WINDOW_MS ? latest : newTally(now)];
  return begun;
}

function rate(replica: Replica, now: number): { readonly requests: number; readonly failures: number } {
  current(replica, now);
  const [one, other] = replica.tallies;
  return { requests: one.requests + other.requests, failures: one.failures + other.failures };
}

function fails(replica: Replica, now: number): boolean {
  const { requests, failures } = rate(replica, now);
  return requests >= LEAST_REQUESTS && failures >= requests * OUTLIER_RATE;
}

/** Whether a peer fails at least half as often: then it is not this one replica that is at fault. */
function faresAlike(peer: Replica, replica: Replica, now: number): boolean {
  const its = rate(peer, now);
  const own = rate(replica, now);
  return its.requests > 0 && its.failures * own.requests * 2 >= own.failures * its.requests;
}
