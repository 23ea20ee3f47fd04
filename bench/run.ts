/**
 * The side-by-side benchmark: `npm run bench`. See README.md beside this file for how to read it.
 *
 *   npm run bench -- [--rivals] [--rounds 3] [--only NAME]… [--workload NAME]… [--quick]
 *
 * `--rivals` measures everyone and every workload; `--only` and `--workload`, each as often as wished, some of them. `--quick` sends a fiftieth
 * of the requests in one round: it shows that everything runs, its figures mean nothing.
 */
import type { ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Contender, Missing, Rig } from './contenders/contender.ts';
import { startGatewayOnSqlite, startGatewayOnValkey, startGatewayWithTokens } from './contenders/gateway.ts';
import { startBare, startMock, startNginx } from './contenders/plain-proxies.ts';
import { measure, measureOpenStreams, startLoad, warmProgram, warmUp } from './measure.ts';
import { freePort, memoryMegabytes, stop } from './process.ts';
import {
  cpuTable,
  type Failure,
  type Footprint,
  footprintTable,
  latencyTable,
  median,
  type Sample,
  slopeTable,
} from './report.ts';
import { startClaudeCodeRouter } from './rivals/claude-code-router.ts';
import { startClaudeGateway } from './rivals/claude-gateway.ts';
import { startLiteLlm } from './rivals/litellm.ts';
import { startPortkey } from './rivals/portkey.ts';
import { installRivals } from './rivals/rival.ts';
import { PACED, SMALL, WORKLOADS, type Workload } from './workloads.ts';

const { values: flags } = parseArgs({
  options: {
    rivals: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', multiple: true },
    workload: { type: 'string', multiple: true },
    quick: { type: 'boolean', default: false },
  },
});
const rounds = flags.quick ? 1 : Math.max(1, Number(flags.rounds));
const workloads = WORKLOADS.filter(
  ({ name, isCore }) => flags.workload?.includes(name) ?? (isCore || flags.rivals),
).map((workload) =>
  flags.quick
    ? { ...workload, requests: Math.max(workload.connections, Math.round(workload.requests / 50)) }
    : workload,
);
const paced = PACED.filter(({ name }) => workloads.some((one) => one.name === name));

type Start = (rig: Rig) => Promise<Contender | Missing>;

const ALWAYS: Readonly<Record<string, Start>> = {
  bare: startBare,
  nginx: startNginx,
  gateway: startGatewayOnSqlite,
};
const WITH_RIVALS: Readonly<Record<string, Start>> = {
  tokens: startGatewayWithTokens,
  valkey: startGatewayOnValkey,
  portkey: startPortkey,
  ccr: startClaudeCodeRouter,
  claude: startClaudeGateway,
  litellm: startLiteLlm,
};
const RIVALS = ['portkey', 'ccr', 'claude', 'litellm'];
/** Contenders that are known and cannot be had here. */
const UNOBTAINABLE: readonly Missing[] = [
  {
    name: 'Bifrost',
    reason: 'the Go proxy refuses its modules, and its npm package downloads a program from elsewhere',
  },
];

const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-bench-'));
const started: ChildProcess[] = [];
const closers: (() => Promise<void>)[] = [];
const failures: Failure[] = [];
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
  for (const close of closers) await close();
  rmSync(folder, { recursive: true, force: true });
}

async function main(): Promise<void> {
  if (process.platform !== 'linux') throw new Error('the benchmark reads /proc and runs on Linux only');
  const { contenders, missing } = await startAll();
  for (const { name, launch } of contenders) say(`${name}: ${launch[0]}`);
  for (const { name, reason } of missing) say(`${name}: not measured, ${reason}`);
  const load = startLoad(started);
  const idle = new Map(contenders.map((one) => [one.name, memoryOf(one).resident]));
  const openStreams = flags.quick
    ? new Map<string, number | null>()
    : await measureStanding(load, contenders);
  const saturated = await measureRounds(load, contenders);
  const atRate = await measurePaced(load, contenders, saturated);
  const footprints = contenders.map(
    (one): Footprint => ({
      contender: one.name,
      readyMs: one.readyMs,
      idle: idle.get(one.name) ?? Number.NaN,
      peak: memoryOf(one).peak,
      openStream: openStreams.get(one.name) ?? null,
    }),
  );
  tell(contenders, saturated, atRate, footprints);
  say(`raw figures: ${writeResults({ contenders, missing, saturated, atRate, footprints })}`);
}

function memoryOf({ child }: Contender) {
  return memoryMegabytes(child.pid ?? 0);
}

