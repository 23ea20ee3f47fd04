import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createJournal, type Settlement } from '../../src/quota/journal.ts';
import type { JournalFile } from '../../src/quota/journal-file.ts';
import { RECORDS_KEPT } from '../../src/quota/retention.ts';
import { LeftAlone } from '../../src/quota/store-health.ts';
import { createFakeTime } from './fake-time.ts';
import { plainEntry } from './plain-request.ts';

const window = { id: '2026-11-22', endsAt: Date.UTC(2026, 10, 23) };

/** A disk that outlives the journals written on it. */
function createDisk() {
  const texts = new Map<string, string>();
  const disk = { texts, full: false, closed: 0 };
  const open = (): JournalFile => ({
    left: [...texts].map(([key, text]) => ({ key, text })),
    async note(key, text) {
      if (disk.full) throw new Error('database or disk is full');
      texts.set(key, text);
    },
    strike: async (key) => void texts.delete(key),
    count: () => assert.fail('nothing is counted here'),
    uncount: () => assert.fail('nothing is counted here'),
    close: () => void disk.closed++,
  });
  return { disk, open };
}

function start(capacity?: number, file?: JournalFile) {
  const time = createFakeTime(Date.UTC(2026, 10, 22, 12));
  const applied: string[] = [];
  const tried: string[] = [];
  const logged: string[] = [];
  const store = { broken: false, leftAlone: false, breaksFor: '', heldUp: Promise.resolve() };
  const write = (fields: unknown, message: string) =>
    void logged.push(`${message} ${JSON.stringify(fields)}`);
  const journal = createJournal({
    storeForgets: true,
    async apply({ step, entry }) {
      if (store.leftAlone) throw new LeftAlone();
      const name = `${step} ${entry.requestId}`;
      tried.push(name);
      await store.heldUp;
      if (store.broken || entry.requestId === store.breaksFor) throw new Error('away');
      applied.push(name);
      return [applied.length];
    },
    clock: time.clock,
    after: time.timers.after,
    log: { info: write, warn: write },
    capacity,
    file,
  });
  const settle = (step: Settlement['step'], requestId: string, told = () => undefined) =>
    journal.settle({ step, entry: plainEntry('s', requestId, window), at: time.clock(), told });
  return { time, journal, settle, store, applied, tried, logged };
}

test('a settlement is applied at once where the store answers, and nothing is left waiting', async () => {
  const { settle, applied, time } = start();
  await settle('commit', 'r1');
  assert.deepEqual(applied, ['commit r1']);
  assert.equal(time.waiting(), 0);
});

test('what the store counts is told', async () => {
  const { journal } = start();
  const told: number[] = [];
  await journal.settle({
    step: 'commit',
    entry: plainEntry('s', 'r1', window),
    at: 0,
    told: ([used = 0]) => void told.push(used),
  });
  assert.deepEqual(told, [1]);
});

test('what fails is tried again, later and later, until the store is back', async () => {
  const { settle, store, tried, applied, time } = start();
  store.broken = true;
  await settle('commit', 'r1');
  const tries: number[] = [];
  for (let tenth = 1; tenth <= 300; tenth++) {
    const before = tried.length;
    await time.pass(100);
    if (tried.length > before) tries.push(tenth);
  }
  assert.deepEqual(tries, [3, 8, 18, 38, 78, 128, 178, 228, 278], 'tenths of a second');
  store.broken = false;
  await time.pass(5_000);
  assert.deepEqual(applied, ['commit r1']);
  assert.equal(time.waiting(), 0);
});

test('all that waits is applied in the order in which it came', async () => {
  const { settle, store, applied, time } = start();
  store.broken = true;
  for (const request of ['r1', 'r2', 'r3']) await settle('commit', request);
  store.broken = false;
  await time.pass(5_000);
  assert.deepEqual(applied, ['commit r1', 'commit r2', 'commit r3']);
});

