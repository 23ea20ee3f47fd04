import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Redis, type RedisOptions } from 'ioredis';
import { RECORDS_KEPT, WINDOWS_KEPT } from './retention.ts';
import type { Entry, Hold, QuotaStore, Tally } from './store.ts';
import { toStoreWarnings } from './valkey-check.ts';
import type { Window, Windows } from './windows.ts';

export interface ValkeyStoreOptions {
  /** `redis://` or `rediss://` address, with credentials and a database number where needed. */
  readonly url: string;
  /** Certificates to trust for `rediss://`, PEM; default: those that Node.js trusts. */
  readonly ca?: string | undefined;
  /** Milliseconds a step may take before it counts as failed. Default 500. */
  readonly commandTimeout?: number | undefined;
  /** Milliseconds to connect. Default 2,000. */
  readonly connectTimeout?: number | undefined;
}

export interface ValkeyStore extends QuotaStore {
  /**
   * Waits for the server, at most `connectTimeout`, and says what is wrong with it, for the log at start-up; empty
   * when nothing is. Never rejects: that the server does not answer is one of the things it says.
   */
  check(): Promise<readonly string[]>;
}

/** Most milliseconds between two attempts to connect. */
const RECONNECT_PAUSE = 2_000;
/** A connection on which nothing comes back for this many command timeouts is given up and made anew. */
const SILENT_TIMEOUTS = 6;

/**
 * Counts in Valkey or Redis (6.2 or newer), exact over any number of replicas: each step is one script, run by the
 * server at its own time. All keys of a subject carry one hash tag, so a cluster keeps them in one slot.
 * Connects in the background and for ever; while there is no connection, steps reject at once.
 */
export function createValkeyStore(options: ValkeyStoreOptions): ValkeyStore {
  const redis = new Redis(options.url, toRedisOptions(options));
  // Without a listener the client prints every failed attempt; callers see failures where they ask.
  redis.on('error', () => undefined);
  const scripts = readScripts();

  async function run(script: Script, keys: readonly string[], args: readonly (string | number)[]) {
    try {
      return await redis.evalsha(script.digest, keys.length, ...keys, ...args);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw toPlainError(error);
    }
    return await redis.eval(script.text, keys.length, ...keys, ...args).catch((error: unknown) => {
      throw toPlainError(error);
    });
  }

  return {
    async reserve({ subject, requestId, windows, limit, lease }: Hold) {
      const keys = [...keysOf(subject, windows.current), ...keysOf(subject, windows.next)];
      const forget = [forgetTime(windows.current), forgetTime(windows.next)];
      const args = [requestId, limit ?? -1, lease, windows.current.endsAt, ...forget];
      const [admitted, which, used, pending] = toIntegers(await run(scripts.reserve, keys, args), 4);
      return { admitted: admitted === 1, tally: toTally(windows, which, used, pending) };
    },

    async renew({ subject, requestId, window }: Entry, lease) {
      const [, held] = keysOf(subject, window);
      return (await run(scripts.renew, [held], [requestId, lease])) === 1;
    },

    async commit({ subject, requestId, window }: Entry) {
      const args = [requestId, forgetTime(window), RECORDS_KEPT];
      const [used = 0, pending = 0] = toIntegers(await run(scripts.commit, keysOf(subject, window), args), 2);
      return { window, used, pending };
    },

    async release({ subject, requestId, window }: Entry) {
      const args = [requestId, RECORDS_KEPT];
      const [used = 0, pending = 0] = toIntegers(
        await run(scripts.release, keysOf(subject, window), args),
        2,
      );
      return { window, used, pending };
    },

    async peek(subject, windows) {
      const keys = [windows.current, windows.next].flatMap((window) => keysOf(subject, window).slice(0, 2));
      const answer = await run(scripts.peek, keys, [windows.current.endsAt]);
      const [which, used, pending] = toIntegers(answer, 3);
      return toTally(windows, which, used, pending);
    },

    async ping() {
      await redis.ping().catch((error: unknown) => {
        throw toPlainError(error);
      });
    },

    async close() {
      // QUIT lets the steps under way be answered; without a connection there are none.
      await redis.quit().catch(() => redis.disconnect());
    },

    check: () => check(redis, options.connectTimeout ?? 2_000),
  };
}

function toRedisOptions(options: ValkeyStoreOptions) {
  const { ca, commandTimeout = 500, connectTimeout = 2_000 } = options;
  return {
    commandTimeout,
    connectTimeout,
    socketTimeout: SILENT_TIMEOUTS * commandTimeout,
    // A step that cannot be sent fails at once; one whose connection broke is sent again once: all are idempotent.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    // Scripts are pipelined as they are; collecting them made the client slower (platform.md A5).
    enableAutoPipelining: false,
    connectionName: 'llm-gateway',
    retryStrategy: (attempt: number) => Math.min(50 * 2 ** Math.min(attempt - 1, 8), RECONNECT_PAUSE),
    // A primary that became a replica: the step fails, and the address is looked up again for the next one.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
    ...(ca === undefined ? {} : { tls: { ca } }),
  } satisfies RedisOptions;
}

interface Script {
  readonly text: string;
  readonly digest: string;
}

function readScripts() {
  const common = readLua('common');
  const script = (step: string): Script => {
    const text = `${common}\n${readLua(step)}`;
    return { text, digest: hash('sha1', text, 'hex') };
  };
  return {
    reserve: script('reserve'),
    renew: script('renew'),
    commit: script('commit'),
    release: script('release'),
    peek: script('peek'),
  };
}

function readLua(name: string): string {
  return readFileSync(new URL(`./${name}.lua`, import.meta.url), 'utf8');
}

function keysOf(subject: string, window: Window): [used: string, held: string, done: string] {
  const prefix = `quota:{${subject}}:${window.id}`;
  return [`${prefix}:used`, `${prefix}:held`, `${prefix}:done`];
}

function forgetTime(window: Window): number {
  return window.endsAt + WINDOWS_KEPT;
}

function toTally(windows: Windows, which = 0, used = 0, pending = 0): Tally {
  return { window: which === 0 ? windows.current : windows.next, used, pending };
}

function toIntegers(answer: unknown, count: number): readonly number[] {
  if (Array.isArray(answer) && answer.length === count && answer.every(Number.isSafeInteger)) return answer;
  throw new Error(`the quota script answered with something other than ${count} integers`);
}

/** The client's errors carry the command with its arguments, a password among them; only the message goes on. */
function toPlainError(error: unknown): Error {
  return new Error(error instanceof Error ? error.message : 'the quota store failed');
}

async function check(redis: Redis, wait: number): Promise<readonly string[]> {
  try {
    await whenReady(redis, wait);
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

function whenReady(redis: Redis, wait: number): Promise<void> {
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
