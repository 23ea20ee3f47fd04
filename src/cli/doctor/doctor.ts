import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type ConfigResult, loadConfig } from '../../config/load.ts';
import { type Command, type Terminal, UsageError } from '../command.ts';
import { type Ask, createAsk } from './ask.ts';
import { checkBackends } from './check-backends.ts';
import { checkClaudeCode, type HelperResult } from './check-claude-code.ts';
import { checkClock } from './check-clock.ts';
import { checkCodex } from './check-codex.ts';
import { checkGateway } from './check-gateway.ts';
import { checkKeycloak } from './check-keycloak.ts';
import { checkQuotaStore } from './check-quota-store.ts';
import { exitStatusOf, type Finding, ok, problem, renderFindings } from './finding.ts';

const PATIENCE_MS = 30_000;
const HELPER_MS = 10_000;

export const doctor: Command = {
  summary: 'look for what is wrong, and say what to do about it',
  usage: `Usage: llm-gateway doctor [--url <gateway>] [--token-file <file>] [--strict] [--json]

Reads the configuration as the gateway does (environment, GATEWAY_CONFIG), then looks at the clock, Keycloak, the
quota store, every backend (by a small real question), and at Claude Code and Codex on this machine.

  --url         look at a running gateway in place of the configuration
  --token-file  a file with an access token to check ("-": standard input)
  --strict      warnings count as problems
  --json        findings as JSON

Exit status: 0 all is well, 2 something is not.`,

  async run(args, terminal) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        url: { type: 'string' },
        'token-file': { type: 'string' },
        strict: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
      },
    });
    if (values.url !== undefined && !URL.canParse(values.url))
      throw new UsageError(`--url takes an address, not "${values.url}"`);
    const token = values['token-file'] === undefined ? undefined : readToken(values['token-file']);
    const ask = createAsk(PATIENCE_MS);
    const findings = [
      ...(values.url === undefined
        ? await checkInstallation(loadFor(terminal), token, ask)
        : await checkRunning(values.url, ask)),
      ...checkClients(terminal),
    ];
    terminal.stdout.write(values.json ? `${JSON.stringify(findings, null, 2)}\n` : renderFindings(findings));
    return exitStatusOf(findings, values.strict);
  },
};

function loadFor({ env }: Terminal): ConfigResult {
  return loadConfig({ env, readFile: (path) => readFileSync(path, 'utf8') });
}

/** Everything that the configuration names. */
export async function checkInstallation(
  loaded: ConfigResult,
  token: string | undefined,
  ask: Ask,
): Promise<readonly Finding[]> {
  if (!loaded.ok) {
    return loaded.problems.map(({ key, message }) =>
      problem('configuration', `${key}: ${message}`, 'docs/configuration.md describes every option.'),
    );
  }
  const { config } = loaded;
  const [keycloak, store, backends] = await Promise.all([
    checkKeycloak(config, token, ask),
    checkQuotaStore(config),
    checkBackends(config, ask),
  ]);
  return [
    ok(
      'configuration',
      `${Object.keys(config.tiers).length} tiers, ${Object.keys(config.backends).length} backends`,
    ),
    ...checkClock([...keycloak.answers, ...backends.answers], Date.now()),
    ...keycloak.findings,
    ...store,
    ...backends.findings,
  ];
}

async function checkRunning(url: string, ask: Ask): Promise<readonly Finding[]> {
  const { findings, answers } = await checkGateway(url, ask);
  return [...findings, ...checkClock(answers, Date.now())];
}

/** What people on this machine work with. */
function checkClients({ env }: Terminal): readonly Finding[] {
  const home = env.HOME ?? homedir();
  const settings = join(env.CLAUDE_CONFIG_DIR ?? join(home, '.claude'), 'settings.json');
  const codex = join(env.CODEX_HOME ?? join(home, '.codex'), 'config.toml');
  return [
    ...checkClaudeCode({
      settings: readOrNull(settings),
      env,
      runHelper: (command) => runHelper(command, env),
    }),
    ...checkCodex(readOrNull(codex)),
  ];
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

function readToken(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8').trim();
  } catch (error) {
    throw new UsageError(`--token-file: ${(error as Error).message}`);
  }
}

/** By a shell, as Claude Code does. */
function runHelper(command: string, env: Terminal['env']): HelperResult {
  const { status, stdout, error } = spawnSync(command, {
    shell: true,
    encoding: 'utf8',
    timeout: HELPER_MS,
    env: { ...env },
  });
  if (error !== undefined) return { failure: (error as NodeJS.ErrnoException).code ?? 'it could not be run' };
  return status === 0 ? { printed: stdout } : { failure: `exit status ${status}` };
}
