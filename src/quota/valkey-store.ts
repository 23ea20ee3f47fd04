import { readFileSync } from 'node:fs';
import { toScript, type Valkey } from '../store/valkey.ts';
import { RECORDS_KEPT, WINDOWS_KEPT } from './retention.ts';
import type { Entry, Hold, QuotaStore, Tally } from './store.ts';
import type { Window, Windows } from './windows.ts';

/**
 * Counts in Valkey or Redis (6.2 or newer), exact over any number of replicas: each step is one script, run by the
 * server at its own time. All keys of a subject carry one hash tag, so a cluster keeps them in one slot.
 */
export function createValkeyStore(valkey: Valkey): QuotaStore {
  const scripts = readScripts();
  const { run } = valkey;

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

    ping: valkey.ping,
    onReconnect: valkey.onReconnect,
    close: valkey.close,
  };
}

function readScripts() {
  const common = readLua('common');
  const script = (step: string) => toScript(common, readLua(step));
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
