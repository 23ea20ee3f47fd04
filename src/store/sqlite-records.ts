import type { DatabaseSync } from 'node:sqlite';
import type { PutOptions, Records } from './records.ts';
import { createTransactions, openSqlite } from './sqlite.ts';

export interface SqliteRecordsOptions {
  /** Database file. It is made with mode 0600, its folder with 0700 where it does not exist. */
  readonly file: string;
  /** Milliseconds since the epoch; the same for all processes that share the file. */
  readonly clock: () => number;
}

const VERSION = 1;
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS records (
    collection TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    expires_at INTEGER,
    PRIMARY KEY (collection, key)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS records_by_expiry ON records (expires_at) WHERE expires_at IS NOT NULL;
`;
/** Most expired rows that one write removes, so that no single write waits for a large removal. */
const PRUNE_ROWS = 100;

/**
 * Records in one SQLite file; several processes may share it. What was answered survives a power cut.
 *
 * @throws Error when the file cannot be opened or made
 */
export function createSqliteRecords({ file, clock }: SqliteRecordsOptions): Records {
  const db = openSqlite({ file, schema: SCHEMA, version: VERSION, synchronous: 'FULL' });
  const steps = createSteps(db, clock);
  const together = createTransactions(db, () => steps.prune());

  return {
    collection: (name) => ({
      get: async (key) => steps.get(name, key),
      list: async () => steps.list(name),
      put: (key, value, options = {}) => together.run(() => steps.put(name, key, value, options)),
      take: (key) => together.run(() => steps.take(name, key)),
      delete: (key) => together.run(() => steps.take(name, key) !== null),
    }),
    async close() {
      together.flush();
      if (db.isOpen) db.close();
    },
  };
}

function createSteps(db: DatabaseSync, clock: () => number) {
  const live = 'collection = ? AND (expires_at IS NULL OR expires_at > ?)';
  const sql = {
    get: db.prepare(`SELECT value FROM records WHERE ${live} AND key = ?`),
    list: db.prepare(`SELECT key, value FROM records WHERE ${live} ORDER BY key`),
    others: db.prepare(`SELECT count(*) AS count FROM records WHERE ${live} AND key <> ?`),
    put: db.prepare(`
      INSERT INTO records (collection, key, value, expires_at) VALUES (?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at`),
    delete: db.prepare('DELETE FROM records WHERE collection = ? AND key = ?'),
    prune: db.prepare(`
      DELETE FROM records WHERE (collection, key) IN
        (SELECT collection, key FROM records WHERE expires_at <= ? LIMIT ${PRUNE_ROWS})`),
  };

  function get(collection: string, key: string): string | null {
    const row = sql.get.get(collection, clock(), key);
    return row === undefined ? null : String(row.value);
  }

  return {
    get,
    list: (collection: string) =>
      sql.list.all(collection, clock()).map(({ key, value }) => ({ key: String(key), value: String(value) })),
    put(collection: string, key: string, value: string, { ttl, expected, atMost }: PutOptions): boolean {
      const now = clock();
      if (expected !== undefined && get(collection, key) !== expected) return false;
      if (atMost !== undefined && Number(sql.others.get(collection, now, key)?.count) >= atMost) return false;
      sql.put.run(collection, key, value, ttl === undefined ? null : now + ttl);
      return true;
    },
    take(collection: string, key: string): string | null {
      const value = get(collection, key);
      sql.delete.run(collection, key);
      return value;
    },
    prune: () => sql.prune.run(clock()),
  };
}
