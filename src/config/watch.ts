/**
 * Tells when files change, however they are changed: written in place, replaced by a rename, or swapped by a symbolic
 * link further up, as Kubernetes does with mounted ConfigMaps and Secrets (`..data`).
 */
import { type FSWatcher, statSync, watch } from 'node:fs';
import { dirname } from 'node:path';

/** Where the watcher gets its time from. */
export interface WatchTimes {
  /** Milliseconds a change must stand still before it is told: an editor writes in several steps. */
  readonly settleMs: number;
  /** Milliseconds between looks at files whose file system sends no news (network mounts). */
  readonly pollMs: number;
}

const TIMES: WatchTimes = { settleMs: 250, pollMs: 10_000 };

/**
 * Watches the folders of the files, so that a file may come, go and come back. Keeps no process alive.
 *
 * @param onChange called once per change, after it has settled; a file that is gone counts as changed
 * @returns ends the watch
 */
export function watchFiles(
  paths: readonly string[],
  onChange: () => void,
  { settleMs, pollMs }: WatchTimes = TIMES,
): () => void {
  let known = stateOf(paths);
  let settling: NodeJS.Timeout | null = null;

  const settle = (seen: string): void => {
    settling = setTimeout(() => {
      const now = stateOf(paths);
      if (now !== seen) return settle(now);
      settling = null;
      if (now === known) return;
      known = now;
      onChange();
    }, settleMs).unref();
  };
  const look = (): void => {
    if (settling !== null) return;
    const now = stateOf(paths);
    if (now !== known) settle(now);
  };

  let due: NodeJS.Timeout | null = null;
  /** Not at once: a log in the same folder is news a thousand times a second. */
  const lookSoon = (): void => {
    due ??= setTimeout(() => {
      due = null;
      look();
    }, settleMs / 10).unref();
  };

  const watchers = [...new Set(paths.map((path) => dirname(path)))].flatMap((folder) =>
    watchFolder(folder, lookSoon),
  );
  const poll = setInterval(look, pollMs).unref();
  return () => {
    clearInterval(poll);
    if (due !== null) clearTimeout(due);
    if (settling !== null) clearTimeout(settling);
    for (const watcher of watchers) watcher.close();
  };
}

/** Nothing where the system has no watch to give (`ENOSPC`, `EMFILE`) or no such folder: polling does it then. */
function watchFolder(folder: string, onNews: () => void): FSWatcher[] {
  try {
    const watcher = watch(folder, { persistent: false }, onNews);
    watcher.on('error', () => watcher.close());
    return [watcher];
  } catch {
    return [];
  }
}

/** Which file each path leads to and in which state it is. */
function stateOf(paths: readonly string[]): string {
  return paths.map(stampOf).join('\n');
}

function stampOf(path: string): string {
  try {
    const { dev, ino, size, mtimeNs } = statSync(path, { bigint: true });
    return `${dev}:${ino}:${size}:${mtimeNs}`;
  } catch {
    return 'absent';
  }
}
