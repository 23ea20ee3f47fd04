import { hash } from 'node:crypto';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { readValkeyAddress } from './valkey-address.ts';
import { toStoreWarnings } from './valkey-check.ts';

export interface ValkeyOptions {
  /** One server, Sentinels or a cluster, as {@link readValkeyAddress} reads it. */
  readonly url: string;
  /** Certificates to trust for `rediss://`, PEM; default: those that Node.js trusts. */
  readonly ca?: string | undefined;
  /** Milliseconds a step may take before it counts as failed. Default 500. */
  readonly commandTimeout?: number | undefined;
  /** Milliseconds to connect. Default 2,000. */
  readonly connectTimeout?: number | undefined;
}

/** A Lua script and the SHA-1 of its text, by which the server knows it. */
export interface Script {
  readonly text: string;
  readonly digest: string;
}

/** The connections to Valkey or Redis, shared by everything that keeps something there. */
export interface Valkey {
  /**
   * Runs a script at the server, as one step.
   *
   * @throws Error with the server's or the client's message, never the command and its arguments
   */
  run(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown>;
  /** Resolves when the server answers. */
  ping(): Promise<void>;
  /**
   * Waits for the server, at most `connectTimeout`, and says what is wrong with it, for the log at start-up; empty
   * when nothing is. Never rejects: that the server does not answer is one of the things it says.
   */
  check(): Promise<readonly string[]>;
  /**
   * Tells each time when a server is reached anew after a break: it may have restarted, or be another one that took
   * its place, and lack what was written in its last moments.
   */
  onReconnect(listener: () => void): void;
  /** Lets the steps under way be answered and closes. Closing twice is closing once. */
  close(): Promise<void>;
}

/** Most milliseconds between two attempts to connect. */
const RECONNECT_PAUSE = 2_000;
/** A connection on which nothing comes back for this many command timeouts is given up and made anew. */
const SILENT_TIMEOUTS = 6;

/**
 * Connects in the background and for ever; while there is no connection, steps reject at once.
 *
 * @throws Error when the address cannot be read
 */
export function openValkey(options: ValkeyOptions): Valkey {
  const redis = connect(options);
  // Without a listener the client prints every failed attempt; callers see failures where they ask.
  redis.on('error', () => undefined);
  const gather = createGatherer(redis);
  let closing: Promise<void> | null = null;

  return {
    async run(script, keys, args) {
      gather();
      try {
        return await redis.evalsha(script.digest, keys.length, ...keys, ...args);
      } catch (error) {
        if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw toPlainError(error);
      }
      return await redis.eval(script.text, keys.length, ...keys, ...args).catch((error: unknown) => {
        throw toPlainError(error);
      });
    },

    async ping() {
      await redis.ping().catch((error: unknown) => {
        throw toPlainError(error);
      });
    },

    check: () => check(redis, options.connectTimeout ?? 2_000),

    onReconnect(listener) {
      let isFirst = redis.status !== 'ready';
      redis.on('ready', () => {
        if (!isFirst) listener();
        isFirst = false;
      });
      // A cluster stays ready while single nodes of it come and go.
      if (redis instanceof Cluster) redis.on('+node', () => isFirst || listener());
    },

    close() {
      // QUIT lets the steps under way be answered; without a connection there are none.
      closing ??= redis.quit().then(
        () => undefined,
        () => redis.disconnect(),
      );
      return closing;
    },
  };
}

/**
 * Sends the steps of one turn of the event loop in one write: a tenth of a request's CPU with 16 at once (hot-path.md).
 * A cluster's clients have sockets of their own, which are left as they are.
 */
function createGatherer(redis: Client): () => void {
  if (redis instanceof Cluster) return () => undefined;
  let isGathering = false;
  return () => {
    if (isGathering || redis.status !== 'ready') return;
    isGathering = true;
    const { stream } = redis;
    stream.cork();
    setImmediate(() => {
      isGathering = false;
      stream.uncork();
    });
  };
}

/** Several texts that belong together, such as a common beginning and a step, become one script. */
export function toScript(...texts: readonly string[]): Script {
  const text = texts.join('\n');
  return { text, digest: hash('sha1', text, 'hex') };
}

type Client = Redis | Cluster;

function connect(options: ValkeyOptions): Client {
  const address = readValkeyAddress(options.url);
  const shared = toRedisOptions(options);
  if (address.kind === 'single') return new Redis(address.url, shared);
  const tls = address.tls ? { tls: shared.tls ?? {} } : {};
  if (address.kind === 'cluster') {
    return new Cluster([...address.nodes], {
      redisOptions: { ...shared, ...tls, ...address.login },
      enableOfflineQueue: false,
      clusterRetryStrategy: shared.retryStrategy,
      // Where a shard has failed over, its steps are tried again for as long as one may take.
      retryDelayOnFailover: 50,
      slotsRefreshInterval: 5_000,
      // Certificates name hosts, and managed clusters announce hosts: they are not looked up beforehand.
      ...(address.tls && { dnsLookup: (host: string, done: HostKept) => done(null, host) }),
    });
  }
  const { sentinels, name, database, login, sentinelLogin } = address;
  return new Redis({
    ...shared,
    ...tls,
    ...login,
    sentinels: [...sentinels],
    name,
    db: database,
    sentinelRetryStrategy: shared.retryStrategy,
    ...(address.tls && { sentinelTLS: tls.tls ?? {}, enableTLSForSentinelMode: true }),
    ...(sentinelLogin.username !== undefined && { sentinelUsername: sentinelLogin.username }),
    ...(sentinelLogin.password !== undefined && { sentinelPassword: sentinelLogin.password }),
  });
}

type HostKept = (error: null, address: string) => void;

function toRedisOptions(options: ValkeyOptions) {
  const { ca, commandTimeout = 500, connectTimeout = 2_000 } = options;
  return {
    commandTimeout,
    connectTimeout,
    socketTimeout: SILENT_TIMEOUTS * commandTimeout,
    // A step that cannot be sent fails at once; one whose connection broke is sent again once: all are idempotent.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    // ioredis's own collecting of commands made it slower (platform.md A5); what is collected is their bytes.
    enableAutoPipelining: false,
    connectionName: 'llm-gateway',
    retryStrategy: (attempt: number) => Math.min(50 * 2 ** Math.min(attempt - 1, 8), RECONNECT_PAUSE),
    // A primary that became a replica: the step fails, and the address is looked up again for the next one.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
    ...(ca === undefined ? {} : { tls: { ca } }),
  } satisfies RedisOptions;
}

/** The client's errors carry the command with its arguments, a password among them; only the message goes on. */
function toPlainError(error: unknown): Error {
  return new Error(error instanceof Error ? error.message : 'the quota store failed');
}

async function check(client: Client, wait: number): Promise<readonly string[]> {
  try {
    await whenReady(client, wait);
    const redis = client instanceof Cluster ? (client.nodes('master')[0] ?? client) : client;
    const info = `${await redis.info('memory')}\n${await redis.info('persistence')}`;
    const save = await redis.config('GET', 'save').then(
      (answer) => (Array.isArray(answer) && typeof answer[1] === 'string' ? answer[1] : null),
      () => null,
    );
    return toStoreWarnings({ info, save });
  } catch (error) {
    return [`The quota store does not answer: ${toPlainError(error).message}.`];
  }
}

function whenReady(redis: Client, wait: number): Promise<void> {
  if (redis.status === 'ready') return Promise.resolve();
  return new Promise((resolve, reject) => {
    let latest = new Error(`no connection within ${wait} ms`);
    const note = (error: Error) => {
      latest = error;
    };
    const finish = (end: () => void) => () => {
      clearTimeout(timer);
      redis.off('ready', ready);
      redis.off('error', note);
      end();
    };
    const ready = finish(resolve);
    const timer = setTimeout(
      finish(() => reject(latest)),
      wait,
    );
    redis.on('error', note);
    redis.once('ready', ready);
  });
}
