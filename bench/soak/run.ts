/**
 * Mixed load and faults for a long time; then everything must be as it was before.
 *
 *   npm run soak                          30 minutes
 *   npm run soak -- --minutes 3 --workers 10 --idle 500
 *
 * The gateway is a process of its own in front of a backend that breaks in every way, with callers that read, leave,
 * dawdle and misbehave, a thousand idle connections, and a reload every half minute. Linux only (`/proc`). Ends with 1
 * when anything was lost or did not come back to its baseline.
 */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { descriptorsOf, memoryOf } from '../../test/hostile/process-facts.ts';
import { type GatewayProcess, startGatewayProcess } from '../../test/support/gateway-process.ts';
import { startArguments } from '../../test/support/start-arguments.ts';
import { dial, playOne, type Target } from './clients.ts';
import { startFaultyBackend } from './faulty-backend.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    workers: { type: 'string', default: '20' },
    idle: { type: 'string', default: '1000' },
  },
});
const MINUTES = Number(values.minutes);
const WORKERS = Number(values.workers);
const IDLE = Number(values.idle);

const SAMPLE_MS = 15_000;
const RELOAD_MS = 30_000;
/** Every wait of the gateway is shorter than this, so that afterwards nothing may be left. */
const CALM_MS = 12_000;
/** Load before the baseline is taken: pools, caches and compiled code are then there. */
const WARM_UP_MS = Math.min(60_000, MINUTES * 15_000);

/** Collects garbage at a signal, so that the heap says what is held and not what was. */
const COLLECTOR = `data:text/javascript,${encodeURIComponent(
  "import { setFlagsFromString } from 'node:v8'; import { runInNewContext } from 'node:vm';" +
    "setFlagsFromString('--expose-gc'); const gc = runInNewContext('gc');" +
    "process.on('SIGUSR2', () => { gc(); gc(); });",
)}`;

const KEYS = { free: 'soak-free', pro: 'soak-pro', enterprise: 'soak-enterprise' };

/** One look at the gateway. */
interface Sample {
  readonly seconds: number;
  readonly rssMiB: number;
  readonly heapMiB: number;
  readonly descriptors: number;
  readonly timers: number;
  readonly inFlight: number;
  readonly pending: number;
}

const FIRST_LIMIT = 1_000_000;

/** The log falls silent with the first reload: this process would keep its lines. */
const configuration = (backend: string, limit: number) => `
backends:
  claude: { kind: claude, url: "${backend}", apiKey: backend-key }
  internal: { kind: internal, url: "${backend}", model: qwen3-32b }
tiers:
  free: { rank: 0, requestsPerDay: ${limit}, routes: [{ match: "*", to: internal/default }] }
  pro: { rank: 1, requestsPerDay: ${limit}, routes: [{ match: claude, to: claude/claude-opus-5-5 }, { match: "*", to: internal/default }] }
  enterprise: { rank: 2, requestsPerDay: null, routes: [{ match: claude, to: claude/claude-opus-5-5 }, { match: "*", to: internal/default }] }
limits: { headersSeconds: 3, requestSeconds: 5, idleSeconds: 4, firstByteSeconds: 3, betweenBytesSeconds: 3, slowReaderSeconds: 4, keepAliveSeconds: 1 }
logLevel: ${limit === FIRST_LIMIT ? 'info' : 'error'}
`;

function number(text: string, pattern: RegExp): number {
  return Number(pattern.exec(text)?.[1] ?? 0);
}

async function pendingOf(url: string): Promise<number> {
  const standings = Object.values(KEYS).map(async (key) => {
    const response = await fetch(`${url}/quota`, { headers: { authorization: `Bearer ${key}` } });
    return ((await response.json()) as { readonly pending: number }).pending;
  });
  return (await Promise.all(standings)).reduce((sum, one) => sum + one, 0);
}

/** Waits until everything that is still to end has ended. */
async function calm(): Promise<void> {
  await pause(CALM_MS);
  process.kill(gateway.pid, 'SIGUSR2');
  await pause(500);
}

async function sample(gateway: GatewayProcess, began: number): Promise<Sample> {
  const text = await (await fetch(`${gateway.metricsUrl}/metrics`)).text();
  return {
    seconds: Math.round((performance.now() - began) / 1000),
    rssMiB: Math.round(memoryOf(gateway.pid) / 1024 / 1024),
    heapMiB: Math.round(number(text, /^nodejs_heap_size_used_bytes (\S+)/m) / 1024 / 1024),
    descriptors: descriptorsOf(gateway.pid),
    timers: number(text, /^nodejs_active_resources\{type="Timeout"\} (\d+)/m),
    inFlight: number(text, /^gateway_requests_in_flight (\d+)/m),
    pending: await pendingOf(gateway.url),
  };
}

