import type { Records } from './records.ts';

/** One change that somebody made to what others may do. */
export interface AuditEntry {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly requestId: string;
  /** Who did it. */
  readonly actor: string;
  /** What was done, for example `grant`. */
  readonly action: string;
  /** To whom. */
  readonly subject: string;
  /** What else tells what happened; nothing secret. */
  readonly details: Readonly<Record<string, string | number>>;
}

/** What was changed, by whom; the same for every replica. Written, never changed. */
export interface Audit {
  /** Resolves when the entry is kept. Rejects when it cannot be: then what it tells must not be done. */
  write(entry: AuditEntry): Promise<void>;
  /** All entries of a month (`2026-11`, UTC), oldest first. */
  read(month: string): Promise<readonly AuditEntry[]>;
}

/** Milliseconds for which entries are kept: 400 days, a year and a look back. */
const KEPT = 400 * 86_400_000;

export function createAudit(records: Records): Audit {
  const monthOf = (at: number) => new Date(at).toISOString().slice(0, 7);
  return {
    async write(entry) {
      const key = `${new Date(entry.at).toISOString()} ${entry.requestId}`;
      const collection = records.collection(`audit:${monthOf(entry.at)}`);
      if (!(await collection.put(key, JSON.stringify(entry), { ttl: KEPT, expected: null })))
        throw new Error('the audit log already holds this request');
    },
    async read(month) {
      const all = await records.collection(`audit:${month}`).list();
      return all.map(({ value }) => JSON.parse(value) as AuditEntry);
    },
  };
}
