import type { DatabaseSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';

/**
 * Moves a database's write-ahead log into its file on another thread, because that waits for the disk twice: 7 to 200 ms
 * in which no stream would go on (docs/decisions/2026-11-22-hot-path.md).
 */
export interface Checkpoints {
  /** Whether transactions are to wait: for the moment in which the last of the log is moved, so that it starts anew. */
  readonly isPaused: () => boolean;
  /** Call it after each transaction. */
  committed(): void;
}

/** Rows changed between two checkpoints: a log of some 16 MB. */
const CHANGES = 4_000;
/** Milliseconds that transactions wait at most, well below what counts as an outage (`SILENCE` of the quota). */
const LONGEST_PAUSE = 40;
/** SQLite's own way, on the thread that commits: where there is no other, or the file is for one connection alone. */
const BY_ITSELF = 'PRAGMA wal_autocheckpoint = 1000';

/** @param resume told when transactions need not wait any more */
export function createCheckpoints(db: DatabaseSync, resume: () => void): Checkpoints {
  const file = db.location();
  if (file === null || db.prepare('PRAGMA locking_mode').get()?.locking_mode === 'exclusive')
    return BY_SQLITE;
  db.exec('PRAGMA wal_autocheckpoint = 0');
  const changes = db.prepare('SELECT total_changes() AS count');
  const count = () => Number(changes.get()?.count);
  let done = count();
  let isRunning = false;
  let isPaused = false;

  const goOn = () => {
    if (!isPaused) return;
    isPaused = false;
    resume();
  };

  /** Most of the log while transactions go on, then what they appended meanwhile, and the little left while they wait. */
  const run = async (): Promise<void> => {
    await checkpoint(file);
    await checkpoint(file);
    isPaused = true;
    const timer = setTimeout(goOn, LONGEST_PAUSE);
    try {
      await checkpoint(file);
    } finally {
      clearTimeout(timer);
      goOn();
    }
  };

  return {
    isPaused: () => isPaused,
    committed() {
      if (isRunning || count() - done < CHANGES) return;
      isRunning = true;
      done = count();
      run()
        .catch(() => db.isOpen && db.exec(BY_ITSELF))
        .finally(() => {
          isRunning = false;
        });
    },
  };
}

const BY_SQLITE: Checkpoints = { isPaused: () => false, committed: () => undefined };

/** One thread for all files, begun when the first log has grown; it keeps no process alive. */
let thread: Worker | null = null;

/** Moves what the log has at its beginning. */
function checkpoint(file: string): Promise<void> {
  const worker = thread ?? startThread();
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      worker.off('message', onMessage).off('error', reject).off('exit', onExit);
      act();
    };
    const onMessage = (done: string) => {
      if (done === file) settle(resolve);
    };
    const onExit = () => settle(() => reject(new Error('the checkpoint thread has ended')));
    worker.on('message', onMessage).on('error', reject).on('exit', onExit);
    worker.postMessage(file);
  });
}

function startThread(): Worker {
  const worker = new Worker(new URL('./checkpoint-thread.js', import.meta.url));
  worker.unref();
  // An error ends the thread, and whoever waits for it hears of that.
  worker
    .on('error', () => undefined)
    .on('exit', () => {
      if (thread === worker) thread = null;
    });
  thread = worker;
  return worker;
}
