import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runClient } from './run-client.ts';

export interface CodexRun {
  readonly prompt: string;
  /** Origin of the gateway. */
  readonly origin: string;
  /** Sent as a bearer from an environment variable; absent where {@link tokenCommand} is there. */
  readonly token?: string;
  /** A command that prints the token, as `llm-gateway` users have it. */
  readonly tokenCommand?: readonly [string, ...string[]];
  readonly model: string;
  /** Further lines of `config.toml`, top-level keys first. */
  readonly config?: string;
  /** Further lines of the provider's own table. */
  readonly provider?: string;
  /** A session to go on with. */
  readonly resume?: string;
  /** Further arguments of `codex exec`. */
  readonly args?: readonly string[];
  /** Working directory (a new empty one). It is kept when it is given, removed when it is not. */
  readonly cwd?: string;
  /** Home directory, where sessions are kept (a new empty one). Kept when it is given, removed when it is not. */
  readonly home?: string;
  /** Killed after so long, in milliseconds (60,000). */
  readonly timeoutMs?: number;
}

/** One line of `codex exec --json`. */
interface CodexEvent {
  readonly type: string;
  readonly thread_id?: string;
  readonly message?: string;
  readonly error?: { readonly message: string };
  readonly item?: { readonly type: string; readonly text?: string; readonly message?: string };
}

export interface CodexResult {
  readonly exitCode: number | null;
  /** Everything the model said, message by message. */
  readonly texts: readonly string[];
  /** Errors that the user sees: notices in passing, then what the turn failed with. */
  readonly errors: readonly string[];
  readonly session: string;
  readonly events: readonly CodexEvent[];
  readonly stdout: string;
  readonly stderr: string;
  readonly durationMs: number;
}

/** Path of the native Codex, from the platform's own package. */
export function codexBinary(): string {
  const vendor = join(
    import.meta.dirname,
    ...['..', 'node_modules', '@openai', `codex-${process.platform}-${process.arch}`, 'vendor'],
  );
  const file = process.platform === 'win32' ? 'codex.exe' : 'codex';
  const found = TRIPLES.map((triple) => join(vendor, triple, 'bin', file)).find((path) => existsSync(path));
  if (found === undefined) throw new Error(`no Codex in ${vendor}: run npm ci --prefix e2e`);
  return found;
}

const TRIPLES = ['x86_64', 'aarch64'].flatMap((cpu) =>
  ['unknown-linux-musl', 'apple-darwin', 'pc-windows-msvc'].map((system) => `${cpu}-${system}`),
);

const TOKEN_VARIABLE = 'LLM_GATEWAY_TOKEN';

/** The configuration that our README tells people to write, and what a test adds. */
export function codexConfig(run: Omit<CodexRun, 'prompt'>): string {
  const { tokenCommand } = run;
  const credential =
    tokenCommand === undefined
      ? [`env_key = "${TOKEN_VARIABLE}"`, run.provider ?? '']
      : [
          run.provider ?? '',
          '[model_providers.gateway.auth]',
          `command = ${JSON.stringify(tokenCommand[0])}`,
          `args = ${JSON.stringify(tokenCommand.slice(1))}`,
        ];
  return [
    `model = ${JSON.stringify(run.model)}`,
    'model_provider = "gateway"',
    'web_search = "disabled"',
    // Quiet and alone: no updates, no telemetry.
    'check_for_update_on_startup = false',
    run.config ?? '',
    '[analytics]',
    'enabled = false',
    '[model_providers.gateway]',
    'name = "LLM gateway"',
    `base_url = "${run.origin}/v1"`,
    'wire_api = "responses"',
    ...credential,
    '',
  ].join('\n');
}

/** What Codex needs of the environment, and nothing of this machine's. */
export function codexEnvironment(home: string, token: string | undefined): Record<string, string> {
  return {
    PATH: process.env.PATH ?? '',
    HOME: home,
    CODEX_HOME: join(home, '.codex'),
    ...(token === undefined ? {} : { [TOKEN_VARIABLE]: token }),
  };
}

/** Runs one prompt of the real Codex (`codex exec`), with its own home and nothing of this machine's settings. */
export async function runCodex(run: CodexRun): Promise<CodexResult> {
  const base = await mkdtemp(join(tmpdir(), 'llm-gateway-codex-'));
  const home = run.home ?? join(base, 'home');
  const cwd = run.cwd ?? join(base, 'work');
  await Promise.all([join(home, '.codex'), cwd].map((directory) => mkdir(directory, { recursive: true })));
  await writeFile(join(home, '.codex', 'config.toml'), codexConfig(run));
  try {
    return await spawnCodex(run, home, cwd);
  } finally {
    await rm(base, { recursive: true, force: true, maxRetries: 3 });
  }
}

const ALONE = ['--skip-git-repo-check', '--dangerously-bypass-approvals-and-sandbox'];

function argumentsOf({ args = [], resume }: CodexRun): string[] {
  return [
    'exec',
    ...(resume === undefined ? [] : ['resume']),
    '--json',
    ...ALONE,
    ...args,
    ...(resume === undefined ? [] : [resume]),
    '-',
  ];
}

async function spawnCodex(run: CodexRun, home: string, cwd: string): Promise<CodexResult> {
  const ended = await runClient({
    program: codexBinary(),
    args: argumentsOf(run),
    cwd,
    env: codexEnvironment(home, run.token),
    prompt: run.prompt,
    timeoutMs: run.timeoutMs,
  });
  return { ...ended, ...read(ended.stdout) };
}

function read(stdout: string): Pick<CodexResult, 'events' | 'texts' | 'errors' | 'session'> {
  const events = stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as CodexEvent);
  const items = events.flatMap(({ type, item }) => (type === 'item.completed' && item ? [item] : []));
  return {
    events,
    texts: items.filter(({ type }) => type === 'agent_message').map(({ text }) => text ?? ''),
    errors: [
      ...items.filter(({ type }) => type === 'error').map(({ message }) => message ?? ''),
      ...events.flatMap(({ type, error }) => (type === 'turn.failed' && error ? [error.message] : [])),
    ],
    session: events.find(({ type }) => type === 'thread.started')?.thread_id ?? '',
  };
}
