/** Processes of the benchmark: started on a chosen core, found on PATH, measured by the operating system. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { availableParallelism } from 'node:os';

/** Clock ticks per second of `/proc/<pid>/stat` (`getconf CLK_TCK`; 100 on every Linux in use). */
const TICKS_PER_SECOND = 100;

export function isOnPath(command: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' }).status === 0;
}

const pinning = isOnPath('taskset') && availableParallelism() > 1;

/** Core of the contender; everything else shares the other one. */
export const CONTENDER_CORE = 0;
export const RIG_CORE = 1;

/** A command line bound to one core where the machine can do that. */
export function pinned(core: number, command: readonly string[]): readonly string[] {
  return pinning ? ['taskset', '-c', String(core), ...command] : command;
}

export interface Launch {
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** File that takes what the process prints; without it the caller reads standard output. */
  readonly log?: string;
}

/** How a person would type it. */
export function launchLine({ command, env = {} }: Launch): string {
  const settings = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  return [...settings, ...command].map((word) => (word === '' ? "''" : word)).join(' ');
}

export function start({ command: [program = '', ...args], env = {}, log }: Launch): ChildProcess {
  const output = log === undefined ? 'pipe' : openSync(log, 'a');
  const errors = log === undefined ? 'inherit' : output;
  return spawn(program, args, {
    env: { PATH: process.env.PATH ?? '', ...env },
    stdio: ['ignore', output, errors],
  });
}

/** The port that a process of ours prints first. */
export async function printedPort(child: ChildProcess): Promise<number> {
  if (child.stdout === null) throw new Error('standard output is not read');
  const [chunk] = (await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`ended with ${code} before it was ready`))),
  ])) as [Buffer];
  return Number(chunk.toString().trim());
}

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return address.port;
}

/** Waits until an address answers 200. Gives the time it took. Milliseconds. */
export async function untilReady(url: string, child: ChildProcess, patienceMs = 20_000): Promise<number> {
  const began = performance.now();
  while (performance.now() - began < patienceMs) {
    if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode} before it was ready`);
    const answer = await fetch(url).catch(() => null);
    await answer?.body?.cancel();
    if (answer?.status === 200) return performance.now() - began;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`${url} did not answer within ${patienceMs / 1000} s`);
}

export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const patience = setTimeout(() => child.kill('SIGKILL'), 2000);
  await gone;
  clearTimeout(patience);
}

/** A process and everything below it. */
function family(pid: number): number[] {
  const children = readdirSync('/proc').flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return [];
    return statOf(Number(entry))?.[1] === String(pid) ? [Number(entry)] : [];
  });
  return [pid, ...children.flatMap(family)];
}

/** Fields of `/proc/<pid>/stat` after the command name (which may hold spaces); `null` when it is gone. */
function statOf(pid: number): string[] | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return null;
  }
}

/** CPU time that a process and its children have used, user and system. Microseconds. */
export function cpuMicroseconds(pid: number): number {
  const ticks = family(pid).reduce((sum, one) => {
    const fields = statOf(one) ?? [];
    return sum + Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
  }, 0);
  return (ticks / TICKS_PER_SECOND) * 1e6;
}

/** Memory of a process and its children, resident now and at its highest. Megabytes. */
export function memoryMegabytes(pid: number): { readonly resident: number; readonly peak: number } {
  const kilobytes = (field: string) =>
    family(pid).reduce((sum, one) => {
      const text = readStatus(one);
      return sum + Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0);
    }, 0);
  return { resident: kilobytes('VmRSS') / 1024, peak: kilobytes('VmHWM') / 1024 };
}

function readStatus(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return '';
  }
}
