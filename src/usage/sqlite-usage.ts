import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import { createTransactions, openSqlite } from '../store/sqlite.ts';
import type { Outbox } from './outbox.ts';
import { NONE, sumOf, type UsageRecord } from './record.ts';
import {
  type Grouping,
  RECENT_KEPT,
  type TotalsQuery,
  type TotalsRow,
  type UsageStore,
} from './usage-store.ts';

export interface SqliteUsageOptions {
  /** Database file. It is made with mode 0600, its folder with 0700 where it does not exist. */
  readonly file: string;
  /** The local day of an instant in milliseconds since the epoch, `2026-11-22`. */
  readonly dayOf: (at: number) => string;
  /** Whether records are put into the outbox as well, in the same transaction. */
  readonly exports: boolean;
}

const VERSION = 1;
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS totals (
    day TEXT NOT NULL, subject TEXT NOT NULL, model TEXT NOT NULL, backend TEXT NOT NULL,
    requests INTEGER NOT NULL, refusals INTEGER NOT NULL, refunds INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
    cache_read_tokens INTEGER NOT NULL, cache_write_tokens INTEGER NOT NULL,
    PRIMARY KEY (day, subject, model, backend)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS totals_of_subject ON totals (subject, day);
  CREATE TABLE IF NOT EXISTS users (
    subject TEXT PRIMARY KEY, user TEXT NOT NULL, tier TEXT NOT NULL, seen_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS users_by_time ON users (seen_at);
  CREATE TABLE IF NOT EXISTS recent (
    number INTEGER PRIMARY KEY, subject TEXT NOT NULL, record TEXT NOT NULL, at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS recent_of_subject ON recent (subject, number);
  CREATE TABLE IF NOT EXISTS outbox (number INTEGER PRIMARY KEY AUTOINCREMENT, record TEXT NOT NULL) STRICT;
`;
const SUMS = {
  requests: 'requests',
  refusals: 'refusals',
  refunds: 'refunds',
  inputTokens: 'input_tokens',
  outputTokens: 'output_tokens',
  cacheReadTokens: 'cache_read_tokens',
  cacheWriteTokens: 'cache_write_tokens',
} as const;

/**
 * Usage in one SQLite file; several processes may share it.
 *
 * @throws Error when the file cannot be opened or made
 */
export function createSqliteUsage(options: SqliteUsageOptions): UsageStore & { readonly outbox: Outbox } {
  const { file, dayOf, exports } = options;
  const db = openSqlite({ file, schema: SCHEMA, version: VERSION, synchronous: 'NORMAL' });
  const sql = prepare(db);
  const together = createTransactions(db, () => undefined);

  function add(subject: string, records: readonly UsageRecord[]): void {
    const rowOf = ({ at, served, backend }: UsageRecord) => [
      dayOf(at),
      subject,
      served ?? NONE,
      backend ?? NONE,
    ];
    for (const [row, alike] of Map.groupBy(records, (record) => JSON.stringify(rowOf(record)))) {
      sql.add.run(...(JSON.parse(row) as string[]), ...Object.values(sumOf(alike)));
    }
    for (const record of records) {
      const text = JSON.stringify(record);
      sql.remember.run(subject, text, record.at);
      if (exports) sql.post.run(text);
    }
    const latest = records.at(-1);
    if (latest !== undefined) sql.see.run(subject, latest.user, latest.tier, latest.at);
    sql.forgetRecent.run(subject, subject);
  }

  return {
    add: (records) =>
      together.run(() => {
        const bySubject = Map.groupBy(records, ({ subject }) => subject);
        for (const [subject, own] of bySubject) add(subject, own);
      }),
    totals: async (query) => readTotals(db, query),
    recent: async (subject) => sql.recent.all(subject).map(({ record }) => toRecord(record)),
    users: async (search, limit) =>
      sql.users
        .all(`%${escapeLike(search)}%`, `${escapeLike(search)}%`, limit)
        .map(({ subject, user, tier, seen_at }) => ({
          subject: String(subject),
          user: String(user),
          tier: String(tier),
          seenAt: Number(seen_at),
        })),
    forgetBefore: (day, at) =>
      together.run(() => {
        sql.dropTotals.run(day);
        sql.dropUsers.run(at);
        sql.dropRecent.run(at);
      }),
    async close() {
      together.flush();
      if (db.isOpen) db.close();
    },
    outbox: {
      first: async (count) =>
        sql.first
          .all(count)
          .map(({ number, record }) => ({ number: Number(number), record: toRecord(record) })),
      remove: (numbers) =>
        together.run(() => {
          for (const number of numbers) sql.remove.run(number);
        }),
      trim: (most) => together.run(() => Number(sql.trim.run(most).changes)),
    },
  };
}

function readTotals(db: DatabaseSync, { from, to, subject, by, limit = 10_000 }: TotalsQuery): TotalsRow[] {
  const sums = Object.entries(SUMS).map(([name, column]) => `sum(${column}) AS ${name}`);
  const name = by.includes('subject')
    ? ['(SELECT user FROM users u WHERE u.subject = totals.subject) AS user']
    : [];
  const filter = subject === undefined ? '' : 'AND subject = ?';
  const order = by.includes('day') ? 'day, requests DESC' : 'requests DESC';
  const statement = db.prepare(`
    SELECT ${[...by, ...name, ...sums].join(', ')} FROM totals WHERE day BETWEEN ? AND ? ${filter}
    ${by.length === 0 ? '' : `GROUP BY ${by.join(', ')}`} HAVING count(*) > 0 ORDER BY ${order} LIMIT ?`);
  return statement
    .all(from, to, ...(subject === undefined ? [] : [subject]), limit)
    .map((row) => toTotalsRow(row, by));
}

function toTotalsRow(row: Record<string, SQLOutputValue>, by: readonly Grouping[]): TotalsRow {
  const number = (name: keyof typeof SUMS) => Number(row[name]);
  return {
    ...Object.fromEntries(by.map((column) => [column, String(row[column])])),
    ...(by.includes('subject') && { user: String(row.user ?? '') }),
    requests: number('requests'),
    refusals: number('refusals'),
    refunds: number('refunds'),
    inputTokens: number('inputTokens'),
    outputTokens: number('outputTokens'),
    cacheReadTokens: number('cacheReadTokens'),
    cacheWriteTokens: number('cacheWriteTokens'),
  };
}

const toRecord = (text: SQLOutputValue | undefined) => JSON.parse(String(text)) as UsageRecord;
const escapeLike = (text: string) => text.replace(/[\\%_]/g, '\\$&');

function prepare(db: DatabaseSync) {
  const columns = Object.values(SUMS);
  return {
    add: db.prepare(`
      INSERT INTO totals (day, subject, model, backend, ${columns.join(', ')})
      VALUES (?, ?, ?, ?, ${columns.map(() => '?').join(', ')})
      ON CONFLICT DO UPDATE SET ${columns.map((column) => `${column} = ${column} + excluded.${column}`).join(', ')}`),
    see: db.prepare(`
      INSERT INTO users (subject, user, tier, seen_at) VALUES (?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET user = excluded.user, tier = excluded.tier, seen_at = excluded.seen_at`),
    remember: db.prepare('INSERT INTO recent (subject, record, at) VALUES (?, ?, ?)'),
    forgetRecent: db.prepare(`
      DELETE FROM recent WHERE subject = ? AND number <=
        (SELECT number FROM recent WHERE subject = ? ORDER BY number DESC LIMIT 1 OFFSET ${RECENT_KEPT})`),
    recent: db.prepare('SELECT record FROM recent WHERE subject = ? ORDER BY number DESC'),
    users: db.prepare(`
      SELECT subject, user, tier, seen_at FROM users
       WHERE user LIKE ? ESCAPE '\\' OR subject LIKE ? ESCAPE '\\' ORDER BY seen_at DESC LIMIT ?`),
    dropTotals: db.prepare('DELETE FROM totals WHERE day < ?'),
    dropUsers: db.prepare('DELETE FROM users WHERE seen_at < ?'),
    dropRecent: db.prepare('DELETE FROM recent WHERE at < ?'),
    post: db.prepare('INSERT INTO outbox (record) VALUES (?)'),
    first: db.prepare('SELECT number, record FROM outbox ORDER BY number LIMIT ?'),
    remove: db.prepare('DELETE FROM outbox WHERE number = ?'),
    trim: db.prepare(`
      DELETE FROM outbox WHERE number <= (SELECT number FROM outbox ORDER BY number DESC LIMIT 1 OFFSET ?)`),
  };
}
