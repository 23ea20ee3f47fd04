/**
 * The side-by-side benchmark: `npm run bench`. See README.md beside this file for how to read it.
 *
 *   npm run bench -- [--rounds 5] [--quick]
 *
 * `--quick` sends a fiftieth of the requests in one round: it shows that everything runs, its figures mean nothing.
 */
import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { availableParallelism, cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  BENCH_KEY,
  type Contender,
  type Missing,
  type Rig,
  startBare,
  startGatewayOnSqlite,
  startGatewayOnValkey,
  startMock,
  startNginx,
} from './contenders.ts';
import type { Job, LoadResult } from './load.ts';
import { cpuMicroseconds, pinned, RIG_CORE, residentMegabytes, stop } from './process.ts';
import { latencyTable, type Sample, table, unitsOf } from './report.ts';
import { bodyOf, ENDPOINTS, WORKLOADS, type Workload } from './workloads.ts';

const { values: flags } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, quick: { type: 'boolean', default: false } },
});
const rounds = flags.quick ? 1 : Math.max(1, Number(flags.rounds));
const workloads = WORKLOADS.map((workload) =>
  flags.quick
    ? { ...workload, requests: Math.max(workload.connections, Math.round(workload.requests / 50)) }
    : workload,
);

const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-bench-'));
const started: ChildProcess[] = [];
const say = (text: string) => process.stdout.write(`${text}\n`);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    cleanUp().then(() => process.exit(1));
  });
}
try {
  await main();
} finally {
  await cleanUp();
}

async function cleanUp(): Promise<void> {
  await Promise.all(started.map(stop));
  rmSync(folder, { recursive: true, force: true });
}

async function main(): Promise<void> {
  if (process.platform !== 'linux') throw new Error('the benchmark reads /proc and runs on Linux only');
  const { contenders, missing, mock } = await startAll();
  for (const contender of contenders) say(`${contender.name}: ${contender.launch[0]}`);
  for (const { name, reason } of missing) say(`${name}: not measured, ${reason}`);
  const load = startLoad();

  const samples: Sample[] = [];
  const idle = contenders.map((one) => [one.name, residentMegabytes(one.child.pid ?? 0)] as const);
  for (const workload of workloads) {
    for (const contender of contenders) {
      await measure(load, contender, { ...workload, requests: Math.ceil(workload.requests / 4) });
    }
  }
  for (let round = 1; round <= rounds; round++) {
    for (const workload of workloads) {
      for (const contender of contenders) {
        samples.push({ round, ...(await measure(load, contender, workload)) });
      }
    }
    say(`round ${round} of ${rounds} done`);
  }

  const names = contenders.map((one) => one.name);
  const memory = contenders.map((one) => [one.name, residentMegabytes(one.child.pid ?? 0)] as const);
  say(`\n${table(workloads, names, samples)}\n\n${latencyTable(workloads, names, samples)}\n`);
  say(`memory at rest, MB: ${idle.map((one) => one.join(' ')).join(', ')}`);
  say(`memory after the run, MB: ${memory.map((one) => one.join(' ')).join(', ')}`);
  for (const one of contenders) {
    if (one.readyMs !== null) say(`${one.name}: ready ${Math.round(one.readyMs)} ms after its start`);
  }
  if (flags.quick) say('quick: the figures above mean nothing, too few requests were sent');
  const file = writeResults({ mock, contenders, missing, idle, memory, samples });
  say(`raw figures: ${file}`);
}

async function startAll() {
  const rig: Omit<Rig, 'mockPort'> = { folder, freePort, started };
  const mock = await startMock(rig);
  const complete: Rig = { ...rig, mockPort: mock.port };
  const others = [
    await startBare(complete),
    await startNginx(complete),
    await startGatewayOnSqlite(complete),
    await startGatewayOnValkey(complete),
  ];
  return {
    mock,
    contenders: [mock, ...others.filter((one): one is Contender => !('reason' in one))],
    missing: others.filter((one): one is Missing => 'reason' in one),
  };
}

function startLoad(): ChildProcess {
  const child = fork('bench/load.ts', { execArgv: [] });
  started.push(child);
  const [taskset, ...args] = pinned(RIG_CORE, []);
  // `taskset -c CORE` becomes `taskset -acp CORE PID` for a process that runs already.
  if (taskset !== undefined)
    spawnSync(taskset, ['-acp', args[1] ?? '0', String(child.pid)], { stdio: 'ignore' });
  return child;
}

async function measure(
  load: ChildProcess,
  contender: Contender,
  workload: Workload,
): Promise<Omit<Sample, 'round'>> {
  const job: Job = {
    port: contender.port,
    path: ENDPOINTS[workload.dialect].path,
    headers: {
      'content-type': 'application/json',
      'anthropic-version': '2023-06-01',
      'x-api-key': BENCH_KEY,
    },
    body: bodyFor(workload).toString('base64'),
    connections: workload.connections,
    requests: workload.requests,
    ending: workload.stream ? ENDPOINTS[workload.dialect].ending : '}',
  };
  const pid = contender.child.pid ?? 0;
  const before = cpuMicroseconds(pid);
  load.send(job);
  const [result] = (await once(load, 'message', { signal: AbortSignal.timeout(300_000) })) as [LoadResult];
  const used = cpuMicroseconds(pid) - before;
  if (result.failures.length > 0 || result.answered !== workload.requests) {
    throw new Error(
      `${contender.name}, ${workload.name}: ${result.answered} answers, ${result.failures.join('; ')}`,
    );
  }
  return {
    contender: contender.name,
    workload: workload.name,
    cpu: used / unitsOf(workload),
    requestsPerSecond: result.answered / result.seconds,
    p50: result.p50,
    p99: result.p99,
  };
}

/** A body of exactly the promised size. */
function bodyFor(workload: Workload): Buffer {
  const body = bodyOf(workload);
  if (body.length !== workload.bytes) throw new Error(`${workload.name}: the body has ${body.length} bytes`);
  return body;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return address.port;
}

interface Results {
  readonly mock: Contender;
  readonly contenders: readonly Contender[];
  readonly missing: readonly Missing[];
  readonly idle: readonly (readonly [string, number])[];
  readonly memory: readonly (readonly [string, number])[];
  readonly samples: readonly Sample[];
}

function writeResults({ contenders, missing, idle, memory, samples }: Results): string {
  const at = new Date().toISOString();
  const file = join('bench/results', `${at.replace(/[:.]/g, '-')}.json`);
  mkdirSync('bench/results', { recursive: true });
  const machine = {
    cores: availableParallelism(),
    processor: cpus()[0]?.model,
    kernel: release(),
    node: process.version,
  };
  const launches = contenders.map(({ name, launch, readyMs }) => ({ name, launch, readyMs }));
  const all = {
    at,
    quick: flags.quick,
    rounds,
    machine,
    launches,
    missing,
    idle,
    memory,
    workloads,
    samples,
  };
  writeFileSync(file, `${JSON.stringify(all, null, 1)}\n`);
  return file;
}
