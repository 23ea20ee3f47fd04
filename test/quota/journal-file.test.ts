import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openJournalFile } from '../../src/quota/journal-file.ts';

const MODULE = join(import.meta.dirname, '..', '..', 'src', 'quota', 'journal-file.ts');

function startIn() {
  const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-journal-'));
  const time = { now: 1_000 };
  return {
    folder,
    time,
    open: () => openJournalFile(folder, () => time.now),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

test('what was noted and not struck is there after a restart, oldest first, replaced texts in their last form', async () => {
  using place = startIn();
  const first = place.open();
  assert.deepEqual(first.left, []);
  await Promise.all([first.note('a', '1'), first.note('b', '2'), first.note('c', '3'), first.note('a', '4')]);
  await first.strike('b');
  await first.strike('never there');
  first.close();
  const again = place.open();
  assert.deepEqual(again.left, [
    { key: 'a', text: '4' },
    { key: 'c', text: '3' },
  ]);
  again.close();
});

test('a process that is killed has lost nothing that was answered', () => {
  using place = startIn();
  const program = `
    const { openJournalFile } = await import(${JSON.stringify(MODULE)});
    const file = openJournalFile(${JSON.stringify(place.folder)}, Date.now);
    await file.note('r1', 'charged');
    await file.count('ana', 1, 5, Date.now() + 60_000);
    process.kill(process.pid, 'SIGKILL');`;
  assert.throws(() =>
    execFileSync(process.execPath, ['--input-type=module', '-e', program], { stdio: 'pipe' }),
  );
  const file = place.open();
  assert.deepEqual(file.left, [{ key: 'r1', text: 'charged' }]);
  file.close();
});

test('counts go up to their most, come back one at a time, outlive a restart and end with their time', async () => {
  using place = startIn();
  const first = place.open();
  const tries = await Promise.all([1, 2, 3].map(() => first.count('ana', 1, 2, 5_000)));
  assert.deepEqual(tries, [true, true, false]);
  assert.equal(await first.count('ben', 1, 0, 5_000), false);
  first.close();
  const second = place.open();
  assert.equal(await second.count('ana', 1, 2, 5_000), false);
  await second.uncount('ana', 1);
  assert.equal(await second.count('ana', 1, 2, 5_000), true);
  second.close();
  place.time.now = 5_000;
  const third = place.open();
  assert.equal(await third.count('ana', 1, 2, 9_000), true);
  third.close();
});

test('each process has a file of its own, and the next start takes over what ended ones left', async () => {
  using place = startIn();
  const one = place.open();
  const two = place.open();
  const three = place.open();
  await one.note('r1', '1');
  await two.note('r2', '2');
  await two.count('ana', 1, 2, 9_000);
  await three.note('r3', '3');
  const files = readdirSync(place.folder).filter((name) => name.endsWith('.db'));
  assert.deepEqual(files.sort(), ['journal-2.db', 'journal-3.db', 'journal.db']);
  one.close();
  two.close();
  const next = place.open();
  assert.deepEqual(
    next.left.map(({ key }) => key),
    ['r1', 'r2'],
    'the third one is still running',
  );
  assert.deepEqual(
    [await next.count('ana', 1, 2, 9_000), await next.count('ana', 1, 2, 9_000)],
    [true, false],
  );
  next.close();
  three.close();
  const last = place.open();
  assert.deepEqual(last.left.map(({ key }) => key).sort(), ['r1', 'r2', 'r3']);
  last.close();
});

test('only the owner may read the file', () => {
  using place = startIn();
  place.open().close();
  assert.equal(statSync(join(place.folder, 'journal.db')).mode & 0o777, 0o600);
});
