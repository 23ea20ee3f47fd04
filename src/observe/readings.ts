/** What is not counted but looked up, each time somebody asks for the metrics. */
import type { Registry } from 'prom-client';
import Gauge from 'prom-client/lib/gauge.js';

/** Where the readings come from. */
export interface Sources {
  /** The state of the quota store. */
  quota: () => { readonly state: 'ok' | 'degraded'; readonly waiting: number };
  /** How the backends' replicas fare, by the backend's name. */
  traffic: () => Readonly<
    Record<
      string,
      {
        readonly replicas: readonly { readonly state: string; readonly in_flight: number }[];
        readonly waiting: number;
      }
    >
  >;
  /** What `/health` says of each part that the gateway depends on: `quota`, `identity`, `backend:<name>` … */
  dependencies: () => Readonly<Record<string, 'ok' | 'degraded'>>;
  /** The keys of each identity provider, by its issuer. `fetchedAt`: milliseconds since the epoch. */
  keys: () => Readonly<Record<string, { readonly fetchedAt: number | null; readonly failing: boolean }>>;
  /** Requests whose backend has begun to answer. */
  answers: () => number;
}

type Sample = readonly [labels: Readonly<Record<string, string | number>>, value: number];

interface ReadingsOptions {
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** Users with a series of their own; the others are summed. */
  readonly mostUsers: number;
}

/** Registers every reading. Until it is watched, none has a value. */
export function createReadings(registry: Registry, { clock, mostUsers }: ReadingsOptions) {
  const sources: Partial<Sources> = {};

  function reading(name: string, help: string, labelNames: readonly string[], read: () => Iterable<Sample>) {
    new Gauge({
      name,
      help,
      labelNames,
      registers: [registry],
      collect() {
        this.reset();
        for (const [labels, value] of read()) this.set(labels, value);
      },
    });
  }

  readQuota(reading, sources);
  readTraffic(reading, sources);
  readDependencies(reading, sources, clock);
  return {
    users: createUserSeries(reading, clock, mostUsers),
    /** Reads from here from now on. */
    watch: (more: Partial<Sources>) => void Object.assign(sources, more),
  };
}

type Reading = (
  name: string,
  help: string,
  labelNames: readonly string[],
  read: () => Iterable<Sample>,
) => void;

function readQuota(reading: Reading, sources: Partial<Sources>): void {
  reading('gateway_quota_store_up', '1 while the quota store answers, else 0.', [], () => [
    [{}, sources.quota?.().state === 'ok' ? 1 : 0],
  ]);
  reading(
    'gateway_quota_unsettled_requests',
    'Requests that wait to be settled in the quota store.',
    [],
    () => [[{}, sources.quota?.().waiting ?? 0]],
  );
}

/** Replicas are numbered in the order of the configuration. */
function readTraffic(reading: Reading, sources: Partial<Sources>): void {
  const backends = () => Object.entries(sources.traffic?.() ?? {});
  const ofReplicas = (read: (replica: { state: string; in_flight: number }) => number) => () =>
    backends().flatMap(([backend, { replicas }]) =>
      replicas.map((replica, index): Sample => [{ backend, replica: index }, read(replica)]),
    );
  reading(
    'gateway_backend_replica_up',
    '1 while a replica gets requests, 0 while it is left alone because it failed or says that it is down.',
    ['backend', 'replica'],
    ofReplicas(({ state }) => (state === 'closed' ? 1 : 0)),
  );
  reading(
    'gateway_backend_requests_in_flight',
    'Requests that each replica is answering.',
    ['backend', 'replica'],
    ofReplicas(({ in_flight }) => in_flight),
  );
  reading(
    'gateway_backend_requests_waiting',
    'Requests that wait for a place at a backend.',
    ['backend'],
    () => backends().map(([backend, { waiting }]) => [{ backend }, waiting]),
  );
  reading(
    'gateway_answers_in_flight',
    'Requests whose backend has begun to answer; the others of gateway_requests_in_flight still wait for it.',
    [],
    () => [[{}, sources.answers?.() ?? 0]],
  );
}

function readDependencies(reading: Reading, sources: Partial<Sources>, clock: () => number): void {
  const issuers = () => Object.entries(sources.keys?.() ?? {});
  reading(
    'gateway_dependency_up',
    '1 while a part that the gateway depends on is well, 0 while /health calls it degraded.',
    ['dependency'],
    () =>
      Object.entries(sources.dependencies?.() ?? {}).map(([dependency, state]) => [
        { dependency },
        state === 'ok' ? 1 : 0,
      ]),
  );
  reading(
    'gateway_identity_keys_age_seconds',
    'Time since the keys of an identity provider were last fetched; absent before the first time.',
    ['issuer'],
    () =>
      issuers().flatMap(([issuer, { fetchedAt }]): Sample[] =>
        fetchedAt === null ? [] : [[{ issuer }, Math.max(0, clock() - fetchedAt) / 1000]],
      ),
  );
  reading(
    'gateway_identity_keys_refresh_failing',
    '1 while the latest attempt to fetch the keys of an identity provider failed, else 0.',
    ['issuer'],
    () => issuers().map(([issuer, { failing }]) => [{ issuer }, failing ? 1 : 0]),
  );
}

function createUserSeries(reading: Reading, clock: () => number, most: number) {
  const standings = new Map<string, { used: number; resetsAt: number }>();
  reading(
    'gateway_quota_used',
    'Requests charged in the current window, by a hash of the user; users beyond the limit as "other".',
    ['user'],
    function* () {
      let others = 0;
      let named = 0;
      const now = clock();
      for (const [subject, { used, resetsAt }] of standings) {
        if (resetsAt <= now) standings.delete(subject);
        else if (++named <= most) yield [{ user: subject.slice(0, 16) }, used];
        else others += used;
      }
      if (others > 0) yield [{ user: 'other' }, others];
    },
  );
  return {
    set: (subject: string, used: number, resetsAt: number) => {
      // Ten times the shown number is kept, so that memory stays bounded whatever the number of users.
      if (standings.size >= most * 10 && !standings.has(subject)) return;
      standings.set(subject, { used, resetsAt });
    },
  };
}
