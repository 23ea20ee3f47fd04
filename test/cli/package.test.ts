import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '..', '..');

test('what operators hand out holds the program, and none of its tests', () => {
  const { status, stdout, stderr } = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: ROOT,
    encoding: 'utf8',
    timeout: 60_000,
    shell: process.platform === 'win32',
  });
  assert.equal(status, 0, stderr);
  const [packed] = JSON.parse(stdout) as [{ files: { path: string }[] }];
  const paths = packed.files.map(({ path }) => path);
  for (const needed of [
    'bin/llm-gateway.js',
    'src/cli/main.ts',
    'src/main.ts',
    'src/quota/reserve.lua',
    'LICENSE',
  ])
    assert.ok(paths.includes(needed), needed);
  const folders = new Set(paths.filter((path) => path.includes('/')).map((path) => path.split('/')[0]));
  assert.deepEqual([...folders].sort(), ['bin', 'src']);
});