test('a release takes the place of a commit that waits', async () => {
  const { settle, store, applied, time } = start();
  store.broken = true;
  await settle('commit', 'r1');
  await settle('release', 'r1');
  store.broken = false;
  await time.pass(5_000);
  assert.deepEqual(applied, ['release r1']);
});

test('a release that succeeds at once leaves no older commit to be tried again', async () => {
  const { settle, store, tried, time } = start();
  store.broken = true;
  await settle('commit', 'r1');
  store.broken = false;
  await settle('release', 'r1');
  await time.pass(60_000);
  assert.deepEqual(tried, ['commit r1', 'release r1']);
});

test('a commit that is tried again in vain while its release succeeds is forgotten', async () => {
  const { settle, store, tried, applied, time } = start();
  store.breaksFor = 'r1';
  await settle('commit', 'r1');
  const { promise, reject } = Promise.withResolvers<void>();
  store.heldUp = promise;
  await time.pass(250);
  store.heldUp = Promise.resolve();
  store.breaksFor = '';
  await settle('release', 'r1');
  reject(new Error('away'));
  await time.pass(60_000);
  assert.deepEqual(tried, ['commit r1', 'commit r1', 'release r1']);
  assert.deepEqual(applied, ['release r1']);
  assert.equal(time.waiting(), 0);
});

test('steps of one request begin one after the other', async () => {
  const { settle, tried, applied } = start();
  const commit = settle('commit', 'r1');
  const release = settle('release', 'r1');
  assert.deepEqual(tried, ['commit r1']);
  await Promise.all([commit, release]);
  assert.deepEqual(applied, ['commit r1', 'release r1']);
});

test('one that always fails does not hold up the others', async () => {
  const { settle, store, applied, time } = start();
  store.broken = true;
  await settle('commit', 'bad');
  await settle('commit', 'good');
  store.broken = false;
  store.breaksFor = 'bad';
  await time.pass(2_000);
  assert.deepEqual(applied, ['commit good']);
});

test('beyond the capacity the oldest is given up, and said', async () => {
  const { settle, store, applied, logged, time } = start(2);
  store.broken = true;
  for (const request of ['r1', 'r2', 'r3']) await settle('commit', request);
  store.broken = false;
  await time.pass(5_000);
  assert.deepEqual(applied, ['commit r2', 'commit r3']);
  assert.deepEqual(logged, [
    'a quota settlement was given up: too many wait for the quota store {"capacity":2}',
  ]);
});

test('what is older than the store remembers is dropped, for it could be charged twice', async () => {
  const { settle, store, applied, time } = start();
  store.broken = true;
  await settle('commit', 'r1');
  await time.pass(RECORDS_KEPT);
  store.broken = false;
  await time.pass(60_000);
  assert.deepEqual(applied, []);
  assert.equal(time.waiting(), 0);
});

test('closing waits for what is under way and tries once more what waits', async () => {
  const { settle, store, journal, applied, time } = start();
  store.broken = true;
  await settle('commit', 'r1');
  store.broken = false;
  void settle('commit', 'r2');
  void settle('release', 'r2');
  await journal.close();
  assert.deepEqual(applied, ['commit r2', 'release r2', 'commit r1']);
  assert.equal(time.waiting(), 0);
});

test('closing while the store is away ends and says what is lost', async () => {
  const { settle, store, journal, logged, time } = start();
  store.broken = true;
  await settle('commit', 'r1');
  await settle('commit', 'r2');
  await journal.close();
  assert.deepEqual(logged, ['quota settlements were lost: the store is away {"lost":2}']);
  assert.equal(time.waiting(), 0);
});

test('what waits is on disk before the answer goes on, and is settled by the next start', async () => {
  const { disk, open } = createDisk();
  const first = start(undefined, open());
  first.store.broken = true;
  await first.settle('commit', 'r1');
  await first.settle('commit', 'r2');
  await first.settle('release', 'r2');
  assert.equal(disk.texts.size, 2);
  const second = start(undefined, open());
  await second.time.pass(250);
  assert.deepEqual(second.applied, ['commit r1', 'release r2']);
  assert.deepEqual([disk.texts.size, second.journal.waiting(), second.time.waiting()], [0, 0, 0]);
});

