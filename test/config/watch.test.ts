import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { watchFiles } from '../../src/config/watch.ts';
import { within } from '../support/within.ts';

const SETTLE = 40;

interface Watched {
  readonly folder: string;
  /** Changes told so far. */
  readonly told: () => number;
  /** Fulfilled at the next one. */
  readonly next: () => Promise<void>;
}

/** Watches `names` in a new folder that `prepare` has filled. */
function watched(
  t: TestContext,
  names: readonly string[],
  prepare: (folder: string) => void,
  pollMs = 60_000,
): Watched {
  const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-watch-'));
  prepare(folder);
  let told = 0;
  let wake: () => void = () => undefined;
  const unwatch = watchFiles(
    names.map((name) => join(folder, name)),
    () => {
      told += 1;
      wake();
    },
    { settleMs: SETTLE, pollMs },
  );
  t.after(() => {
    unwatch();
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    folder,
    told: () => told,
    next: () =>
      within(
        5000,
        'the news',
        new Promise((resolve) => {
          wake = resolve;
        }),
      ),
  };
}

const plain = (folder: string) => writeFileSync(join(folder, 'a.yaml'), 'one');

test('a file written in place is told once', async (t) => {
  const { folder, told, next } = watched(t, ['a.yaml'], plain);
  const news = next();
  writeFileSync(join(folder, 'a.yaml'), 'two!');
  writeFileSync(join(folder, 'a.yaml'), 'three');
  await news;
  await pause(3 * SETTLE);
  assert.equal(told(), 1);
});

test('a file replaced by a rename is told, and again the next time', async (t) => {
  const { folder, told, next } = watched(t, ['a.yaml'], plain);
  for (const text of ['two', 'three']) {
    const news = next();
    writeFileSync(join(folder, 'new'), text);
    renameSync(join(folder, 'new'), join(folder, 'a.yaml'));
    await news;
  }
  assert.equal(told(), 2);
});

test('the swap of a ConfigMap’s ..data is told', async (t) => {
  const { folder, next } = watched(t, ['a.yaml'], (base) => {
    mkdirSync(join(base, '..2026_01'));
    writeFileSync(join(base, '..2026_01', 'a.yaml'), 'one');
    symlinkSync('..2026_01', join(base, '..data'));
    symlinkSync(join('..data', 'a.yaml'), join(base, 'a.yaml'));
  });
  const news = next();
  mkdirSync(join(folder, '..2026_02'));
  writeFileSync(join(folder, '..2026_02', 'a.yaml'), 'two');
  symlinkSync('..2026_02', join(folder, '..data_tmp'));
  renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
  rmSync(join(folder, '..2026_01'), { recursive: true });
  await news;
});

test('a file that goes and one that comes are told', async (t) => {
  const { folder, told, next } = watched(t, ['a.yaml', 'b'], plain);
  const gone = next();
  rmSync(join(folder, 'a.yaml'));
  await gone;
  const come = next();
  writeFileSync(join(folder, 'b'), 'secret');
  await come;
  assert.equal(told(), 2);
});

test('other files of the folder are nobody’s business', async (t) => {
  const { folder, told, next } = watched(t, ['a.yaml'], plain);
  writeFileSync(join(folder, 'log'), 'x');
  await pause(4 * SETTLE);
  assert.equal(told(), 0);
  const news = next();
  writeFileSync(join(folder, 'a.yaml'), 'now it is');
  await news;
  assert.equal(told(), 1);
});

test('a folder that cannot be watched is looked at from time to time', async (t) => {
  const { folder, next } = watched(t, ['later/a.yaml'], () => undefined, 20);
  const news = next();
  mkdirSync(join(folder, 'later'));
  writeFileSync(join(folder, 'later', 'a.yaml'), 'there');
  await news;
});
