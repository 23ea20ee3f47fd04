import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { loadConfig } from '../../src/config/load.ts';

for (const file of globSync('examples/*.yaml')) {
  test(`${file} is a valid configuration`, () => {
    const env = { GATEWAY_CONFIG: file };
    const loaded = loadConfig({ env, readFile: (path) => readFileSync(path, 'utf8') });
    assert.deepEqual(loaded.ok ? [] : loaded.problems, []);
  });
}
