/** Several processes at one SQLite file: who waits, for how long, and what goes on meanwhile. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { createTransactions, isBusy, openSqlite } from '../../src/store/sqlite.ts';

function open() {
  const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-busy-'));
  const file = join(folder, 'x.db');
  const schema = 'CREATE TABLE IF NOT EXISTS t (x INTEGER) STRICT;';
  const db = openSqlite({ file, schema, version: 1, synchronous: 'NORMAL' });
  const other = new DatabaseSync(file);
  const together = createTransactions(db, () => undefined);
  let turns = 0;
  const heartbeat = setInterval(() => {
    turns += 1;
  }, 1);
  return {
    db,
    other,
    together,
    turns: () => turns,
    add: (x: number) => together.run(() => void db.exec(`INSERT INTO t VALUES (${x})`)),
    all: () =>
      db
        .prepare('SELECT x FROM t ORDER BY x')
        .all()
        .map((row) => row.x),
    [Symbol.dispose]() {
      clearInterval(heartbeat);
      db.close();
      other.close();
      rmSync(folder, { recursive: true });
    },
  };
}

test('while another process writes, steps wait and everything else goes on; then each is done once', async () => {
  using world = open();
  const { other, add, all, turns } = world;
  other.exec('BEGIN IMMEDIATE');
  let done = 0;
  const steps = [1, 2].map((x) => add(x).then(() => done++));
  await pause(100);
  steps.push(add(3).then(() => done++));
  const before = turns();
  await pause(150);
  assert.ok(turns() - before >= 3, 'the event loop turned while the file was locked');
  assert.equal(done, 0);
  assert.deepEqual(all(), [], 'reading waits for nobody');
  other.exec('COMMIT');
  await Promise.all(steps);
  assert.deepEqual(all(), [1, 2, 3]);
});

test('a file that stays locked fails the steps in the end, and those after it work', async () => {
  using world = open();
  const { other, add, all } = world;
  other.exec('BEGIN IMMEDIATE');
  await assert.rejects(add(1), isBusy);
  other.exec('ROLLBACK');
  await add(2);
  assert.deepEqual(all(), [2]);
});

test('the last flush does what waits before the file is closed', async () => {
  using world = open();
  const { other, add, all, together } = world;
  other.exec('BEGIN IMMEDIATE');
  const step = add(1);
  await pause(50);
  other.exec('ROLLBACK');
  together.flush();
  assert.deepEqual(all(), [1]);
  await step;
});

test('the log of a busy file is moved into it beside the steps, and begins anew', async () => {
  using world = open();
  const { db, add, all } = world;
  const file = String(db.location());
  const megabytes = (path: string) => statSync(path).size / 1e6;
  const autocheckpoint = db.prepare('PRAGMA wal_autocheckpoint').get()?.wal_autocheckpoint;
  assert.equal(autocheckpoint, 0, 'no step waits for the disk');
  db.exec('CREATE TABLE wide (x BLOB) STRICT');
  const wide = db.prepare('INSERT INTO wide VALUES (?)');
  const eight = () => {
    for (let row = 0; row < 8; row++) wide.run(new Uint8Array(1_000));
  };
  for (let count = 0; count < 2_500; count++) {
    await world.together.run(eight);
    await pause(1);
  }
  await add(1);
  assert.deepEqual(all(), [1]);
  const log = megabytes(`${file}-wal`);
  assert.ok(log < 25, `the log has ${log} MB of some 50 written`);
  assert.ok(megabytes(file) > 10, 'the file has what the log had');
});

test('a file for one connection alone is kept by SQLite itself', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-alone-'));
  const options = { file: join(folder, 'x.db'), schema: '', version: 1, synchronous: 'FULL' } as const;
  const db = openSqlite({ ...options, exclusive: true });
  createTransactions(db, () => undefined);
  assert.equal(db.prepare('PRAGMA wal_autocheckpoint').get()?.wal_autocheckpoint, 1000);
  db.close();
  rmSync(folder, { recursive: true });
});
