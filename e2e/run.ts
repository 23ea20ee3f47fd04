/**
 * Runs the end-to-end tests: real clients against the gateway as a process. Installs the clients on first use.
 */
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const HERE = import.meta.dirname;

interface PackageFile {
  readonly version?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

function readPackage(directory: string): PackageFile | null {
  try {
    return JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as PackageFile;
  } catch {
    return null;
  }
}

/** Whether every client is there in the version that is asked for (`npm:name@version` for an alias). */
function isInstalled(): boolean {
  const wanted = Object.entries(readPackage(HERE)?.dependencies ?? {});
  return wanted.every(([name, version]) => {
    const installed = readPackage(join(HERE, 'node_modules', name))?.version;
    return installed !== undefined && installed === version.split('@').at(-1);
  });
}

/** Install scripts are not needed: Claude Code's binary is part of its platform package. */
function installClients(): void {
  process.stdout.write('Installing the clients for the end-to-end tests (about 1 GB, once) …\n');
  const run = spawnSync(
    'npm',
    ['ci', '--prefix', HERE, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
    { cwd: HERE, stdio: 'inherit', shell: process.platform === 'win32' },
  );
  if (run.status !== 0) throw new Error('the clients could not be installed');
}

if (!isInstalled()) installClients();
const wanted = process.argv.slice(2);
const files = wanted.length > 0 ? wanted : globSync('e2e/*.e2e.ts', { cwd: ROOT }).sort();
const run = spawnSync(process.execPath, ['--test', '--test-concurrency=1', ...files], {
  cwd: ROOT,
  stdio: 'inherit',
});
process.exit(run.status ?? 1);
