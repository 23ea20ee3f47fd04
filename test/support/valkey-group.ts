/** Several real Valkey or Redis servers that belong together: a cluster, or a primary with a replica and Sentinels. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePort, startValkey, type ValkeyServer } from './valkey-server.ts';
import { within } from './within.ts';

export interface ValkeyGroup extends AsyncDisposable {
  /** What a gateway is given. */
  readonly url: string;
  /** The primaries of a cluster; the first primary and its replica behind Sentinels. */
  readonly servers: readonly ValkeyServer[];
}

const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'everysec', '--save', ''];
const SLOTS = 16_384;

/** Three primaries that share the slots; resolves when all of them serve. */
export async function startValkeyCluster(program: string): Promise<ValkeyGroup> {
  const servers: ValkeyServer[] = [];
  const busPorts: number[] = [];
  for (let count = 0; count < 3; count++) {
    const busPort = await freePort();
    const clustered = ['--cluster-enabled', 'yes', '--cluster-port', `${busPort}`];
    servers.push(await startValkey(program, [...DURABLE, ...clustered]));
    busPorts.push(busPort);
  }
  const share = Math.ceil(SLOTS / servers.length);
  for (const [index, { url }] of servers.entries()) {
    const last = Math.min(SLOTS, (index + 1) * share) - 1;
    await ask(url, 'CLUSTER', 'ADDSLOTSRANGE', `${index * share}`, `${last}`);
    if (index > 0) await ask(url, 'CLUSTER', 'MEET', '127.0.0.1', `${servers[0]?.port}`, `${busPorts[0]}`);
  }
  for (const { url } of servers) {
    await until('a cluster that serves', async () => {
      const info = String(await ask(url, 'CLUSTER', 'INFO'));
      return info.includes('cluster_state:ok') && info.includes('cluster_known_nodes:3');
    });
  }
  return {
    url: `redis+cluster://${servers.map(({ port }) => `127.0.0.1:${port}`).join(',')}`,
    servers,
    async [Symbol.asyncDispose]() {
      for (const server of servers) await server[Symbol.asyncDispose]();
    },
  };
}

/** A primary, a replica of it and three Sentinels that promote the replica half a second after the primary is gone. */
export async function startValkeySentinels(program: string): Promise<ValkeyGroup> {
  const primary = await startValkey(program, [...DURABLE, '--repl-diskless-sync-delay', '0']);
  const replica = await startValkey(program, [...DURABLE, '--replicaof', '127.0.0.1', `${primary.port}`]);
  await until('a replica in step', async () =>
    String(await ask(replica.url, 'INFO', 'replication')).includes('master_link_status:up'),
  );
  const dir = mkdtempSync(join(tmpdir(), 'llm-gateway-sentinel-'));
  const sentinels: { port: number; child: ChildProcess }[] = [];
  for (let count = 0; count < 3; count++) sentinels.push(await startSentinel(program, dir, primary.port));
  for (const { port } of sentinels) {
    await until('Sentinels that know each other and the replica', async () => {
      const facts = (await ask(`redis://127.0.0.1:${port}`, 'SENTINEL', 'MASTER', 'quota')) as string[];
      const fact = (name: string) => facts[facts.indexOf(name) + 1];
      return fact('num-slaves') === '1' && fact('num-other-sentinels') === '2';
    });
  }
  return {
    url: `redis+sentinel://${sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')}/quota`,
    servers: [primary, replica],
    async [Symbol.asyncDispose]() {
      for (const { child } of sentinels) await end(child);
      await primary[Symbol.asyncDispose]();
      await replica[Symbol.asyncDispose]();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function startSentinel(program: string, dir: string, primaryPort: number) {
  const port = await freePort();
  const config = join(dir, `${port}.conf`);
  writeFileSync(
    config,
    `port ${port}
bind 127.0.0.1
dir ${dir}
sentinel monitor quota 127.0.0.1 ${primaryPort} 2
sentinel down-after-milliseconds quota 500
sentinel failover-timeout quota 3000
`,
  );
  const child = spawn(program, [config, '--sentinel'], { stdio: 'ignore' });
  process.once('exit', () => child.kill('SIGKILL'));
  await until('a Sentinel', () =>
    ask(`redis://127.0.0.1:${port}`, 'PING').then(
      () => true,
      () => false,
    ),
  );
  return { port, child };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await within(5_000, 'the end of a Sentinel', exit);
}

/** Sends one command over a connection of its own. */
export async function ask(url: string, ...command: [string, ...string[]]): Promise<unknown> {
  const redis = new Redis(url, { retryStrategy: () => null, maxRetriesPerRequest: 0 });
  redis.on('error', () => undefined);
  try {
    const [name, ...args] = command;
    return await redis.call(name, ...args);
  } finally {
    redis.disconnect();
  }
}

async function until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await isTrue())) {
    if (Date.now() > deadline) throw new Error(`${what} did not come within 20 s`);
    await pause(50);
  }
}
