/**
 * What several processes on one machine bring: the CPU of a request when one, two or four share what they count, in
 * SQLite's files of one folder or in Valkey. A machine of so many free cores does as much more.
 *
 *   node bench/replicas.ts [rounds]
 */
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Contender, Rig } from './contenders/contender.ts';
import { startReplica, startValkey } from './contenders/gateway.ts';
import { startMock } from './contenders/plain-proxies.ts';
import { measure, startLoad, warmProgram } from './measure.ts';
import { freePort, stop } from './process.ts';
import { median } from './report.ts';
import { SMALL } from './workloads.ts';

const rounds = Number(process.argv[2] ?? 5);
const COUNTS = [1, 2, 4];

/** What one process takes for a request, by store. */
const ofOne = new Map<string, number>();

const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-bench-replicas-'));
const started: ChildProcess[] = [];
const say = (text: string) => process.stdout.write(`${text}\n`);

try {
  const mock = await startMock({ started });
  const rig: Rig = { folder, mockPort: mock.port, freePort, started, closers: [] };
  const valkey = await startValkey(rig);
  say('store    processes   µs of CPU each   × one   worth on as many cores');
  for (const count of COUNTS)
    await tell('SQLite', rig, count, { GATEWAY_DATA_DIR: join(folder, `shared-${count}`) });
  if (valkey === null) say('Valkey: not measured, there is none on this machine');
  else for (const count of COUNTS) await tell('Valkey', rig, count, { QUOTA_REDIS_URL: valkey.url });
} finally {
  await Promise.all(started.map(stop));
  rmSync(folder, { recursive: true, force: true });
}

async function tell(
  store: string,
  rig: Rig,
  count: number,
  shared: Readonly<Record<string, string>>,
): Promise<void> {
  const cost = await costOf(rig, store, count, shared);
  if (count === 1) ofOne.set(store, cost);
  const ratio = cost / (ofOne.get(store) ?? cost);
  const columns = [store, count, cost.toFixed(0), ratio.toFixed(2), (count / ratio).toFixed(2)];
  say(columns.map((column, at) => String(column).padEnd([9, 12, 17, 8, 0][at] ?? 0)).join(''));
}

/** Each process has a load generator of its own, all at once. Microseconds of CPU a request, median of the rounds. */
async function costOf(
  rig: Rig,
  store: string,
  count: number,
  shared: Readonly<Record<string, string>>,
): Promise<number> {
  const from = started.length;
  const replicas: Contender[] = [];
  for (let index = 0; index < count; index++) {
    const core = index % availableParallelism();
    replicas.push(await startReplica(rig, `${store}-${count}-${index}`, core, shared));
  }
  const loads = replicas.map(() => startLoad(started));
  const each = <Result>(work: (load: ChildProcess, replica: Contender) => Promise<Result>) =>
    Promise.all(replicas.map((replica, at) => work(loads[at] as ChildProcess, replica)));
  await each((load, replica) => warmProgram(load, replica, SMALL));
  const costs: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const samples = await each((load, replica) => measure(load, replica, SMALL));
    costs.push(samples.reduce((sum, { cpu }) => sum + cpu, 0) / samples.length);
  }
  await Promise.all(started.splice(from).map(stop));
  return median(costs);
}
