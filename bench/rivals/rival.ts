/** Where the rivals are installed, and what their starts have in common. */
import { spawnSync } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Contender, Headers, Rig } from '../contenders/contender.ts';
import { launched } from '../contenders/contender.ts';
import { type Launch, launchLine, untilReady } from '../process.ts';
import type { Workload } from '../workloads.ts';

export const RIVALS_FOLDER = join(homedir(), '.cache/llm-gateway/rivals');

/** Installs them where they are not there; gives why that failed, or null. */
export function installRivals(): string | null {
  const { status, stderr } = spawnSync('bench/rivals/install.sh', [RIVALS_FOLDER], {
    stdio: ['ignore', 'inherit', 'pipe'],
    encoding: 'utf8',
  });
  return status === 0 ? null : `they could not be installed: ${stderr.trim().split('\n').at(-1) ?? ''}`;
}

/** LiteLLM takes 20 s of CPU to start. */
const READY_MS = 180_000;

export interface RivalStart {
  readonly name: string;
  readonly port: number;
  readonly launch: Launch;
  /** Text of its configuration, for the record. */
  readonly config: string;
  /** Path that answers 200 when it is ready. */
  readonly readyPath: string;
  readonly headers: Headers;
  readonly cannot: (workload: Workload) => string | null;
  /** What had to be started before it. */
  readonly before?: readonly string[];
}

export async function startRival(rig: Rig, start: RivalStart): Promise<Contender> {
  const { name, port, launch, config, readyPath, headers, cannot, before = [] } = start;
  const child = launched(rig, launch);
  const readyMs = await untilReady(`http://127.0.0.1:${port}${readyPath}`, child, READY_MS);
  return {
    name,
    port,
    child,
    launch: [launchLine(launch), config, ...before],
    users: [headers],
    cannot,
    isRival: true,
    readyMs,
  };
}

/** Codex's requests are not asked of those that are no gateway for them. */
export const onlyMessages = ({ dialect }: Workload): string | null =>
  dialect === 'anthropic' ? null : 'only Messages are configured';