async function startAll() {
  const mock = await startMock({ started });
  const rig: Rig = { folder, freePort, started, closers, mockPort: mock.port };
  const all = { ...ALWAYS, ...(flags.rivals || flags.only !== undefined ? WITH_RIVALS : {}) };
  const starts = Object.entries(all).filter(([name]) => flags.only?.includes(name) ?? true);
  const notInstalled = starts.some(([name]) => RIVALS.includes(name)) ? installRivals() : null;
  const others: (Contender | Missing)[] = [];
  for (const [name, begin] of starts) {
    if (notInstalled !== null && RIVALS.includes(name)) others.push({ name, reason: notInstalled });
    else if (RIVALS.includes(name))
      others.push(await begin(rig).catch((error: Error) => ({ name, reason: error.message })));
    else others.push(await begin(rig));
  }
  return {
    contenders: others.filter((one): one is Contender => !('reason' in one)),
    missing: [...others.filter((one): one is Missing => 'reason' in one), ...UNOBTAINABLE],
  };
}

/** What others' gateways fail at is a finding; what ours or a plain proxy fails at fails the run, at its end. */
async function tried<Result>(
  { name, isRival }: Contender,
  workload: string,
  work: () => Promise<Result>,
): Promise<Result | null> {
  try {
    return await work();
  } catch (error) {
    const reason = (error as Error).message;
    if (!isRival) process.exitCode = 1;
    failures.push({ contender: name, workload, reason });
    say(`${name}, ${workload}: ${reason}`);
    return null;
  }
}

/** Warms everybody up and measures open streams before bodies have made the process as large as it gets. */
async function measureStanding(
  load: ChildProcess,
  contenders: readonly Contender[],
): Promise<ReadonlyMap<string, number | null>> {
  const kilobytes = new Map<string, number | null>();
  for (const one of contenders) {
    await tried(one, SMALL.name, () => warmProgram(load, one, SMALL));
    kilobytes.set(one.name, await tried(one, '1,000 open streams', () => measureOpenStreams(load, one)));
  }
  return kilobytes;
}

interface Pairing {
  readonly contender: Contender;
  readonly workload: Workload;
}

async function measureRounds(load: ChildProcess, contenders: readonly Contender[]): Promise<Sample[]> {
  const pairings: Pairing[] = [];
  for (const workload of workloads) {
    for (const contender of contenders) {
      const reason = contender.cannot(workload);
      if (reason !== null || contender.users.length < workload.users) continue;
      const fitted = await tried(contender, workload.name, () => warmUp(load, contender, workload));
      if (fitted !== null) pairings.push({ contender, workload: fitted });
    }
  }
  const samples: Sample[] = [];
  for (let round = 1; round <= rounds; round++) {
    for (const { contender, workload } of pairings) {
      const sample = await tried(contender, workload.name, () => measure(load, contender, workload));
      if (sample !== null) samples.push({ round, ...sample });
    }
    say(`round ${round} of ${rounds} done`);
  }
  return samples;
}

/** At half of what the gateway can do; those that cannot do as much are asked at half of their own. */
async function measurePaced(
  load: ChildProcess,
  contenders: readonly Contender[],
  saturated: readonly Sample[],
): Promise<Sample[]> {
  const capacity = (contender: string, workload: string) =>
    median(
      saturated
        .filter((one) => one.contender === contender && one.workload === workload)
        .map((one) => one.requestsPerSecond),
    );
  const samples: Sample[] = [];
  for (let round = 1; round <= rounds; round++) {
    for (const workload of paced) {
      for (const contender of contenders) {
        const least = Math.min(capacity('gateway', workload.name), capacity(contender.name, workload.name));
        if (Number.isNaN(least)) continue;
        const rate = least / 2;
        const requests = Math.max(20, Math.ceil(rate * (flags.quick ? 0.5 : 4)));
        const job = { ...workload, requests };
        const sample = await tried(contender, workload.name, () => measure(load, contender, job, rate));
        if (sample !== null) samples.push({ round, ...sample });
      }
    }
  }
  return samples;
}

function tell(
  contenders: readonly Contender[],
  saturated: readonly Sample[],
  atRate: readonly Sample[],
  footprints: readonly Footprint[],
): void {
  const names = contenders.map((one) => one.name);
  say(
    `\n${cpuTable(
      workloads.map((one) => one.name),
      names,
      saturated,
    )}`,
  );
  say(`\n${slopeTable(names, saturated)}`);
  say(
    `\n${latencyTable(
      paced.map((one) => one.name),
      names,
      atRate,
    )}`,
  );
  say(`\n${footprintTable(footprints)}\n`);
  if (flags.quick) say('quick: the figures above mean nothing, too few requests were sent');
}

interface Results {
  readonly contenders: readonly Contender[];
  readonly missing: readonly Missing[];
  readonly saturated: readonly Sample[];
  readonly atRate: readonly Sample[];
  readonly footprints: readonly Footprint[];
}

function writeResults({ contenders, ...figures }: Results): string {
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
  const all = { at, quick: flags.quick, rounds, machine, launches, failures, workloads, ...figures };
  writeFileSync(file, `${JSON.stringify(all, null, 1)}\n`);
  return file;
}
