import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { toOwnPage } from '../../src/console/sign-in-page.ts';

const HERE = 'https://llm.example';

test('whatever is asked for, a sign-in ends on a page of the console', () => {
  const parts = fc.constantFrom(
    '/',
    '\\',
    '.',
    '..',
    ':',
    '//',
    '@',
    '?',
    '#',
    '%2f',
    '%5c',
    'console',
    'sign-in',
    'evil.example',
    '\t',
    '\n',
    'x',
  );
  const wanted = fc.oneof(
    fc.string(),
    fc.webUrl(),
    fc.array(parts).map((some) => some.join('')),
    fc.array(parts).map((some) => `/console${some.join('')}`),
  );
  fc.assert(
    fc.property(wanted, (to) => {
      const { origin, pathname } = new URL(toOwnPage(to), HERE);
      assert.equal(origin, HERE);
      assert.match(pathname, /^\/console(?:\/|$)/);
      assert.doesNotMatch(pathname, /^\/console\/sign/);
    }),
    { numRuns: 2_000 },
  );
});

test('pages and their questions are kept', () => {
  for (const to of [
    '/console',
    '/console/users/0a1b',
    '/console/models?model=gpt-5',
    '/console/audit?month=2026-11',
  ])
    assert.equal(toOwnPage(to), to);
  assert.equal(toOwnPage(null), '/console');
});
