/**
 * Runs every test below test/ with node's own runner and says at the end what was left out and why.
 */
import { spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const wanted = process.argv.slice(2);
const files = wanted.length > 0 ? wanted : globSync('test/**/*.test.ts').sort();
const notes = join(mkdtempSync(join(tmpdir(), 'llm-gateway-test-')), 'skipped.txt');
const run = spawnSync(
  process.execPath,
  ['--test', '--test-concurrency=2', '--test-timeout=120000', ...files],
  {
    stdio: 'inherit',
    env: { ...process.env, SKIP_NOTES: notes },
  },
);

try {
  const skipped = readFileSync(notes, 'utf8').trim();
  process.stdout.write(`\nSkipped here:\n${skipped}\n`);
} catch {
  process.stdout.write('\nSkipped here: nothing.\n');
}
process.exit(run.status ?? 1);
