import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { configurationPage } from '../../docs/generate.ts';

test('docs/configuration.md is what the schema says', () => {
  const page = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');
  assert.equal(page, configurationPage(), 'run: npm run docs');
});
