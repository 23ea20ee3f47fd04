import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { createTransactions, isBusy, openSqlite } from '../store/sqlite.ts';

/** What must not be forgotten while the quota store is away, on a disk of the process's own. */
export interface JournalFile {
  /** What earlier processes have left, oldest first. */
  readonly left: readonly Noted[];
  /** Resolves when it is on disk; a text with the same key is replaced. */
  note(key: string, text: string): Promise<void>;
  /** Takes a note away; what is not there is no error. Resolves when that is on disk. */
  strike(key: string): Promise<void>;
  /**
   * Counts so much more under a key, up to `most`; what was counted outlives the process.
   *
   * @param endsAt when the count is to be forgotten, milliseconds since the epoch
   * @returns false when that would be more than `most`; resolves when the count is on disk
   */
  count(key: string, amount: number, most: number, endsAt: number): Promise<boolean>;
  /** Takes so much back. */
  uncount(key: string, amount: number): Promise<void>;
  close(): void;
}

export interface Noted {
  readonly key: string;
  readonly text: string;
}

const VERSION = 1;
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS notes (key TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS counts (key TEXT PRIMARY KEY, count INTEGER NOT NULL, ends_at INTEGER NOT NULL) STRICT;
`;
/** Processes that may share a folder. */
const MOST_FILES = 64;

/**
 * Opens the first file of the folder that no running process has (`journal.db`, `journal-2.db` and so on) and takes
 * over what ended processes have left in the others. Every write is synced to disk (`synchronous=FULL`) before it
 * resolves; writes of one turn of the event loop share one sync.
 *
 * @param clock milliseconds since the epoch
 * @throws Error when no file can be opened or made
 */
export function openJournalFile(folder: string, clock: () => number): JournalFile {
  const own = openFirstFree(folder);
  const sql = prepare(own.db);
  sql.forget.run(clock());
  for (const file of filesIn(folder)) if (file !== own.file) takeOver(file, own.db, sql);
  const together = createTransactions(own.db, () => undefined);

  return {
    left: sql.all.all().map(({ key, text }) => ({ key: String(key), text: String(text) })),
    note: (key, text) => together.run(() => void sql.note.run(key, text)),
    strike: (key) => together.run(() => void sql.strike.run(key)),
    count: (key, amount, most, endsAt) =>
      together.run(() => amount <= most && Number(sql.count.run(key, amount, endsAt, most).changes) === 1),
    uncount: (key, amount) => together.run(() => void sql.uncount.run(amount, key)),
    close() {
      together.flush();
      if (own.db.isOpen) own.db.close();
    },
  };
}

function openFirstFree(folder: string): { readonly db: DatabaseSync; readonly file: string } {
  for (let number = 1; number <= MOST_FILES; number++) {
    const file = join(folder, number === 1 ? 'journal.db' : `journal-${number}.db`);
    const db = openUnlessTaken(file);
    if (db !== null) return { db, file };
  }
  throw new Error(`all ${MOST_FILES} journals in "${folder}" are in use`);
}

function filesIn(folder: string): readonly string[] {
  const names = readdirSync(folder).filter((name) => /^journal(?:-\d+)?\.db$/.test(name));
  return names.sort().map((name) => join(folder, name));
}

/**
 * What is moved is emptied, never deleted: another process may be about to open it. A crash in between leaves notes
 * twice, which changes nothing, and counts twice, which grants less.
 */
function takeOver(file: string, to: DatabaseSync, sql: ReturnType<typeof prepare>): void {
  const from = openUnlessTaken(file);
  if (from === null) return;
  to.exec('BEGIN');
  for (const { key, text } of from.prepare('SELECT key, text FROM notes ORDER BY rowid').all())
    sql.note.run(String(key), String(text));
  for (const { key, count, ends_at } of from.prepare('SELECT key, count, ends_at FROM counts').all())
    sql.add.run(String(key), Number(count), Number(ends_at));
  to.exec('COMMIT');
  from.exec('DELETE FROM notes; DELETE FROM counts');
  from.close();
}

function openUnlessTaken(file: string): DatabaseSync | null {
  try {
    return openSqlite({ file, schema: SCHEMA, version: VERSION, synchronous: 'FULL', exclusive: true });
  } catch (error) {
    if (isBusy(error)) return null;
    throw error;
  }
}

function prepare(db: DatabaseSync) {
  return {
    all: db.prepare('SELECT key, text FROM notes ORDER BY rowid'),
    note: db.prepare(
      'INSERT INTO notes (key, text) VALUES (?, ?) ON CONFLICT DO UPDATE SET text = excluded.text',
    ),
    strike: db.prepare('DELETE FROM notes WHERE key = ?'),
    count: db.prepare(`
      INSERT INTO counts (key, count, ends_at) VALUES (?, ?, ?)
      ON CONFLICT DO UPDATE SET count = count + excluded.count WHERE count + excluded.count <= ?`),
    uncount: db.prepare('UPDATE counts SET count = max(0, count - ?) WHERE key = ?'),
    add: db.prepare(`
      INSERT INTO counts (key, count, ends_at) VALUES (?, ?, ?)
      ON CONFLICT DO UPDATE SET count = count + excluded.count`),
    forget: db.prepare('DELETE FROM counts WHERE ends_at <= ?'),
  };
}
