import { createTransactions, openSqlite } from '../store/sqlite.ts';
import { RECORDS_KEPT, WINDOWS_KEPT } from './retention.ts';
import {
  type Charges,
  createRows,
  type EndedLease,
  type RequestRow,
  type Rows,
  type TurnRow,
} from './sqlite-rows.ts';
import { SQLITE_SCHEMA, SQLITE_UPGRADES, SQLITE_VERSION } from './sqlite-schema.ts';
import type { Claim, Entry, Grant, Hold, QuotaStore, Tally, TurnClaim, Verdict } from './store.ts';
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

/** Milliseconds between two removals of old rows, and the oldest rows that one looks at. */
const PRUNE_EVERY = 60_000;
const PRUNE_ROWS = 2_000;
/** Milliseconds between two looks for leases that have ended, at most. */
const LOOK_EVERY = 1_000;

/**
 * Counts in one SQLite file, exact also when several processes share it.
 *
 * @throws Error when the file cannot be opened or made
 */
export function createSqliteStore(options: SqliteStoreOptions): QuotaStore {
  const { file, clock, synchronous = 'NORMAL' } = options;
  const db = openSqlite({
    file,
    schema: SQLITE_SCHEMA,
    version: SQLITE_VERSION,
    upgrades: SQLITE_UPGRADES,
    synchronous,
  });
  const rows = createRows(db);
  const prune = createPruner(rows);
  const leases = createLeases(rows);
  const together = createTransactions(db, () => prune(clock()));

  return {
    reserve: (claim) =>
      together.run(() => {
        const now = clock();
        leases.drop(claim.subject, now);
        leases.expect(now + claim.lease);
        return reserve(rows, now, claim);
      }),
    renew: (request, lease) =>
      together.run(() => {
        const now = clock();
        leases.expect(now + lease);
        return rows.renew(request, now, lease);
      }),
    commit: (entry) => together.run(() => commit(rows, clock(), entry)),
    release: (entry) => together.run(() => release(rows, clock(), entry)),
    // In line with the other steps, so that who asks after an answer sees what became of it.
    peek: (subject, counts) => together.run(() => peek(rows, clock(), subject, counts)),
    grant: (given) => together.run(() => grant(rows, clock(), given)),
    async ping() {
      db.exec('SELECT 1 FROM windows LIMIT 1');
    },
    async close() {
      together.flush();
      if (db.isOpen) db.close();
    },
  };
}

/** What it takes is held at first, and given back where that was too much: the rare case pays. */
function reserve(rows: Rows, now: number, claim: Claim): Verdict {
  const { subject, requestId, holds, turn, concurrency, lease } = claim;
  const open = openTurn(rows, now, subject, turn);
  const windows = holds.map((hold) => windowAt(hold.windows, now));
  const amounts = holds.map((hold) => (hold.perTurn && open !== null ? 0 : hold.amount));
  const charges = windows.map(({ id }, index) => [id, amounts[index] ?? 0] as const);
  const row = { state: 'held', until: now + lease, lease: now + lease, charges, tokens: 0 } as const;
  const isNew = rows.insert(claim, row);
  const known = isNew ? null : rows.find(claim, now);
  if (known !== null && known.state !== 'released') return again(rows, now, claim, known);
  if (!isNew) rows.write(claim, row);

  const after = windows.map((window, index) => hold(rows, subject, window, amounts[index] ?? 0));
  const before = after.map((tally, index) => ({ ...tally, pending: tally.pending - (amounts[index] ?? 0) }));
  const refusedBy =
    concurrency !== null && rows.countLeased(subject) > concurrency
      ? 'concurrency'
      : firstWithoutRoom(holds, before, amounts, open !== null);
  if (refusedBy !== null) {
    rows.take(subject, charges, 'held');
    if (known === null) rows.remove(claim);
    else rows.write(claim, known);
    return { admitted: false, refusedBy, tallies: before, amounts };
  }
  if (turn !== null) {
    const opened = { opener: requestId, prompt: turn.prompt, opened: now, requests: 1, tokens: 0 };
    const next = open === null ? opened : { ...open, requests: open.requests + 1 };
    rows.writeTurn(subject, turn.session, next, now + RECORDS_KEPT);
  }
  return { admitted: true, refusedBy: null, tallies: lease > 0 ? after : before, amounts };
}

function hold(rows: Rows, subject: string, window: Window, amount: number): Tally {
  return amount > 0 ? rows.add(subject, window, 0, amount) : rows.tally(subject, window);
}

/** The answer to a request that is known already, in the windows that it was admitted to. */
function again(rows: Rows, now: number, { subject, holds }: Claim, { charges }: RequestRow): Verdict {
  const amountIn = new Map(charges);
  const windows = holds.map(
    ({ windows: { current, next } }) =>
      [current, next].find(({ id }) => amountIn.has(id)) ?? windowAt({ current, next }, now),
  );
  return {
    admitted: true,
    refusedBy: null,
    tallies: windows.map((window) => rows.tally(subject, window)),
    amounts: windows.map(({ id }) => amountIn.get(id) ?? 0),
  };
}

/** Nearly always what was held is charged as it was held, and nothing has to be read for that. */
function commit(rows: Rows, now: number, entry: Entry): readonly number[] {
  const { subject, session, tokens, running } = entry;
  const charges = toCharges(entry);
  const until = now + RECORDS_KEPT;
  if (!rows.charge(entry, now, { until, running, charges, tokens })) return change(rows, now, entry);
  if (session !== null && tokens !== 0) rows.addTokens(subject, session, tokens);
  return entry.charges.map(({ window, amount }) => rows.add(subject, window, amount, -amount).used);
}

