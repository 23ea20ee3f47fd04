import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createCheckpoints } from './checkpoints.ts';

export interface SqliteOptions {
  /** Database file. It is made with mode 0600, its folder with 0700 where it does not exist. */
  readonly file: string;
  /** Statements that make the tables and do nothing where there are some. */
  readonly schema: string;
  /** Kept in the file as `user_version`; a change of the tables takes the next number and a way to get there. */
  readonly version: number;
  /** Statements that take the tables of a version to the next one. A version without is refused. */
  readonly upgrades?: Readonly<Record<number, string>> | undefined;
  /**
   * What survives a power cut: `FULL` everything answered, `NORMAL` all but the last moments. A crash of the process
   * alone loses nothing either way.
   */
  readonly synchronous: 'FULL' | 'NORMAL';
  /** For one process alone, until it ends, however it ends. Default: any number of processes. */
  readonly exclusive?: boolean | undefined;
}

/** Milliseconds to wait for another process's transaction at the opening and at the end, when nobody is served. */
const BUSY_TIMEOUT = 1_000;
/** The same in between: it blocks the event loop, so it is as short as most transactions. */
const SHORT_BUSY_TIMEOUT = 15;
/** Milliseconds between two tries to begin while another process has the file, and how many there are. */
const BUSY_PAUSE = 5;
const BUSY_TRIES = 50;
/**
 * Processes that open a new file at the same moment collide on the switch to WAL, and that does not always wait:
 * 17 of 600 openings failed at once with "database is locked" (4 processes, measured 2026-11-22).
 */
const OPEN_ATTEMPTS = 50;
const OPEN_PAUSE = 20;

/**
 * Opens a file that several processes may share.
 *
 * @throws Error when the file cannot be opened or made, was written by a newer gateway, or should be exclusive and is
 * open elsewhere ({@link isBusy})
 */
export function openSqlite(options: SqliteOptions): DatabaseSync {
  const { file, schema, version, synchronous, exclusive = false } = options;
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  // SQLite gives its -wal and -shm files the mode of the database file.
  closeSync(openSync(file, 'a', 0o600));
  chmodSync(file, 0o600);
  const db = new DatabaseSync(file, { timeout: exclusive ? 0 : BUSY_TIMEOUT });
  try {
    waitForOthers(exclusive ? 1 : OPEN_ATTEMPTS, () => {
      if (exclusive) db.exec('PRAGMA locking_mode = EXCLUSIVE');
      upgradesFor(db, options);
      db.exec('PRAGMA journal_mode = WAL');
      db.exec(`PRAGMA synchronous = ${synchronous}`);
      db.exec('BEGIN IMMEDIATE');
      try {
        // Asked again: another process may have upgraded the file meanwhile.
        const upgrades = upgradesFor(db, options);
        db.exec(`${upgrades.join('')} ${schema} PRAGMA user_version = ${version}; COMMIT`);
      } finally {
        if (db.isTransaction) db.exec('ROLLBACK');
      }
    });
    if (!exclusive) waitAtMost(db, SHORT_BUSY_TIMEOUT);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** What brings the file's tables up to date; a file that a newer gateway has written is left alone. */
function upgradesFor(db: DatabaseSync, { file, version, upgrades = {} }: SqliteOptions): readonly string[] {
  const found = Number(db.prepare('PRAGMA user_version').get()?.user_version);
  if (found === 0) return [];
  const steps = Array.from({ length: Math.max(0, version - found) }, (_, index) => upgrades[found + index]);
  const known = steps.filter((step) => step !== undefined);
  if (found <= version && known.length === steps.length) return known;
  throw new Error(`"${file}" has tables of version ${found}; expected version ${version}`);
}

function waitForOthers(attempts: number, open: () => void): void {
  for (let attempt = 1; ; attempt++) {
    try {
      open();
      return;
    } catch (error) {
      if (attempt === attempts || !isBusy(error)) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, OPEN_PAUSE);
    }
  }
}

function waitAtMost(db: DatabaseSync, ms: number): void {
  db.exec(`PRAGMA busy_timeout = ${ms}`);
}

/** Whether another process has the file. */
export function isBusy(error: unknown): boolean {
  // The low byte of an extended result code is the primary one; 5 is SQLITE_BUSY (sqlite.org/rescode.html).
  return error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === 5;
}

/**
 * Steps that arrive together share one transaction, so a burst costs one write to disk: those of one turn of the event
 * loop, and of the turns after it for as long as each brings more. While another process has the file they wait
 * together, a second at most, and the event loop goes on meanwhile.
 */
export interface Transactions {
  run<T>(step: () => T): Promise<T>;
  /** Does what waits, now: the last call before the file is closed. */
  flush(): void;
}

/** Turns of the event loop that steps are gathered for at most; the first that brings none is the last. */
const GATHERING_TURNS = 8;

interface Waiting {
  /** Does the step and returns what tells its caller so, once the transaction is on disk. */
  readonly run: () => () => void;
  readonly fail: (error: unknown) => void;
}

export function createTransactions(db: DatabaseSync, afterwards: () => void): Transactions {
  let waiting: Waiting[] = [];
  let retry: NodeJS.Timeout | undefined;
  const [begin, end] = [db.prepare('BEGIN IMMEDIATE'), db.prepare('COMMIT')];
  const checkpoints = createCheckpoints(db, () => attempt(BUSY_TRIES));

  function commit(batch: readonly Waiting[]): (() => void)[] {
    try {
      const answers = batch.map((step) => step.run());
      afterwards();
      end.run();
      return answers;
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK');
      throw error;
    }
  }

  function takeWaiting(): readonly Waiting[] {
    const batch = waiting;
    waiting = [];
    return batch;
  }

  function gather(turns: number, before: number): void {
    if (turns > 1 && waiting.length > before) setImmediate(gather, turns - 1, waiting.length);
    else if (!checkpoints.isPaused()) attempt(BUSY_TRIES);
  }

  function attempt(tries: number): void {
    if (waiting.length === 0) return;
    try {
      begin.run();
    } catch (error) {
      if (isBusy(error) && tries > 1) retry = setTimeout(attempt, BUSY_PAUSE, tries - 1);
      else for (const step of takeWaiting()) step.fail(error);
      return;
    }
    const batch = takeWaiting();
    try {
      for (const answer of commit(batch)) answer();
      checkpoints.committed();
    } catch (error) {
      for (const step of batch) step.fail(error);
    }
  }

  return {
    run(step) {
      return new Promise((resolve, reject) => {
        const run = () => {
          const answer = step();
          return () => resolve(answer);
        };
        if (waiting.push({ run, fail: reject }) === 1) setImmediate(gather, GATHERING_TURNS, 0);
      });
    },
    flush() {
      clearTimeout(retry);
      if (waiting.length === 0) return;
      waitAtMost(db, BUSY_TIMEOUT);
      attempt(1);
    },
  };
}
