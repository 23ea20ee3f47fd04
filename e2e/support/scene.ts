/** One stage for all tests of a file, and what each of them plays with. Every request of every side is counted. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { MockRequest } from '../../test/support/mock-backend.ts';
import type { MockToolCall } from '../../test/support/mock-replies.ts';
import { type ClaudeCodeResult, type ClaudeCodeRun, runClaudeCode } from './claude-code.ts';
import { type CodexResult, type CodexRun, runCodex } from './codex.ts';
import { type Stage, setStage, staticKeys } from './stage.ts';

/** What one test plays with. */
export interface Scene extends Stage {
  /** Key of a free user who has asked nothing so far. */
  readonly freeKey: string;
  /** Working directory of every run, and where the tests look for files. */
  readonly cwd: string;
  /** Runs Claude Code in the scene's own working directory and home, so that sessions can be resumed. */
  claudeCode(run: Omit<ClaudeCodeRun, 'baseUrl'>): Promise<ClaudeCodeResult>;
  /** Runs Codex likewise. */
  codex(run: Omit<CodexRun, 'origin'>): Promise<CodexResult>;
  /** Statuses that the client was answered with. */
  statuses(): number[];
  /** Requests that were counted for {@link freeKey}. */
  charged(): Promise<number>;
}

type PlayScene = (name: string, play: (scene: Scene) => Promise<void>) => void;

/** Most scenes of one file. */
const MOST = 50;

/**
 * Sets one stage for all tests of a file; what comes back makes a test of each scene.
 *
 * @param configYaml the gateway's configuration file, where there is one
 */
export function onSharedStage(configYaml?: string): PlayScene {
  // A free user for each scene, so that the ten requests of a day last. Made beforehand: outside of a
  // suite the hook runs at once, before any scene is named.
  const freeKeys = Array.from({ length: MOST }, () => `e2e-free-key-${randomUUID()}`);
  let stage: Stage | null = null;
  before(async () => {
    const free = freeKeys.map((key, index) => `${key}=free-${index}:free`);
    const keys = [staticKeys(['pro', 'enterprise']), ...free].join(',');
    stage = await setStage({ STATIC_KEYS: keys }, configYaml);
  });
  after(async () => {
    await stage?.close();
  });

  return (name, play) => {
    const freeKey = freeKeys.pop();
    assert.ok(freeKey, `a file has ${MOST} scenes at most`);
    test(name, { timeout: 120_000 }, async () => {
      assert.ok(stage);
      await playOn(stage, freeKey, play);
    });
  };
}

async function playOn(stage: Stage, freeKey: string, play: (scene: Scene) => Promise<void>): Promise<void> {
  const base = await mkdtemp(join(tmpdir(), 'llm-gateway-scene-'));
  const [home, cwd] = [join(base, 'home'), join(base, 'work')];
  const from = stage.proxy.seen.length;
  const baseUrl = stage.proxy.url;
  await mkdir(cwd);
  for (const backend of [stage.internal, stage.claude, stage.openai]) backend.reset();
  try {
    await play({
      ...stage,
      freeKey,
      cwd,
      claudeCode: (run) => runClaudeCode({ baseUrl, home, cwd, ...run }),
      codex: (run) => runCodex({ origin: baseUrl, home, cwd, ...run }),
      statuses: () => stage.proxy.seen.slice(from).map(({ status }) => status),
      charged: () => requestsUsed(stage.gateway.url, freeKey),
    });
    stage.assertPlayed();
  } finally {
    await rm(base, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** What `GET /quota` says was used today. */
export async function requestsUsed(origin: string, key: string): Promise<number> {
  const response = await fetch(`${origin}/quota`, { headers: { authorization: `Bearer ${key}` } });
  return ((await response.json()) as { used: number }).used;
}

export function assertAnswered(run: ClaudeCodeResult, result: string): void {
  assert.deepEqual([run.result, run.isError, run.exitCode], [result, false, 0], run.stdout + run.stderr);
}

export type Message = Readonly<Record<string, unknown>>;
export const bodyOf = (request: MockRequest | undefined) =>
  request?.json as Readonly<Record<string, unknown>> & { readonly messages: readonly Message[] };
export const textOf = (request: MockRequest | undefined): string => request?.body.toString('utf8') ?? '';
export const call = (id: string, name: string, input: Record<string, unknown>): MockToolCall => ({
  id,
  name,
  arguments: input,
});
