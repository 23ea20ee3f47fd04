/** A PostgreSQL of Debian's package, empty, for the time of a run. It refuses to run as root, so it gets a user. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { launched, type Missing, type Rig } from '../contenders/contender.ts';
import { isOnPath, type Launch, launchLine, pinned, RIG_CORE } from '../process.ts';

export interface Postgres {
  readonly url: string;
  readonly launch: string;
}

const asPostgres = (command: readonly string[]): readonly string[] =>
  process.getuid?.() === 0
    ? ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups', ...command]
    : command;

export async function startPostgres(rig: Rig, name: string): Promise<Postgres | Missing> {
  if (!['initdb', 'postgres', 'createdb'].every(isOnPath))
    return { name, reason: 'it needs PostgreSQL (initdb, postgres, createdb), which is not on this machine' };
  const port = String(await rig.freePort());
  // Not below the run's folder, which only its owner may enter.
  const data = `${rig.folder}-postgres`;
  mkdirSync(data, { mode: 0o700 });
  if (process.getuid?.() === 0) run(['chown', 'postgres', data]);
  run(asPostgres(['initdb', '-D', data, '-U', 'gateway', '-A', 'trust', '--no-sync']));
  const options = ['-D', data, '-p', port, '-h', '127.0.0.1', '-k', data];
  const launch: Launch = {
    command: pinned(RIG_CORE, asPostgres(['postgres', ...options])),
    log: '/dev/null',
  };
  launched(rig, launch);
  rig.closers.push(async () => run(['rm', '-rf', data]));
  const address = ['-h', '127.0.0.1', '-p', port, '-U', 'gateway'];
  for (let tries = 0; spawnSync('createdb', [...address, 'gateway']).status !== 0; tries++) {
    if (tries === 50) return { name, reason: 'PostgreSQL did not answer within 10 s' };
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return { url: `postgres://gateway@127.0.0.1:${port}/gateway`, launch: launchLine(launch) };
}

function run([command = '', ...args]: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} failed: ${stderr.trim()}`);
}
