/** What happens to the quota's store, or to a gateway, while users ask. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { ask as command, startValkeySentinels } from '../support/valkey-group.ts';
import { startValkey, type ValkeyServer } from '../support/valkey-server.ts';
import {
  ask,
  charged,
  GRANT,
  KEYS,
  newTallies,
  PLAN,
  type Row,
  type SteadyBackend,
  startSteadyBackend,
  toRow,
} from './load.ts';

export interface Fault {
  readonly name: string;
  /** Also played by `npm test`: it takes a few seconds. */
  readonly short: boolean;
  /** Why a figure that should be 0 may not be. */
  readonly physics?: string;
  play(program: string): Promise<Row>;
}

const NO_LOG = ['--appendonly', 'no', '--save', ''];
const REPLICAS = 2;

interface Stage {
  readonly backend: SteadyBackend;
  readonly gateways: readonly [GatewayProcess, GatewayProcess];
  /** Starts another gateway in the place of the first, with its data folder. */
  restartFirst(): Promise<GatewayProcess>;
}

async function withGateways(env: Record<string, string>, play: (stage: Stage) => Promise<Row>): Promise<Row> {
  using backend = await startSteadyBackend();
  const folders = [1, 2].map(() => mkdtempSync(join(tmpdir(), 'llm-gateway-fault-')));
  const start = (dataDir = '') =>
    startGatewayProcess({
      env: { INTERNAL_LLM_URL: backend.url, STATIC_KEYS: KEYS, ...env },
      configYaml: PLAN,
      dataDir,
    });
  const running: GatewayProcess[] = [];
  try {
    const gateways = [await start(folders[0]), await start(folders[1])] as const;
    running.push(...gateways);
    return await play({
      backend,
      gateways,
      async restartFirst() {
        const again = await start(folders[0]);
        running.push(again);
        return again;
      },
    });
  } finally {
    await Promise.all(running.map((gateway) => gateway.kill()));
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  }
}

/** Users ask before, while and after something happens to a Valkey. */
function withValkey(
  name: string,
  happen: (server: ValkeyServer) => Promise<void>,
  more: { args?: readonly string[]; physics?: string; long?: true; before?: number } = {},
): Fault {
  const { physics, long, args, before = 1_000 } = more;
  return {
    name,
    short: long === undefined,
    ...(physics !== undefined && { physics }),
    async play(program) {
      await using server = await startValkey(program, args);
      return await withGateways({ QUOTA_REDIS_URL: server.url }, async ({ gateways }) => {
        const tallies = newTallies();
        const course = async () => {
          await pause(before);
          await happen(server);
          await pause(2_500);
        };
        await ask(gateways, tallies, course());
        return toRow(name, tallies, await charged(gateways[1]), REPLICAS * GRANT);
      });
    },
  };
}

async function killAndRestart(server: ValkeyServer): Promise<void> {
  await server.stop('SIGKILL');
  await pause(1_500);
  await server.start();
}

async function stall(server: ValkeyServer, ms: number): Promise<void> {
  server.signal('SIGSTOP');
  await pause(ms);
  server.signal('SIGCONT');
}

const promotion: Fault = {
  name: 'the primary killed, its replica promoted',
  short: false,
  async play(program) {
    await using group = await startValkeySentinels(program);
    return await withGateways({ QUOTA_REDIS_URL: group.url }, async ({ gateways }) => {
      const tallies = newTallies();
      const course = async () => {
        await pause(1_000);
        await group.servers[0]?.stop('SIGKILL');
        await pause(6_000);
      };
      await ask(gateways, tallies, course());
      return toRow(promotion.name, tallies, await charged(gateways[1], 30_000), REPLICAS * GRANT);
    });
  },
};

const killedGateway: Fault = {
  name: 'a gateway killed (-9) with open reservations',
  short: false,
  async play(program) {
    await using server = await startValkey(program);
    return await withGateways(
      { QUOTA_REDIS_URL: server.url },
      async ({ backend, gateways, restartFirst }) => {
        const tallies = newTallies();
        await ask(gateways, tallies, pause(1_000));
        backend.holds = true;
        const killed = async () => {
          await pause(500);
          await gateways[0].kill();
        };
        await ask([gateways[0]], tallies, killed());
        backend.holds = false;
        await ask([gateways[1], await restartFirst()], tallies, pause(1_000));
        // What the killed one held is free when its lease ends, 90 s later.
        return toRow(killedGateway.name, tallies, await charged(gateways[1], 110_000), 0);
      },
    );
  },
};

/** A gateway killed while the store is away too: what it has promised is on its disk alone. */
const killedInOutage: Fault = {
  name: 'a gateway killed (-9) and restarted while Valkey is away',
  short: true,
  async play(program) {
    await using server = await startValkey(program);
    return await withGateways({ QUOTA_REDIS_URL: server.url }, async ({ gateways, restartFirst }) => {
      const tallies = newTallies();
      await ask(gateways, tallies, pause(500));
      await server.stop('SIGKILL');
      await ask([gateways[0]], tallies, pause(1_000));
      await gateways[0].kill();
      const again = await restartFirst();
      await ask([again], tallies, pause(500));
      await server.start();
      await ask([again, gateways[1]], tallies, pause(2_000));
      return toRow(killedInOutage.name, tallies, await charged(again), REPLICAS * GRANT);
    });
  },
};

/** The folder of SQLite is a memory disk of one megabyte that is made larger later; needs root. */
const fullDisk: Fault = {
  name: 'SQLite on a full disk, later made larger',
  short: false,
  async play() {
    using backend = await startSteadyBackend();
    const dataDir = mkdtempSync(join(tmpdir(), 'llm-gateway-full-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=900k', 'tmpfs', dataDir]);
    try {
      const gateway = await startGatewayProcess({
        env: { INTERNAL_LLM_URL: backend.url, STATIC_KEYS: KEYS },
        configYaml: PLAN,
        dataDir,
      });
      try {
        const tallies = newTallies();
        await ask([gateway], tallies, pause(6_000));
        execFileSync('mount', ['-o', 'remount,size=64m', dataDir]);
        await ask([gateway], tallies, pause(3_000));
        return toRow(fullDisk.name, tallies, await charged(gateway), GRANT);
      } finally {
        await gateway.kill();
      }
    } finally {
      execFileSync('umount', ['-l', dataDir]);
      rmSync(dataDir, { recursive: true, force: true });
    }
  },
};

export const FAULTS: readonly Fault[] = [
  withValkey('nothing', async () => undefined),
  killedGateway,
  killedInOutage,
  withValkey('Valkey killed (-9) and restarted, with its log', killAndRestart),
  withValkey('Valkey killed (-9) and restarted, without a log', killAndRestart, {
    args: NO_LOG,
    before: 12_000,
    long: true,
    physics: 'what a store without a log forgot is only charged again while others are admitted already',
  }),
  promotion,
  withValkey('Valkey stopped for 5 s', (server) => stall(server, 5_000), { long: true }),
  withValkey('all scripts forgotten (SCRIPT FLUSH)', async ({ url }) => {
    await command(url, 'SCRIPT', 'FLUSH');
  }),
  fullDisk,
];
