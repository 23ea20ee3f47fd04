/** The statements on the tables of the quota, as functions. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { RequestKey, Tally } from './store.ts';
import type { Window } from './windows.ts';

/** What a request draws on a count, by the count's name. */
export type Charges = readonly (readonly [count: string, amount: number])[];

/** A request that is known. */
export interface RequestRow {
  readonly state: 'held' | 'charged' | 'released';
  /** From when on the row is void. */
  readonly until: number;
  /** End of the lease; 0 where nothing is leased. */
  readonly lease: number;
  readonly charges: Charges;
  /** Tokens counted towards the fill of its turn. */
  readonly tokens: number;
}

/** A request as it is charged when its answer begins. */
interface Charged extends Pick<RequestRow, 'until' | 'charges' | 'tokens'> {
  /** Whether it keeps its lease. */
  readonly running: boolean;
}

export interface TurnRow {
  readonly opener: string;
  readonly prompt: string | null;
  readonly opened: number;
  readonly requests: number;
  readonly tokens: number;
}

export type Rows = ReturnType<typeof createRows>;

export function createRows(db: DatabaseSync) {
  const sql = prepare(db);
  return {
    find({ subject, requestId }: RequestKey, now: number): RequestRow | null {
      const row = sql.find.get(subject, requestId, now);
      return row === undefined ? null : toRequest(row);
    },

    write({ subject, requestId }: RequestKey, row: RequestRow): void {
      const { state, until, lease, charges, tokens } = row;
      sql.write.run(subject, requestId, state, until, lease, JSON.stringify(charges), tokens);
    },

    /** @returns whether it is there now; a row that was there before stays as it is */
    insert({ subject, requestId }: RequestKey, row: RequestRow): boolean {
      const { state, until, lease, charges, tokens } = row;
      const written = sql.insert.run(
        subject,
        requestId,
        state,
        until,
        lease,
        JSON.stringify(charges),
        tokens,
      );
      return Number(written.changes) === 1;
    },

    /** @returns whether it was held with these charges, and is charged with them now */
    charge({ subject, requestId }: RequestKey, now: number, row: Charged): boolean {
      const { until, running, charges, tokens } = row;
      const keepsLease = running ? 1 : 0;
      const text = JSON.stringify(charges);
      return Number(sql.charge.run(until, keepsLease, tokens, subject, requestId, now, text).changes) === 1;
    },

    renew({ subject, requestId }: RequestKey, now: number, lease: number): boolean {
      return Number(sql.renew.run(now + lease, now + lease, subject, requestId, now).changes) === 1;
    },

    tally(subject: string, window: Window): Tally {
      return toTally(window, sql.count.get(subject, window.id));
    },

    /** Changes a count and answers what it holds now. */
    add(subject: string, window: Window, used: number, held: number): Tally {
      const { id, endsAt } = window;
      const row = sql.add.get(subject, id, Math.max(0, used), Math.max(0, held), endsAt, used, held);
      return toTally(window, row);
    },

    /** Gives a count more than its limit and answers what is given beyond it now. */
    grant(subject: string, { id, endsAt }: Window, extra: number): number {
      return Number(sql.grant.get(subject, id, Math.max(0, extra), endsAt, extra)?.extra ?? 0);
    },

    /** Takes from counts what is there to take. */
    take(subject: string, charges: Charges, from: 'used' | 'held'): void {
      const statement = from === 'used' ? sql.takeUsed : sql.takeHeld;
      for (const [count, amount] of charges) if (amount > 0) statement.run(amount, subject, count);
    },

    /** Requests of a subject whose lease has ended and was not noticed. */
    ended: (subject: string, now: number) => sql.ended.all(subject, now).map(toEnded),
    endedOfAll: (now: number, most: number) => sql.endedOfAll.all(now, most).map(toEnded),
    /** When the first lease of anybody ends; never where nothing is leased. */
    firstLease: () => Number(sql.firstLease.get()?.lease ?? Number.POSITIVE_INFINITY),
    countLeased: (subject: string) => Number(sql.leased.get(subject)?.count ?? 0),
    remove: ({ subject, requestId }: RequestKey) => void sql.remove.run(subject, requestId),
    unlease: ({ subject, requestId }: RequestKey) => void sql.unlease.run(subject, requestId),

    findTurn(subject: string, session: string): TurnRow | null {
      const row = sql.turn.get(subject, session);
      return row === undefined ? null : toTurn(row);
    },

    writeTurn(subject: string, session: string, turn: TurnRow, until: number): void {
      const { opener, prompt, opened, requests, tokens } = turn;
      sql.writeTurn.run(subject, session, opener, prompt, opened, requests, tokens, until);
    },

    addTokens: (subject: string, session: string, tokens: number) =>
      void sql.addTokens.run(tokens, subject, session),

    /** Removes what is void; of requests, among the oldest so many. @returns how many requests went */
    prune(now: number, endedBefore: number, most: number): number {
      sql.pruneTurns.run(now);
      sql.pruneWindows.run(endedBefore);
      return Number(sql.pruneRequests.run(most, now).changes);
    },
  };
}

