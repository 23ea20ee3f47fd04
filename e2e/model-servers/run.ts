/**
 * Runs end-to-end tests against a real model server: installs it on first use, starts it on loopback, runs its tests,
 * stops it.
 *
 *   node e2e/model-servers/run.ts vllm|llamacpp [arguments for node --test]
 *
 * What is installed is kept in `MODEL_SERVERS_CACHE` (`.cache/model-servers` of the project).
 */
import { spawn } from 'node:child_process';
import { globSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type ModelServer, startModelServer } from './server-process.ts';
import { SERVERS } from './servers.ts';

const HERE = import.meta.dirname;
const ROOT = join(HERE, '..', '..');
const CACHE = process.env.MODEL_SERVERS_CACHE ?? join(ROOT, '.cache', 'model-servers');

function run(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child = spawn(command, args, { cwd: ROOT, stdio: 'inherit', env: { ...process.env, ...env } });
  return new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}

async function main(name: string, more: readonly string[]): Promise<number> {
  const recipe = SERVERS[name];
  if (recipe === undefined)
    throw new Error(`no server "${name}": expected ${Object.keys(SERVERS).join(' or ')}`);
  const home = join(CACHE, recipe.folder);
  mkdirSync(CACHE, { recursive: true });
  const installed = await run('bash', [join(HERE, `install-${name}.sh`), home]);
  if (installed !== 0) throw new Error(`${name} could not be installed`);

  const server = await startModelServer({ ...recipe.start(home), logFile: join(CACHE, `${name}.log`) });
  endWith(server);
  process.stdout.write(`${name} is ready on ${server.url} (process ${server.pid})\n`);
  try {
    const tests =
      more.length > 0 ? more : globSync(`e2e/model-servers/${name}*.e2e.ts`, { cwd: ROOT }).sort();
    return await run(process.execPath, [join(ROOT, 'e2e', 'run.ts'), ...tests], {
      MODEL_SERVER_URL: server.url,
    });
  } finally {
    await server.stop();
  }
}

/** A server in a group of its own would outlive an interrupted run. */
function endWith(server: ModelServer): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => void server.stop().finally(() => process.exit(1)));
  }
}

const [name = '', ...more] = process.argv.slice(2);
process.exitCode = await main(name, more);
