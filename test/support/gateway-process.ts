import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

export interface GatewayOptions {
  /** The gateway's whole environment but for what this file sets; nothing of the test's own leaks in. */
  readonly env?: Readonly<Record<string, string>>;
  /** Written to a file that `GATEWAY_CONFIG` names. */
  readonly configYaml?: string;
  /** A data directory to keep between two starts (a new one, removed at the end). */
  readonly dataDir?: string;
  /** A command that runs what follows it: `['sh', '-c', 'ulimit -n 256 && exec "$@"', 'sh']`. */
  readonly through?: readonly string[];
  /** What Node runs (`src/main.ts`), and its arguments. */
  readonly main?: readonly string[];
  /** How long it may take to be ready, in milliseconds (60,000: other tests keep the machine busy). */
  readonly readyMs?: number;
}

export interface GatewayProcess {
  /** Origin of the gateway. */
  readonly url: string;
  /** Origin of `/metrics`. */
  readonly metricsUrl: string;
  readonly pid: number;
  stdout(): string;
  /** Log lines, as text. */
  stderr(): string;
  /** Asks it to end (SIGTERM) and waits until it has. */
  stop(signal?: NodeJS.Signals): Promise<{ code: number | null }>;
  /** Ends it at once (SIGKILL). */
  kill(): Promise<{ code: number | null }>;
  /** Fulfilled when the process has ended, however. */
  readonly exit: Promise<{ code: number | null }>;
}

/** A gateway that ended before it was ready; its output tells why. */
export class GatewayNotReady extends Error {
  override readonly name = 'GatewayNotReady';
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;

  constructor(code: number | null, stdout: string, stderr: string) {
    super(`the gateway ended (${code}) or was not ready in time`);
    this.code = code;
    this.stdout = stdout;
    this.stderr = stderr;
  }
}

/** Starts so many at once; when one is not ready, none is left behind. */
export async function startGatewayProcesses(
  count: number,
  options: GatewayOptions = {},
): Promise<GatewayProcess[]> {
  const started = await Promise.allSettled(Array.from({ length: count }, () => startGatewayProcess(options)));
  const running = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const failed = started.find((one) => one.status === 'rejected');
  if (failed === undefined) return running;
  await Promise.all(running.map((gateway) => gateway.kill()));
  throw failed.reason;
}

const ROOT = join(import.meta.dirname, '..', '..');

/**
 * Starts the gateway as users do, as a process of its own on free ports, and waits for `/readyz`.
 *
 * @throws GatewayNotReady with exit code and output when it ends before or is not ready in time
 */
export async function startGatewayProcess(options: GatewayOptions = {}): Promise<GatewayProcess> {
  const base = await mkdtemp(join(tmpdir(), 'llm-gateway-process-'));
  const config = join(base, 'gateway.yaml');
  if (options.configYaml !== undefined) await writeFile(config, options.configYaml);
  const { through = [], main = ['src/main.ts'] } = options;
  const [program = process.execPath, ...args] = [...through, process.execPath, ...main];
  const child = spawn(program, args, {
    cwd: ROOT,
    env: {
      PATH: process.env.PATH,
      HOME: base,
      HOST: '127.0.0.1',
      PORT: '0',
      METRICS_PORT: '0',
      GATEWAY_DATA_DIR: options.dataDir ?? join(base, 'data'),
      ...(options.configYaml === undefined ? {} : { GATEWAY_CONFIG: config }),
      ...options.env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text;
  });
  const exit = new Promise<{ code: number | null }>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code }));
  }).finally(() => rm(base, { recursive: true, force: true, maxRetries: 3 }));
  const end = (signal: NodeJS.Signals): Promise<{ code: number | null }> => {
    child.kill(signal);
    return exit;
  };

  const ready = await waitUntilReady(() => output.stderr, exit, options.readyMs ?? 60_000);
  if (ready === null) {
    const { code } = await end('SIGKILL');
    throw new GatewayNotReady(code, output.stdout, output.stderr);
  }
  return {
    ...ready,
    pid: child.pid ?? 0,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    stop: (signal = 'SIGTERM') => end(signal),
    kill: () => end('SIGKILL'),
    exit,
  };
}

interface Addresses {
  readonly url: string;
  readonly metricsUrl: string;
}

/** `null` when the process has ended or the time is up. */
async function waitUntilReady(
  log: () => string,
  exit: Promise<unknown>,
  readyMs: number,
): Promise<Addresses | null> {
  const ended = exit.then(() => true);
  const deadline = Date.now() + readyMs;
  while (Date.now() < deadline) {
    if (await Promise.race([ended, pause(25, false)])) return null;
    const addresses = addressesIn(log());
    if (addresses === null) continue;
    const status = await fetch(`${addresses.url}/readyz`).then(
      (response) => response.status,
      () => 0,
    );
    if (status === 200) return addresses;
  }
  return null;
}

/** Reads the log line that tells the ports: `{"msg":"listening","port":N,"metricsPort":M}`. */
function addressesIn(log: string): Addresses | null {
  for (const line of log.split('\n').filter((text) => text.includes('"listening"'))) {
    try {
      const { msg, port, metricsPort } = JSON.parse(line) as Record<string, unknown>;
      if (msg !== 'listening' || typeof port !== 'number') continue;
      const metrics = typeof metricsPort === 'number' ? metricsPort : port;
      return { url: `http://127.0.0.1:${port}`, metricsUrl: `http://127.0.0.1:${metrics}` };
    } catch {
      // The line is still being written.
    }
  }
  return null;
}