/** Keeps connections open that say nothing, or that asked once; the gateway closes them, and they come again. */
async function keepIdle(url: string, count: number, signal: AbortSignal): Promise<void> {
  const open = new Set<Socket>();
  while (!signal.aborted) {
    for (let missing = Math.min(100, count - open.size); missing > 0; missing--) {
      const socket = await dial(url).catch(() => null);
      if (socket === null) break;
      open.add(socket.once('close', () => open.delete(socket)));
      if (missing % 2 === 0) socket.write('GET /livez HTTP/1.1\r\nhost: a\r\n\r\n');
    }
    await pause(250);
  }
  for (const socket of open) socket.destroy();
}

const endings = new Map<string, number>();
const losses: string[] = [];

async function work(target: Target, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const { kind, ending, why } = await playOne(target);
    const row = `${kind}: ${ending}`;
    endings.set(row, (endings.get(row) ?? 0) + 1);
    if (ending === 'lost') losses.push(`${kind} ${why ?? 'an answer without its end'}`);
    await pause(Math.random() * 200);
  }
}

/** Load of every kind for so long; when it resolves, every caller has gone. */
async function load(target: Target, ms: number): Promise<void> {
  const over = new AbortController();
  const all = [
    keepIdle(target.url, IDLE, over.signal),
    ...Array.from({ length: WORKERS }, () => work(target, over.signal)),
  ];
  await pause(ms);
  over.abort();
  await Promise.all(all);
}

function say(sampled: Sample, what: string): void {
  const { seconds, rssMiB, heapMiB, descriptors, timers, inFlight, pending } = sampled;
  process.stdout.write(
    `${String(seconds).padStart(5)} s  ${what.padEnd(9)} rss ${rssMiB} MiB  heap ${heapMiB} MiB  ` +
      `descriptors ${descriptors}  timers ${timers}  in flight ${inFlight}  pending ${pending}\n`,
  );
}

/** What did not come back; empty is good. */
function verdict(before: Sample, now: Sample): string[] {
  const complaints: string[] = [];
  const check = (holds: boolean, what: string) => void (holds || complaints.push(what));
  check(losses.length === 0, `${losses.length} lost: ${[...new Set(losses)].slice(0, 5).join('; ')}`);
  check(now.heapMiB <= before.heapMiB + 8, `memory held: ${before.heapMiB} → ${now.heapMiB} MiB`);
  // What the allocator keeps for the next busy minute is no leak as long as it stays bounded.
  check(now.rssMiB <= before.rssMiB * 1.5 + 80, `memory taken: ${before.rssMiB} → ${now.rssMiB} MiB`);
  check(
    now.descriptors <= before.descriptors + 10,
    `descriptors: ${before.descriptors} → ${now.descriptors}`,
  );
  check(now.timers <= before.timers + 5, `timers: ${before.timers} → ${now.timers}`);
  check(now.inFlight === 0, `requests in flight: ${now.inFlight}`);
  check(now.pending === 0, `reservations pending: ${now.pending}`);
  return complaints;
}

function table(title: string, rows: Iterable<readonly [string, number]>): void {
  process.stdout.write(`\n${title}\n`);
  for (const [name, count] of [...rows].sort((a, b) => b[1] - a[1]))
    process.stdout.write(`  ${String(count).padStart(8)}  ${name}\n`);
}

const backend = await startFaultyBackend();
const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-soak-'));
const file = join(folder, 'gateway.yaml');
const publish = (limit: number) => {
  writeFileSync(`${file}.new`, configuration(backend.url, limit));
  renameSync(`${file}.new`, file);
};
publish(FIRST_LIMIT);
const gateway = await startGatewayProcess({
  main: startArguments(),
  env: {
    NODE_OPTIONS: `--import=${COLLECTOR}`,
    GATEWAY_CONFIG: file,
    STATIC_KEYS: Object.entries(KEYS)
      .map(([tier, key]) => `${key}=${tier}-user:${tier}`)
      .join(','),
  },
});
publish(FIRST_LIMIT + 1);
const target: Target = { url: gateway.url, keys: Object.values(KEYS) };
let complaints = ['the gateway ended'];
try {
  const began = performance.now();
  await load(target, WARM_UP_MS);
  await calm();
  const before = await sample(gateway, began);
  say(before, 'baseline');
  let reloads = 1;
  const reloading = setInterval(() => publish(FIRST_LIMIT + ++reloads), RELOAD_MS);
  const sampling = setInterval(async () => say(await sample(gateway, began), 'loaded'), SAMPLE_MS);
  await load(target, MINUTES * 60_000);
  clearInterval(reloading);
  clearInterval(sampling);
  await calm();
  const now = await sample(gateway, began);
  say(now, 'calm');
  table('How calls ended', endings);
  table('What the backend did', Object.entries(backend.played));
  complaints = verdict(before, now);
  process.stdout.write(`\n${reloads} reloads\n`);
} finally {
  const { code } = await gateway.stop();
  if (code !== 0) complaints.push(`the gateway ended with ${code}`);
  backend.close();
  rmSync(folder, { recursive: true, force: true });
}
process.stdout.write(
  complaints.length === 0
    ? 'Everything is as it was: nothing lost, nothing left.\n'
    : `NOT as it was:\n${complaints.map((line) => `  ${line}\n`).join('')}`,
);
process.exit(complaints.length === 0 ? 0 : 1);
