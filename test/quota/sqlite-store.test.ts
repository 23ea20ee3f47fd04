import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { RECORDS_KEPT, WINDOWS_KEPT } from '../../src/quota/retention.ts';
import { createSqliteStore } from '../../src/quota/sqlite-store.ts';
import type { QuotaStore } from '../../src/quota/store.ts';
import { peekOne, plainClaim, plainEntry } from './plain-request.ts';
import { quotaStoreContract } from './quota-store.contract.ts';

const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-sqlite-'));
const shared = createSqliteStore({ file: join(folder, 'contract', 'quota.sqlite'), clock: Date.now });
after(async () => {
  await shared.close();
  rmSync(folder, { recursive: true, force: true });
});

quotaStoreContract('sqlite', () => shared);

const DAY = 24 * 3_600_000;
const START = Date.UTC(2026, 10, 22, 12);
const windows = {
  current: { id: '2026-11-22', endsAt: START + DAY / 2 },
  next: { id: '2026-11-23', endsAt: START + DAY + DAY / 2 },
};
let files = 0;

interface Opened {
  readonly file: string;
  readonly store: QuotaStore;
  readonly time: { now: number };
}

function openNew(): Opened {
  files += 1;
  const file = join(folder, `${files}`, 'quota.sqlite');
  const time = { now: START };
  return { file, time, store: createSqliteStore({ file, clock: () => time.now }) };
}

function rowsOf(file: string): { requests: number; windows: number } {
  const db = new DatabaseSync(file, { readOnly: true });
  const count = (table: string) => Number(db.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n);
  const rows = { requests: count('requests'), windows: count('windows') };
  db.close();
  return rows;
}

async function use(store: QuotaStore, requestId: string): Promise<void> {
  const { tallies } = await store.reserve(
    plainClaim({ subject: 's', requestId, windows, limit: null, lease: 90_000 }),
  );
  await store.commit(plainEntry('s', requestId, tallies[0]?.window ?? windows.current));
}

test('a restart keeps what was used and what is held', async () => {
  const { file, store, time } = openNew();
  await use(store, 'r1');
  await store.reserve(plainClaim({ subject: 's', requestId: 'r2', windows, limit: 10, lease: 90_000 }));
  await store.close();
  const again = createSqliteStore({ file, clock: () => time.now });
  assert.deepEqual(await peekOne(again, 's', windows), {
    window: windows.current,
    used: 1,
    pending: 1,
    extra: 0,
  });
  await again.close();
});

test('a lease lasts exactly as long as it was given', async () => {
  const { store, time } = openNew();
  await store.reserve(plainClaim({ subject: 's', requestId: 'r1', windows, limit: 1, lease: 1_000 }));
  time.now += 999;
  assert.equal((await peekOne(store, 's', windows)).pending, 1);
  time.now += 1;
  assert.equal((await peekOne(store, 's', windows)).pending, 0);
  await store.close();
});

test('the file is for its owner alone, the files beside it too, and so is a folder made for it', async () => {
  const { file, store } = openNew();
  await use(store, 'r1');
  for (const path of [file, `${file}-wal`, `${file}-shm`]) {
    assert.equal(statSync(path).mode & 0o777, 0o600, path);
  }
  assert.equal(statSync(join(file, '..')).mode & 0o777, 0o700);
  await store.close();
});

test('ended requests are forgotten after their time and the count stays', async () => {
  const { file, store, time } = openNew();
  for (let count = 0; count < 20; count++) await use(store, `r${count}`);
  time.now += RECORDS_KEPT;
  await use(store, 'later');
  assert.deepEqual(rowsOf(file), { requests: 1, windows: 1 });
  assert.equal((await peekOne(store, 's', windows)).used, 21);
  await store.close();
});

test('a charge is remembered until its time has come', async () => {
  const { store, time } = openNew();
  await use(store, 'r1');
  time.now += RECORDS_KEPT - 1;
  await store.commit(plainEntry('s', 'r1', windows.current));
  assert.equal((await peekOne(store, 's', windows)).used, 1);
  await store.close();
});

test('counts of past days go once nobody can need them', async () => {
  const { file, store, time } = openNew();
  await use(store, 'r1');
  time.now = windows.current.endsAt + WINDOWS_KEPT;
  await store.commit(plainEntry('s', 'r2', windows.next));
  assert.equal(rowsOf(file).windows, 2);
  time.now += 60_001;
  await store.commit(plainEntry('s', 'r3', windows.next));
  assert.equal(rowsOf(file).windows, 1);
  await store.close();
});

test('one step removes a bounded number of old rows, the following ones the rest', async () => {
  const { file, store, time } = openNew();
  await Promise.all(
    Array.from({ length: 2_500 }, (_, index) => store.commit(plainEntry('s', `r${index}`, windows.current))),
  );
  time.now += RECORDS_KEPT;
  await use(store, 'a');
  assert.ok(rowsOf(file).requests < 1_000);
  assert.equal((await peekOne(store, 's', windows)).used, 2_501);
  await store.close();
});

test('a file that another version wrote is refused and left alone', async () => {
  const { file, store } = openNew();
  await store.close();
  const db = new DatabaseSync(file);
  db.exec('PRAGMA user_version = 99');
  db.close();
  assert.throws(() => createSqliteStore({ file, clock: () => START }), /version 99; expected version 4/);
});