test('a settlement that succeeds at once never touches the disk', async () => {
  const { disk, open } = createDisk();
  disk.full = true;
  const { settle, applied, logged } = start(undefined, open());
  await settle('commit', 'r1');
  assert.deepEqual([applied, logged], [['commit r1'], []]);
});

test('where the disk is full as well, the settlement waits in memory, and that is said', async () => {
  const { disk, open } = createDisk();
  const { settle, store, applied, logged, time } = start(undefined, open());
  disk.full = true;
  store.broken = true;
  await settle('commit', 'r1');
  store.broken = false;
  await time.pass(5_000);
  assert.deepEqual(applied, ['commit r1']);
  assert.deepEqual(logged, ['a quota settlement is kept in memory alone: the journal cannot be written {}']);
});

test('closing while the store is away leaves the rest to the next start', async () => {
  const { disk, open } = createDisk();
  const { settle, store, journal, logged } = start(undefined, open());
  store.broken = true;
  await settle('commit', 'r1');
  await journal.close();
  assert.deepEqual(logged, ['quota settlements wait for the next start: the store is away {"kept":1}']);
  assert.deepEqual([disk.texts.size, disk.closed], [1, 1]);
});

test('what the store was never asked for is settled however late', async () => {
  const { open } = createDisk();
  const first = start(undefined, open());
  first.store.leftAlone = true;
  await first.settle('commit', 'r1');
  await first.time.pass(RECORDS_KEPT * 2);
  const second = start(undefined, open());
  await second.time.pass(RECORDS_KEPT * 2);
  assert.deepEqual(second.applied, ['commit r1']);
  first.store.leftAlone = false;
  await first.time.pass(5_000);
  assert.deepEqual(first.applied, ['commit r1']);
});

test('when the store is back, nobody waits for the end of a pause', async () => {
  const { settle, store, journal, applied, time } = start();
  store.broken = true;
  await settle('commit', 'r1');
  await time.pass(60_000);
  store.broken = false;
  journal.retry();
  await time.settle();
  assert.deepEqual(applied, ['commit r1']);
});

test('what was done before the store restarted is done once more, the last step of each', async () => {
  const { settle, journal, applied, time } = start();
  await settle('commit', 'long ago');
  await time.pass(RECORDS_KEPT);
  await settle('commit', 'r1');
  await settle('commit', 'r2');
  await settle('release', 'r2');
  await time.pass(3_600_000);
  applied.length = 0;
  journal.repeatRecent();
  await time.settle();
  assert.deepEqual(applied, ['commit r1', 'release r2']);
  assert.equal(time.waiting(), 0);
});

test('after an outage so long that the store may have forgotten, nothing is repeated', async () => {
  const { settle, journal, applied, time } = start();
  await settle('commit', 'r1');
  await time.pass(RECORDS_KEPT);
  journal.repeatRecent();
  await time.settle();
  assert.deepEqual(applied, ['commit r1']);
});

test('of many settlements the latest twenty thousand are repeated, each request’s last step once', async () => {
  const { journal, settle, applied, time } = start();
  for (let count = 0; count < 20_010; count++) await settle('commit', `r${count}`);
  await settle('release', 'r10');
  await settle('release', 'r15');
  const before = applied.length;
  journal.repeatRecent();
  await time.settle();
  for (let rounds = 0; rounds < 100 && applied.length < before + 20_000; rounds++) await time.pass(1_000);
  const repeated = applied.slice(before);
  assert.equal(repeated.length, 20_000);
  assert.deepEqual(repeated.slice(0, 2), ['commit r11', 'commit r12']);
  assert.deepEqual(repeated.slice(-2), ['release r10', 'release r15']);
  assert.equal(new Set(repeated.map((step) => step.split(' ')[1])).size, 20_000);
});
