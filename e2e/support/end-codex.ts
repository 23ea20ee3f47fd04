/** Ends a terminal of Codex's and what it leaves running. As a program: `node end-codex.ts <tmux socket> <home>`. */
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** @param socket name of the terminal's own tmux server */
export function endCodex(socket: string, home: string): void {
  spawnSync('tmux', ['-L', socket, 'kill-server']);
  for (const pid of processesOf(home)) endProcess(pid);
}

/** Codex leaves a server behind that outlives its terminal; it is known by the home that it was given. */
export function processesOf(home: string): readonly number[] {
  const mark = `CODEX_HOME=${join(home, '.codex')}`;
  return globSync('/proc/[0-9]*/environ')
    .filter((file) => readOrEmpty(file).split('\0').includes(mark))
    .map((file) => Number(file.split('/')[2]));
}

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

if (import.meta.main) {
  const [socket, home] = process.argv.slice(2);
  if (socket !== undefined && home !== undefined) endCodex(socket, home);
}