test('the file of version 1 keeps its counts, what it holds and what it remembers', async () => {
  files += 1;
  const file = join(folder, `${files}.sqlite`);
  const old = new DatabaseSync(file);
  old.exec(VERSION_1);
  old.exec(`
    INSERT INTO windows VALUES ('s', '2026-11-22', 3, ${windows.current.endsAt});
    INSERT INTO requests VALUES ('s', '2026-11-22', 'r1', 'charged', ${START + RECORDS_KEPT});
    INSERT INTO requests VALUES ('s', '2026-11-22', 'r2', 'held', ${START + 90_000});
    INSERT INTO requests VALUES ('s', '2026-11-22', 'r3', 'released', ${START + RECORDS_KEPT});
  `);
  old.close();
  const store = createSqliteStore({ file, clock: () => START });
  assert.deepEqual(await peekOne(store, 's', windows), {
    window: windows.current,
    used: 3,
    pending: 1,
    extra: 0,
  });
  await store.commit(plainEntry('s', 'r1', windows.current));
  await store.commit(plainEntry('s', 'r2', windows.current));
  await store.commit(plainEntry('s', 'r3', windows.current));
  assert.deepEqual(await peekOne(store, 's', windows), {
    window: windows.current,
    used: 4,
    pending: 0,
    extra: 0,
  });
  await store.release(plainEntry('s', 'r1', windows.current));
  assert.equal((await peekOne(store, 's', windows)).used, 3);
  await store.close();
  await createSqliteStore({ file, clock: () => START }).close();
});

test('the file of version 3 keeps its counts, what it holds and what it remembers', async () => {
  files += 1;
  const file = join(folder, `${files}.sqlite`);
  const old = new DatabaseSync(file);
  old.exec(VERSION_3);
  const day = windows.current.id;
  old.exec(`
    INSERT INTO windows VALUES ('s', '${day}', 3, 1, 2, ${windows.current.endsAt});
    INSERT INTO requests VALUES ('s', 'r1', 'charged', ${START + RECORDS_KEPT}, 0, '[["${day}",1]]', 0);
    INSERT INTO requests VALUES ('s', 'r2', 'held', ${START + 90_000}, ${START + 90_000}, '[["${day}",1]]', 0);
    INSERT INTO requests VALUES ('t', 'r2', 'released', ${START + RECORDS_KEPT}, 0, '[]', 0);
  `);
  old.close();
  const store = createSqliteStore({ file, clock: () => START });
  const before = await peekOne(store, 's', windows);
  assert.deepEqual(before, { window: windows.current, used: 3, pending: 1, extra: 2 });
  await store.commit(plainEntry('s', 'r1', windows.current));
  await store.commit(plainEntry('s', 'r2', windows.current));
  await store.commit(plainEntry('t', 'r2', windows.current));
  const after = await peekOne(store, 's', windows);
  assert.deepEqual(after, { window: windows.current, used: 4, pending: 0, extra: 2 });
  assert.equal((await peekOne(store, 't', windows)).used, 0);
  await store.close();
});

/** The tables as version 3 made them, but for turns, which are made where there are none. */
const VERSION_3 = `
  CREATE TABLE windows (
    subject TEXT NOT NULL, window TEXT NOT NULL, used INTEGER NOT NULL CHECK (used >= 0),
    held INTEGER NOT NULL DEFAULT 0 CHECK (held >= 0), extra INTEGER NOT NULL DEFAULT 0 CHECK (extra >= 0),
    ends_at INTEGER NOT NULL, PRIMARY KEY (subject, window)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX windows_by_end ON windows (ends_at);
  CREATE TABLE requests (
    subject TEXT NOT NULL, request TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('held', 'charged', 'released')), until INTEGER NOT NULL,
    lease INTEGER NOT NULL, charges TEXT NOT NULL, tokens INTEGER NOT NULL, PRIMARY KEY (subject, request)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX requests_until ON requests (until);
  CREATE INDEX requests_leased ON requests (subject, lease) WHERE lease > 0;
  PRAGMA user_version = 3;
`;

/** The tables as version 1 made them. */
const VERSION_1 = `
  CREATE TABLE windows (
    subject TEXT NOT NULL, window TEXT NOT NULL, used INTEGER NOT NULL CHECK (used >= 0), ends_at INTEGER NOT NULL,
    PRIMARY KEY (subject, window)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX windows_by_end ON windows (ends_at);
  CREATE TABLE requests (
    subject TEXT NOT NULL, window TEXT NOT NULL, request TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('held', 'charged', 'released')), until INTEGER NOT NULL,
    PRIMARY KEY (subject, window, request)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX requests_by_until ON requests (until);
  CREATE INDEX requests_held ON requests (subject, window, until) WHERE state = 'held';
  PRAGMA user_version = 1;
`;

test('a write that another process blocks for too long rejects, and works again afterwards', async () => {
  const { file, store } = openNew();
  const other = new DatabaseSync(file);
  other.exec('BEGIN IMMEDIATE');
  await assert.rejects(use(store, 'r1'), /locked/);
  other.exec('COMMIT');
  other.close();
  await use(store, 'r1');
  assert.equal((await peekOne(store, 's', windows)).used, 1);
  await store.close();
});

test('steps that were given before closing are done, later ones reject', async () => {
  const { file, store, time } = openNew();
  const step = store.commit(plainEntry('s', 'r1', windows.current));
  await store.close();
  assert.deepEqual(await step, [1]);
  await assert.rejects(store.commit(plainEntry('s', 'r2', windows.current)), /finalized/);
  await assert.rejects(store.ping(), /not open/);
  const again = createSqliteStore({ file, clock: () => time.now });
  assert.equal((await peekOne(again, 's', windows)).used, 1);
  await again.close();
});
