/** What every contender of the benchmark is, and what it takes to start one. */
import type { ChildProcess } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Launch, start } from '../process.ts';
import type { Workload } from '../workloads.ts';

export type Headers = Readonly<Record<string, string>>;

export interface Contender {
  readonly name: string;
  readonly port: number;
  readonly child: ChildProcess;
  /** What was typed, and what was put into its configuration. */
  readonly launch: readonly string[];
  /** Headers that say who asks, one entry a user; workloads of many users are asked of those that have many. */
  readonly users: readonly Headers[];
  /** Why it cannot do a workload, as its documents say; null: it is asked. */
  readonly cannot: (workload: Workload) => string | null;
  /** Of others' making: what it fails at is written down instead of ending the run. */
  readonly isRival: boolean;
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
  /** What else is to be undone in the end. */
  readonly closers: (() => Promise<void>)[];
}

/** The credential that the load generator presents where one key is enough. */
export const BENCH_KEY = 'bench-key-0123456789abcdef';
export const KEY_HEADERS: Headers = { 'x-api-key': BENCH_KEY };

export const canAll = () => null;

/** Starts a process that is stopped when the run ends. */
export function launched(rig: Pick<Rig, 'started'>, launch: Launch): ChildProcess {
  const child = start(launch);
  rig.started.push(child);
  return child;
}

/** A folder of the contender's own. */
export function homeOf(rig: Pick<Rig, 'folder'>, name: string): string {
  const home = join(rig.folder, name.replace(/\W+/g, '-'));
  mkdirSync(home, { recursive: true });
  return home;
}
