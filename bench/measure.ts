/** One measurement: a job for the load generator, and what the operating system says of the contender meanwhile. */
import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { Contender } from './contenders/contender.ts';
import type { Job, LoadResult } from './load.ts';
import { cpuMicroseconds, memoryMegabytes, pinned, RIG_CORE } from './process.ts';
import { type Sample, unitsOf } from './report.ts';
import { bodyOf, ENDPOINTS, OPEN_STREAMS, type Workload } from './workloads.ts';

/** A contender is asked about so long for one figure. Milliseconds. */
const ROUND_MS = 4_000;

export function startLoad(started: ChildProcess[]): ChildProcess {
  const child = fork('bench/load.ts', { execArgv: [] });
  started.push(child);
  const [taskset, ...args] = pinned(RIG_CORE, []);
  // `taskset -c CORE` becomes `taskset -acp CORE PID` for a process that runs already.
  if (taskset !== undefined)
    spawnSync(taskset, ['-acp', args[1] ?? '0', String(child.pid)], { stdio: 'ignore' });
  return child;
}

function jobFor(contender: Contender, workload: Workload, rate: number | null): Job {
  const common = { 'content-type': 'application/json', 'anthropic-version': '2023-06-01' };
  const body = bodyOf(workload);
  if (body.length !== workload.bytes) throw new Error(`${workload.name}: the body has ${body.length} bytes`);
  return {
    port: contender.port,
    path: ENDPOINTS[workload.dialect].path,
    users: contender.users.slice(0, workload.users).map((user) => ({ ...common, ...user })),
    body: body.toString('base64'),
    connections: workload.connections,
    requests: workload.requests,
    ending: workload.stream === null ? '}' : ENDPOINTS[workload.dialect].ending,
    rate,
  };
}

async function ask(load: ChildProcess, job: Job): Promise<LoadResult> {
  load.send(job);
  const [result] = (await once(load, 'message', { signal: AbortSignal.timeout(300_000) })) as [LoadResult];
  if (result.failures.length > 0 || result.answered !== job.requests)
    throw new Error(`${result.answered} of ${job.requests} answered, ${result.failures[0] ?? ''}`);
  return result;
}

/** Requests after which compilers of programs have compiled what they will. */
const WARM = 16_000;

/** Asks many, uncounted, for no longer than two rounds, so that figures are a program's and not its compiler's. */
export async function warmProgram(load: ChildProcess, contender: Contender, some: Workload): Promise<void> {
  const fitted = await warmUp(load, contender, { ...some, requests: WARM });
  await ask(load, jobFor(contender, fitted, null));
  await ask(load, jobFor(contender, fitted, null));
}

/** Asks a few, uncounted, and gives the workload with as many requests as the contender answers in a round. */
export async function warmUp(
  load: ChildProcess,
  contender: Contender,
  workload: Workload,
): Promise<Workload> {
  const few = Math.max(workload.connections, Math.ceil(workload.requests / 20));
  const first = await ask(load, jobFor(contender, { ...workload, requests: few }, null));
  const fits = Math.ceil((few / first.seconds / 1000) * ROUND_MS);
  return { ...workload, requests: Math.min(workload.requests, Math.max(workload.connections, fits)) };
}

/** CPU and latency while it is asked as fast as it answers, or at a rate. */
export async function measure(
  load: ChildProcess,
  contender: Contender,
  workload: Workload,
  rate: number | null = null,
): Promise<Omit<Sample, 'round'>> {
  const pid = contender.child.pid ?? 0;
  const before = cpuMicroseconds(pid);
  const result = await ask(load, jobFor(contender, workload, rate));
  return {
    contender: contender.name,
    workload: workload.name,
    rate,
    requests: workload.requests,
    cpu: (cpuMicroseconds(pid) - before) / unitsOf(workload),
    requestsPerSecond: result.answered / result.seconds,
    p50: result.p50,
    p99: result.p99,
  };
}

/** Memory that each of a thousand open streams takes: what the process grew by while they stood open. Kilobytes. */
export async function measureOpenStreams(load: ChildProcess, contender: Contender): Promise<number> {
  const pid = contender.child.pid ?? 0;
  const before = memoryMegabytes(pid).resident;
  const answered = ask(load, jobFor(contender, OPEN_STREAMS, null));
  let most = before;
  const timer = setInterval(() => {
    most = Math.max(most, memoryMegabytes(pid).resident);
  }, 1_000);
  await answered.finally(() => clearInterval(timer));
  return ((most - before) * 1024) / OPEN_STREAMS.connections;
}