export interface EndedLease extends RequestKey {
  readonly state: RequestRow['state'];
  readonly charges: Charges;
}

function toEnded(row: Record<string, unknown>): EndedLease {
  const { state, charges } = toRequest(row);
  return { subject: String(row.subject), requestId: String(row.request), state, charges };
}

function toTally(window: Window, row: Record<string, unknown> | undefined): Tally {
  if (row === undefined) return { window, used: 0, pending: 0, extra: 0 };
  return { window, used: Number(row.used), pending: Number(row.held), extra: Number(row.extra) };
}

function toRequest(row: Record<string, unknown>): RequestRow {
  return {
    state: row.state as RequestRow['state'],
    until: Number(row.until),
    lease: Number(row.lease),
    charges: JSON.parse(String(row.charges)) as Charges,
    tokens: Number(row.tokens),
  };
}

function toTurn(row: Record<string, unknown>): TurnRow {
  return {
    opener: String(row.opener),
    prompt: row.prompt === null ? null : String(row.prompt),
    opened: Number(row.opened),
    requests: Number(row.requests),
    tokens: Number(row.tokens),
  };
}

function prepare(db: DatabaseSync) {
  return {
    find: db.prepare(`
      SELECT state, until, lease, charges, tokens FROM requests
       WHERE subject = ? AND request = ? AND until > ?`),
    write: db.prepare(`
      INSERT INTO requests (subject, request, state, until, lease, charges, tokens) VALUES (?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET state = excluded.state, until = excluded.until, lease = excluded.lease,
                                charges = excluded.charges, tokens = excluded.tokens`),
    insert: db.prepare(`
      INSERT INTO requests (subject, request, state, until, lease, charges, tokens) VALUES (?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT DO NOTHING`),
    charge: db.prepare(`
      UPDATE requests SET state = 'charged', until = ?, lease = iif(?, lease, 0), tokens = ?
       WHERE subject = ? AND request = ? AND state = 'held' AND until > ? AND charges = ?`),
    renew: db.prepare(`
      UPDATE requests SET lease = ?, until = CASE state WHEN 'held' THEN ? ELSE until END
       WHERE subject = ? AND request = ? AND lease > ?`),
    count: db.prepare('SELECT used, held, extra FROM windows WHERE subject = ? AND window = ?'),
    add: db.prepare(`
      INSERT INTO windows (subject, window, used, held, ends_at) VALUES (?, ?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET used = max(0, used + ?), held = max(0, held + ?)
      RETURNING used, held, extra`),
    grant: db.prepare(`
      INSERT INTO windows (subject, window, used, extra, ends_at) VALUES (?, ?, 0, ?, ?)
      ON CONFLICT DO UPDATE SET extra = max(0, extra + ?) RETURNING extra`),
    takeUsed: db.prepare('UPDATE windows SET used = max(0, used - ?) WHERE subject = ? AND window = ?'),
    takeHeld: db.prepare('UPDATE windows SET held = max(0, held - ?) WHERE subject = ? AND window = ?'),
    ended: db.prepare(`
      SELECT subject, request, state, until, lease, charges, tokens FROM requests
       WHERE subject = ? AND lease > 0 AND lease <= ?`),
    endedOfAll: db.prepare(`
      SELECT subject, request, state, until, lease, charges, tokens FROM requests
       WHERE lease > 0 AND lease <= ? LIMIT ?`),
    firstLease: db.prepare('SELECT min(lease) AS lease FROM requests WHERE lease > 0'),
    leased: db.prepare('SELECT count(*) AS count FROM requests WHERE subject = ? AND lease > 0'),
    remove: db.prepare('DELETE FROM requests WHERE subject = ? AND request = ?'),
    unlease: db.prepare('UPDATE requests SET lease = 0 WHERE subject = ? AND request = ?'),
    turn: db.prepare(
      'SELECT opener, prompt, opened, requests, tokens FROM turns WHERE subject = ? AND session = ?',
    ),
    writeTurn: db.prepare(`
      INSERT INTO turns (subject, session, opener, prompt, opened, requests, tokens, until)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET opener = excluded.opener, prompt = excluded.prompt, opened = excluded.opened,
                                requests = excluded.requests, tokens = excluded.tokens, until = excluded.until`),
    addTokens: db.prepare('UPDATE turns SET tokens = tokens + ? WHERE subject = ? AND session = ?'),
    pruneRequests: db.prepare(`
      DELETE FROM requests WHERE (request, subject) IN (
        SELECT request, subject FROM (SELECT * FROM requests ORDER BY request, subject LIMIT ?)
         WHERE until <= ? AND lease = 0)`),
    pruneTurns: db.prepare('DELETE FROM turns WHERE until <= ?'),
    pruneWindows: db.prepare('DELETE FROM windows WHERE ends_at < ?'),
  } satisfies Record<string, StatementSync>;
}