const toCharges = ({ charges }: Entry): Charges => charges.map(({ window, amount }) => [window.id, amount]);

/** Charges a request whatever is known of it. */
function change(rows: Rows, now: number, entry: Entry): readonly number[] {
  const { subject, charges, session, tokens, running } = entry;
  const known = rows.find(entry, now);
  // Its own lease may have ended, and what it held must not count beside what it is charged.
  if (known === null) dropEnded(rows, rows.ended(subject, now));
  if (known?.state === 'released') return usedOf(rows, entry);
  const before = new Map(known?.charges);
  const used = charges.map(({ window, amount }) => {
    const taken = before.get(window.id) ?? 0;
    before.delete(window.id);
    const isHeld = known?.state === 'held';
    const [more, held] = isHeld ? [amount, -taken] : [amount - taken, 0];
    return rows.add(subject, window, more, held).used;
  });
  // What was held or charged elsewhere, which only a caller brings about that changes its mind.
  rows.take(subject, [...before], known?.state === 'held' ? 'held' : 'used');
  rows.write(entry, {
    state: 'charged',
    until: now + RECORDS_KEPT,
    lease: running ? (known?.lease ?? 0) : 0,
    charges: toCharges(entry),
    tokens,
  });
  const more = tokens - (known?.tokens ?? 0);
  if (session !== null && more !== 0) rows.addTokens(subject, session, more);
  return used;
}

function release(rows: Rows, now: number, entry: Entry): readonly number[] {
  dropEnded(rows, rows.ended(entry.subject, now));
  const known = rows.find(entry, now);
  if (known !== null) rows.take(entry.subject, known.charges, known.state === 'held' ? 'held' : 'used');
  rows.write(entry, { state: 'released', until: now + RECORDS_KEPT, lease: 0, charges: [], tokens: 0 });
  return usedOf(rows, entry);
}

function peek(rows: Rows, now: number, subject: string, counts: readonly Windows[]): readonly Tally[] {
  const ended = rows.ended(subject, now).flatMap(({ state, charges }) => (state === 'held' ? charges : []));
  return counts.map((windows) => {
    const tally = rows.tally(subject, windowAt(windows, now));
    const gone = ended.reduce((sum, [count, amount]) => sum + (count === tally.window.id ? amount : 0), 0);
    return { ...tally, pending: Math.max(0, tally.pending - gone) };
  });
}

function grant(rows: Rows, now: number, given: Grant): number {
  const { subject, windows, extra } = given;
  const window = windowAt(windows, now);
  if (rows.find(given, now) !== null) return rows.tally(subject, window).extra;
  rows.write(given, { state: 'charged', until: now + RECORDS_KEPT, lease: 0, charges: [], tokens: 0 });
  return rows.grant(subject, window, extra);
}

function usedOf(rows: Rows, { subject, charges }: Entry): readonly number[] {
  return charges.map(({ window }) => rows.tally(subject, window).used);
}

/** What is held counts no more once its lease has ended; the counts learn of it with the subject's next step. */
function dropEnded(rows: Rows, ended: readonly EndedLease[]): void {
  for (const lease of ended) {
    if (lease.state === 'held') {
      rows.take(lease.subject, lease.charges, 'held');
      rows.remove(lease);
    } else rows.unlease(lease);
  }
}

/**
 * Drops leases that have ended, when the first of them may have. Leases of other processes are as long as ours, so that
 * none that is made after a look ends before the next.
 */
function createLeases(rows: Rows) {
  let next = 0;
  return {
    drop(subject: string, now: number): void {
      if (now < next) return;
      dropEnded(rows, rows.endedOfAll(now, PRUNE_ROWS));
      dropEnded(rows, rows.ended(subject, now));
      next = Math.min(rows.firstLease(), now + LOOK_EVERY);
    },
    expect(end: number): void {
      next = Math.min(next, end);
    },
  };
}

/** Removes void rows, a bounded number now and then, so that no single request waits for a large removal. */
function createPruner(rows: Rows): (now: number) => void {
  let next = 0;
  return (now) => {
    if (now < next) return;
    dropEnded(rows, rows.endedOfAll(now, PRUNE_ROWS));
    if (rows.prune(now, now - WINDOWS_KEPT, PRUNE_ROWS) === 0) next = now + PRUNE_EVERY;
  };
}

function openTurn(rows: Rows, now: number, subject: string, turn: TurnClaim | null): TurnRow | null {
  const open = turn === null ? null : rows.findTurn(subject, turn.session);
  if (turn === null || open === null) return null;
  const opener = rows.find({ subject, requestId: open.opener }, now);
  if (opener === null || opener.state === 'released' || isFull(open, turn, now)) return null;
  return turn.prompt === null || turn.prompt === open.prompt ? open : null;
}

function isFull({ requests, opened, tokens }: TurnRow, { most }: TurnClaim, now: number): boolean {
  return requests >= most.requests || now - opened >= most.milliseconds || tokens >= most.tokens;
}

function firstWithoutRoom(
  holds: readonly Hold[],
  tallies: readonly Tally[],
  amounts: readonly number[],
  inTurn: boolean,
): number | null {
  const index = holds.findIndex(({ limit, needs, overdraft }, at) => {
    if (limit === null || amounts[at] === 0) return false;
    const { used = 0, pending = 0, extra = 0 } = tallies[at] ?? {};
    return used + pending + needs > limit + extra + (inTurn ? overdraft : 0);
  });
  return index < 0 ? null : index;
}

function windowAt(windows: Windows, now: number): Window {
  return now < windows.current.endsAt ? windows.current : windows.next;
}
