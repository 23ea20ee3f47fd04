import { execFile, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const HERE = import.meta.dirname;
const HOME = join(
  process.env.MODEL_SERVERS_CACHE ?? join(HERE, '..', '..', '.cache', 'model-servers'),
  'agents-python',
);

/** Installs the Agents SDK for Python on first use; the reason where that cannot be done here, else `null`. */
export function installAgents(): string | null {
  const run = spawnSync('bash', [join(HERE, 'install.sh'), HOME], { encoding: 'utf8', timeout: 300_000 });
  if (run.status === 0) return null;
  const said = run.stderr.trim().split('\n').at(-1) ?? '';
  return `the Agents SDK for Python cannot be installed here: ${said || run.error?.message}`;
}

export interface AgentAnswer {
  readonly output: unknown;
  /** Name of the agent that gave it. */
  readonly agent: string;
  /** What its tool was asked for. */
  readonly asked: readonly string[];
  readonly streamed: boolean;
}

/** Runs one case of `ask.py`. */
export async function askPython(
  kind: string,
  origin: string,
  key: string,
  model: string,
): Promise<AgentAnswer> {
  const { stdout } = await promisify(execFile)(
    join(HOME, 'bin', 'python'),
    [join(HERE, 'ask.py'), kind, origin, key, model],
    { timeout: 60_000, env: { PATH: process.env.PATH, OPENAI_AGENTS_DISABLE_TRACING: '1' } },
  );
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as AgentAnswer;
}
