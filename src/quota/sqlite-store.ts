import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { createTransactions, openSqlite } from '../store/sqlite.ts';
import { RECORDS_KEPT, WINDOWS_KEPT } from './retention.ts';
import type { Entry, Hold, QuotaStore, Tally } from './store.ts';
import type { Window, Windows } from './windows.ts';

export interface SqliteStoreOptions {
  /** Database file. It is made with mode 0600, its folder with 0700 where it does not exist. */
  readonly file: string;
  /** Milliseconds since the epoch; the same for all processes that share the file. */
  readonly clock: () => number;
  /**
   * What survives a power cut: `FULL` everything answered, `NORMAL` all but the last moments. A crash of the process
   * alone loses nothing either way. Default `NORMAL`; measured in docs/decisions/2026-11-22-quota-store.md.
   */
  readonly synchronous?: 'FULL' | 'NORMAL' | undefined;
}

/** Milliseconds between two removals of old rows, and the most rows that one removes. */
const PRUNE_EVERY = 60_000;
const PRUNE_ROWS = 2_000;
const VERSION = 1;
// A request's row is void from `until` on: the end of its lease while held, else the end of its being remembered.
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS windows (
    subject TEXT NOT NULL,
    window TEXT NOT NULL,
    used INTEGER NOT NULL CHECK (used >= 0),
    ends_at INTEGER NOT NULL,
    PRIMARY KEY (subject, window)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS windows_by_end ON windows (ends_at);
  CREATE TABLE IF NOT EXISTS requests (
    subject TEXT NOT NULL,
    window TEXT NOT NULL,
    request TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('held', 'charged', 'released')),
    until INTEGER NOT NULL,
    PRIMARY KEY (subject, window, request)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS requests_by_until ON requests (until);
  CREATE INDEX IF NOT EXISTS requests_held ON requests (subject, window, until) WHERE state = 'held';
`;

/**
 * Counts in one SQLite file, exact also when several processes share it.
 *
 * @throws Error when the file cannot be opened or made
 */
export function createSqliteStore(options: SqliteStoreOptions): QuotaStore {
  const { file, clock, synchronous = 'NORMAL' } = options;
  const db = openSqlite({ file, schema: SCHEMA, version: VERSION, synchronous });
  const steps = createSteps(db, clock);
  const together = createTransactions(db, () => steps.pruneIfDue());

  return {
    reserve: (hold) => together.run(() => steps.reserve(hold)),
    renew: (entry, lease) => together.run(() => steps.renew(entry, lease)),
    commit: (entry) => together.run(() => steps.commit(entry)),
    release: (entry) => together.run(() => steps.release(entry)),
    async peek(subject, windows) {
      return steps.peek(subject, windows);
    },
    async ping() {
      db.exec('SELECT 1 FROM windows LIMIT 1');
    },
    async close() {
      together.flush();
      if (db.isOpen) db.close();
    },
  };
}

function createSteps(db: DatabaseSync, clock: () => number) {
  const sql = prepare(db);
  let nextPrune = 0;

  function stateOf({ subject, requestId, window }: Entry, now: number): string | null {
    const row = sql.state.get(subject, window.id, requestId, now);
    return row === undefined ? null : String(row.state);
  }

  function tally(subject: string, window: Window, now: number): Tally {
    const row = sql.tally.get(subject, window.id, subject, window.id, now);
    return { window, used: Number(row?.used ?? 0), pending: Number(row?.pending ?? 0) };
  }

  function write(entry: Entry, state: 'held' | 'charged' | 'released', until: number): void {
    sql.write.run(entry.subject, entry.window.id, entry.requestId, state, until);
  }

  function add(entry: Entry, count: 1 | -1): void {
    sql.add.run(entry.subject, entry.window.id, Math.max(count, 0), entry.window.endsAt, count);
  }

  return {
    reserve(hold: Hold) {
      const { subject, requestId, windows, limit, lease } = hold;
      const now = clock();
      for (const window of [windows.current, windows.next]) {
        const state = stateOf({ subject, requestId, window }, now);
        if (state === 'held' || state === 'charged') {
          return { admitted: true, tally: tally(subject, window, now) };
        }
      }
      const window = windowAt(windows, now);
      const before = tally(subject, window, now);
      if (limit !== null && before.used + before.pending >= limit) return { admitted: false, tally: before };
      write({ subject, requestId, window }, 'held', now + lease);
      return { admitted: true, tally: tally(subject, window, now) };
    },

    renew({ subject, requestId, window }: Entry, lease: number): boolean {
      const now = clock();
      return Number(sql.renew.run(now + lease, subject, window.id, requestId, now).changes) === 1;
    },

    commit(entry: Entry): Tally {
      const now = clock();
      const state = stateOf(entry, now);
      if (state !== 'charged' && state !== 'released') {
        write(entry, 'charged', now + RECORDS_KEPT);
        add(entry, 1);
      }
      return tally(entry.subject, entry.window, now);
    },

    release(entry: Entry): Tally {
      const now = clock();
      if (stateOf(entry, now) === 'charged') add(entry, -1);
      write(entry, 'released', now + RECORDS_KEPT);
      return tally(entry.subject, entry.window, now);
    },

    peek(subject: string, windows: Windows): Tally {
      const now = clock();
      return tally(subject, windowAt(windows, now), now);
    },

    /** Removes void rows, a bounded number now and then, so that no single request waits for a large removal. */
    pruneIfDue(): void {
      const now = clock();
      if (now < nextPrune) return;
      const { changes } = sql.pruneRequests.run(now, PRUNE_ROWS);
      sql.pruneWindows.run(now - WINDOWS_KEPT);
      if (Number(changes) < PRUNE_ROWS) nextPrune = now + PRUNE_EVERY;
    },
  };
}

function windowAt(windows: Windows, now: number): Window {
  return now < windows.current.endsAt ? windows.current : windows.next;
}

function prepare(db: DatabaseSync) {
  return {
    state: db.prepare(
      'SELECT state FROM requests WHERE subject = ? AND window = ? AND request = ? AND until > ?',
    ),
    tally: db.prepare(`
      SELECT (SELECT used FROM windows WHERE subject = ? AND window = ?) AS used,
             (SELECT count(*) FROM requests
               WHERE subject = ? AND window = ? AND state = 'held' AND until > ?) AS pending`),
    write: db.prepare(`
      INSERT INTO requests (subject, window, request, state, until) VALUES (?, ?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET state = excluded.state, until = excluded.until`),
    renew: db.prepare(`
      UPDATE requests SET until = ?
       WHERE subject = ? AND window = ? AND request = ? AND state = 'held' AND until > ?`),
    add: db.prepare(`
      INSERT INTO windows (subject, window, used, ends_at) VALUES (?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET used = max(0, used + ?)`),
    pruneRequests: db.prepare(`
      DELETE FROM requests WHERE (subject, window, request) IN
        (SELECT subject, window, request FROM requests WHERE until <= ? LIMIT ?)`),
    pruneWindows: db.prepare('DELETE FROM windows WHERE ends_at < ?'),
  } satisfies Record<string, StatementSync>;
}
