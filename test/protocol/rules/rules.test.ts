import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CHAT_RULES } from './chat.ts';
import { FAILURE_RULES } from './failures.ts';
import { HISTORY_RULES } from './history.ts';
import { REPLY_RULES } from './replies.ts';
import { REQUEST_RULES } from './requests.ts';
import type { Rules } from './rule.ts';
import { TRANSPORT_RULES } from './transport.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const RULES: Rules = {
  ...REQUEST_RULES,
  ...HISTORY_RULES,
  ...CHAT_RULES,
  ...REPLY_RULES,
  ...FAILURE_RULES,
  ...TRANSPORT_RULES,
};

/** Numbers in use by section, from the catalogue: `1-7` stands for all from 1 to 7. */
const NUMBERS: Readonly<Record<string, string>> = {
  A: '1-7 10-16 20-28 30-38 40-52 55-62 65-67 70-76 80-89',
  E: '1-15',
  M: '1-3 10-12 20-23',
  O: '1-24',
  PT: '1-4',
  R: '1-17',
  S: '1-10 20-26 30-44 50-54 60-65 70-72',
  T: '1-7 10-19',
  X: '1-7',
};

const IDS = Object.entries(NUMBERS).flatMap(([section, ranges]) =>
  ranges.split(' ').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    const width = section === 'PT' ? 1 : 2;
    return Array.from(
      { length: last - first + 1 },
      (_, i) => `${section}-${String(first + i).padStart(width, '0')}`,
    );
  }),
);

test('every rule of the catalogue is there, proved, or not followed for a reason', () => {
  assert.deepEqual(Object.keys(RULES).sort(), IDS.toSorted());
  const bare = Object.entries(RULES).filter(
    ([, { proofs, decided }]) => proofs.length === 0 && decided === undefined,
  );
  assert.deepEqual(bare, []);
});

test('every test that proves a rule exists', () => {
  const sources = new Map<string, string>();
  const sourceOf = (file: string): string => {
    const source = sources.get(file) ?? readFileSync(join(ROOT, file), 'utf8').replaceAll('${', '{');
    sources.set(file, source);
    return source;
  };
  const gone = Object.values(RULES)
    .flatMap(({ proofs }) => proofs)
    .filter(([file, name]) => {
      return !['"', "'", '`'].some((quote) => sourceOf(file).includes(`test(${quote}${name}${quote}`));
    });
  assert.deepEqual(gone, []);
});

test('every recorded stream that a rule is proved on exists', () => {
  const streams = Object.values(RULES).flatMap(({ fixtures = [] }) => fixtures);
  const gone = streams.filter((name) => !existsSync(join(ROOT, 'test', 'fixtures', `${name}.ts`)));
  assert.ok(streams.length > 0);
  assert.deepEqual(gone, []);
});
