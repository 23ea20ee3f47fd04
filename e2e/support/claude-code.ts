import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runClient } from './run-client.ts';

export interface ClaudeCodeRun {
  readonly prompt: string;
  /** `ANTHROPIC_BASE_URL`. */
  readonly baseUrl: string;
  /** `ANTHROPIC_AUTH_TOKEN`, sent as a bearer; absent where `env` has another credential. */
  readonly token?: string;
  /** Tools that may run unasked, in Claude Code's own words (`Write`, `Read`, `Bash(ls *)`). */
  readonly tools?: readonly string[];
  readonly model?: string;
  /** Further environment, for example the other credential variable. */
  readonly env?: Readonly<Record<string, string>>;
  /** Working directory (a new empty one). It is kept when it is given, removed when it is not. */
  readonly cwd?: string;
  /** Home directory, where sessions are kept (a new empty one). Kept when it is given, removed when it is not. */
  readonly home?: string;
  /** Further arguments of the command line, for example `['--resume', id]`. */
  readonly args?: readonly string[];
  /** Killed after so long, in milliseconds (60,000). */
  readonly timeoutMs?: number;
}

export interface ClaudeCodeResult {
  readonly exitCode: number | null;
  /** The text that the user sees. */
  readonly result: string;
  readonly isError: boolean;
  /** The whole JSON line of `--output-format json`, empty when there was none. */
  readonly report: Readonly<Record<string, unknown>>;
  readonly stdout: string;
  readonly stderr: string;
  readonly durationMs: number;
}

/** Quiet and alone: no updates, no telemetry, no start-up traffic but the prompt's own. */
const QUIET = {
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
  DISABLE_AUTOUPDATER: '1',
  DISABLE_TELEMETRY: '1',
  DISABLE_ERROR_REPORTING: '1',
  IS_SANDBOX: '1',
};

/**
 * Path of the native Claude Code. It is taken from the platform's own package, because npm withholds the install
 * script of the main package (which only links the binary) on many machines.
 */
export function claudeCodeBinary(): string {
  const scope = join(import.meta.dirname, '..', 'node_modules', '@anthropic-ai');
  const platform = `claude-code-${process.platform}-${process.arch}`;
  const file = process.platform === 'win32' ? 'claude.exe' : 'claude';
  const found = [platform, `${platform}-musl`]
    .map((name) => join(scope, name, file))
    .find((path) => existsSync(path));
  if (found === undefined) throw new Error(`no Claude Code for ${platform}: run npm ci --prefix e2e`);
  return found;
}

/** Runs one prompt of the real Claude Code in print mode, with its own home and nothing of this machine's settings. */
export async function runClaudeCode(run: ClaudeCodeRun): Promise<ClaudeCodeResult> {
  const base = await mkdtemp(join(tmpdir(), 'llm-gateway-claude-'));
  const home = run.home ?? join(base, 'home');
  const cwd = run.cwd ?? join(base, 'work');
  await Promise.all([home, cwd].map((directory) => mkdir(directory, { recursive: true })));
  try {
    return await spawnClaudeCode(run, home, cwd);
  } finally {
    await rm(base, { recursive: true, force: true, maxRetries: 3 });
  }
}

function argumentsOf(run: ClaudeCodeRun): string[] {
  const tools = run.tools ?? [];
  return [
    '--print',
    '--output-format',
    'json',
    ...(run.model === undefined ? [] : ['--model', run.model]),
    ...(tools.length === 0 ? [] : ['--permission-mode', 'acceptEdits', '--allowedTools', tools.join(',')]),
    ...(run.args ?? []),
  ];
}

async function spawnClaudeCode(run: ClaudeCodeRun, home: string, cwd: string): Promise<ClaudeCodeResult> {
  const ended = await runClient({
    program: claudeCodeBinary(),
    args: argumentsOf(run),
    cwd,
    env: {
      PATH: process.env.PATH,
      HOME: home,
      CLAUDE_CONFIG_DIR: join(home, '.claude'),
      ANTHROPIC_BASE_URL: run.baseUrl,
      ...(run.token === undefined ? {} : { ANTHROPIC_AUTH_TOKEN: run.token }),
      ...QUIET,
      ...run.env,
    },
    prompt: run.prompt,
    timeoutMs: run.timeoutMs,
  });
  const report = reportOf(ended.stdout);
  return {
    ...ended,
    result: typeof report.result === 'string' ? report.result : '',
    isError: report.is_error !== false,
    report,
  };
}

function reportOf(stdout: string): Record<string, unknown> {
  try {
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Record<string, unknown>;
  } catch {
    return {};
  }
}
