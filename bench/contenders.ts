/** Everyone who is measured: how each is started, found ready and stopped. One function a contender. */
import type { ChildProcess } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CONTENDER_CORE,
  isOnPath,
  type Launch,
  launchLine,
  pinned,
  printedPort,
  RIG_CORE,
  start,
  untilReady,
} from './process.ts';
import { MODELS } from './workloads.ts';

export interface Contender {
  readonly name: string;
  readonly port: number;
  readonly child: ChildProcess;
  /** What was typed, and what was put into its configuration. */
  readonly launch: readonly string[];
  /** Whether it takes part in translated workloads as a translator; the others pass them on untouched. */
  readonly translates: boolean;
  /** From the start of the process to its first answer. Milliseconds; `null` where it was not measured. */
  readonly readyMs: number | null;
}

/** Why a contender is missing on this machine. */
export interface Missing {
  readonly name: string;
  readonly reason: string;
}

export interface Rig {
  /** Folder for configurations, logs and data. */
  readonly folder: string;
  readonly mockPort: number;
  readonly freePort: () => Promise<number>;
  /** Every process that was started, to be stopped in the end. */
  readonly started: ChildProcess[];
}

/** The credential that the load generator presents. */
export const BENCH_KEY = 'bench-key-0123456789abcdef';

function launched(rig: Rig, launch: Launch): ChildProcess {
  const child = start(launch);
  rig.started.push(child);
  return child;
}

export async function startMock(rig: Omit<Rig, 'mockPort'>): Promise<Contender> {
  const launch: Launch = { command: pinned(RIG_CORE, [process.execPath, 'bench/mock-backend.ts']) };
  const child = start(launch);
  rig.started.push(child);
  const port = await printedPort(child);
  return { name: 'mock', port, child, launch: [launchLine(launch)], translates: false, readyMs: null };
}

export async function startBare(rig: Rig): Promise<Contender> {
  const launch: Launch = {
    command: pinned(CONTENDER_CORE, [
      process.execPath,
      'bench/bare-proxy.ts',
      `http://127.0.0.1:${rig.mockPort}`,
    ]),
  };
  const child = launched(rig, launch);
  const port = await printedPort(child);
  return { name: 'bare', port, child, launch: [launchLine(launch)], translates: false, readyMs: null };
}

export async function startNginx(rig: Rig): Promise<Contender | Missing> {
  if (!isOnPath('nginx')) return { name: 'nginx', reason: 'nginx is not on this machine' };
  const port = await rig.freePort();
  const home = join(rig.folder, 'nginx');
  mkdirSync(home, { recursive: true });
  const config = `daemon off; worker_processes 1; pid ${home}/pid; error_log ${home}/error.log;
events { worker_connections 1024; }
http {
  access_log off; keepalive_requests 1000000; keepalive_timeout 600s; client_max_body_size 32m;
  client_body_buffer_size 2m;
  client_body_temp_path ${home}/body; proxy_temp_path ${home}/proxy; fastcgi_temp_path ${home}/fastcgi;
  uwsgi_temp_path ${home}/uwsgi; scgi_temp_path ${home}/scgi;
  upstream backend { server 127.0.0.1:${rig.mockPort}; keepalive 256; keepalive_requests 1000000; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off; proxy_request_buffering off; proxy_read_timeout 600s;
    }
  }
}
`;
  writeFileSync(join(home, 'nginx.conf'), config);
  const launch: Launch = {
    command: pinned(CONTENDER_CORE, ['nginx', '-p', home, '-c', 'nginx.conf']),
    log: join(home, 'output.log'),
  };
  const child = launched(rig, launch);
  await untilReady(`http://127.0.0.1:${port}/v1/models`, child);
  return {
    name: 'nginx',
    port,
    child,
    launch: [launchLine(launch), config],
    translates: false,
    readyMs: null,
  };
}

/** The plan of the benchmark: one user with a limit, so that quota is really counted for every request. */
const plan = (mockPort: number) => `backends:
  claude: { kind: claude, url: "http://127.0.0.1:${mockPort}", apiKey: bench, models: [${MODELS.anthropic.same}] }
  openai: { kind: openai, url: "http://127.0.0.1:${mockPort}/v1", apiKey: bench, models: [${MODELS.responses.same}] }
  internal: { kind: internal, url: "http://127.0.0.1:${mockPort}/v1", model: qwen3-32b, models: [qwen3-32b] }
tiers:
  bench:
    rank: 0
    requestsPerDay: 1000000000
    routes:
      - { match: "claude:haiku", to: internal/default }
      - { match: claude, to: claude }
      - { match: ${MODELS.responses.same}, to: openai }
      - { match: gpt, to: internal/default }
`;

async function startGateway(
  rig: Rig,
  name: string,
  extra: Readonly<Record<string, string>>,
): Promise<Contender> {
  const [port, metricsPort] = [await rig.freePort(), await rig.freePort()];
  const home = join(rig.folder, name.replace(/\W+/g, '-'));
  mkdirSync(home, { recursive: true });
  const config = join(home, 'gateway.yaml');
  writeFileSync(config, plan(rig.mockPort));
  const launch: Launch = {
    command: pinned(CONTENDER_CORE, [process.execPath, 'src/main.ts']),
    env: {
      GATEWAY_CONFIG: config,
      GATEWAY_DATA_DIR: join(home, 'data'),
      STATIC_KEYS: `${BENCH_KEY}=bench:bench`,
      PORT: String(port),
      METRICS_PORT: String(metricsPort),
      HOST: '127.0.0.1',
      ...extra,
    },
    log: join(home, 'output.log'),
  };
  const child = launched(rig, launch);
  const readyMs = await untilReady(`http://127.0.0.1:${port}/readyz`, child);
  return { name, port, child, launch: [launchLine(launch), plan(rig.mockPort)], translates: true, readyMs };
}

export function startGatewayOnSqlite(rig: Rig): Promise<Contender> {
  return startGateway(rig, 'gateway (SQLite)', {});
}

export async function startGatewayOnValkey(rig: Rig): Promise<Contender | Missing> {
  const name = 'gateway (Valkey)';
  const server = ['valkey-server', 'redis-server'].find(isOnPath);
  if (server === undefined)
    return { name, reason: 'neither valkey-server nor redis-server is on this machine' };
  const port = await rig.freePort();
  const home = join(rig.folder, 'valkey');
  mkdirSync(home, { recursive: true });
  const options = `--port ${port} --bind 127.0.0.1 --dir ${home} --appendonly yes --appendfsync everysec`;
  const launch: Launch = {
    command: pinned(RIG_CORE, [
      server,
      ...options.split(' '),
      '--maxmemory-policy',
      'noeviction',
      '--save',
      '',
    ]),
    log: join(home, 'output.log'),
  };
  launched(rig, launch);
  const gateway = await startGateway(rig, name, { QUOTA_REDIS_URL: `redis://127.0.0.1:${port}` });
  return { ...gateway, launch: [launchLine(launch), ...gateway.launch] };
}
