import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { asObject, parseJson } from '../protocol/json.ts';
import { type Command, CommandFailure, type Terminal, UsageError } from './command.ts';
import { sessionPlace, URL_HELP } from './gateway-address.ts';
import { ownCommand } from './own-command.ts';
import { currentToken } from './session/current-token.ts';
import { type ClaudeSettings, SHADOWING, withGateway } from './setup/claude-settings.ts';
import { claudeSettingsFile } from './setup/client-files.ts';
import { readOrNull } from './setup/edit-file.ts';

/** As shells have it for a command that is not there. */
const EXIT_NOT_FOUND = 127;

/** In the environment; in settings an empty text takes the place of another (2.1.330, measured). */
const OTHER_CREDENTIALS = [...SHADOWING, 'CLAUDE_CODE_OAUTH_TOKEN'];
const NO_OTHERS = Object.fromEntries(SHADOWING.map((name) => [name, '']));

export const claude: Command = {
  summary: 'start Claude Code at the gateway; nothing on this machine is changed',
  usage: `Usage: llm-gateway claude [--url <gateway>] [arguments of Claude Code]

What follows is Claude Code's own; "llm-gateway claude -- --help" asks it for its help.

${URL_HELP}

Exit status: Claude Code's; 127 where it is not installed, 77 when you are not signed in.`,

  async run(args, terminal) {
    const { url, rest } = takeUrl(args);
    const { gateway } = await currentToken(sessionPlace(url, terminal));
    const { settings, others } = takeSettings(rest);
    const access = { gateway, command: ownCommand() };
    const { env, ...own } = withGateway({ ...statusLineOf(terminal), ...settings }, access);
    const all = JSON.stringify({ ...own, env: { ...NO_OTHERS, ...asObject(env) } });
    return await start(['--settings', all, ...others], terminal);
  },
};

function takeUrl(args: readonly string[]): { url: string | undefined; rest: readonly string[] } {
  const inline = /^--url=(.+)$/.exec(args[0] ?? '')?.[1];
  const named = inline ?? (args[0] === '--url' ? (args[1] ?? '') : undefined);
  const after = named === undefined ? args : args.slice(inline === undefined ? 2 : 1);
  return { url: named, rest: after[0] === '--' ? after.slice(1) : after };
}

/** Claude Code takes one `--settings`: the user's own becomes a part of ours. */
function takeSettings(args: readonly string[]): { settings: ClaudeSettings; others: readonly string[] } {
  const at = args.indexOf('--settings');
  if (at < 0) return { settings: {}, others: args };
  const given = args[at + 1] ?? '';
  try {
    const settings: unknown = JSON.parse(
      given.trimStart().startsWith('{') ? given : readFileSync(given, 'utf8'),
    );
    return { settings: settings as ClaudeSettings, others: args.toSpliced(at, 2) };
  } catch (error) {
    throw new UsageError(`--settings: ${(error as Error).message}`);
  }
}

/** One of the user's own stays, though what is given to Claude Code counts for more than its file. */
function statusLineOf(terminal: Terminal): ClaudeSettings {
  const { statusLine } = asObject(parseJson(readOrNull(claudeSettingsFile(terminal)) ?? ''));
  return statusLine === undefined ? {} : { statusLine };
}

function start(args: readonly string[], { env }: Terminal): Promise<number> {
  const kept = Object.entries(env).filter(([name]) => !OTHER_CREDENTIALS.includes(name));
  const child = spawn('claude', args, { stdio: 'inherit', env: Object.fromEntries(kept) });
  // The terminal sends Ctrl-C to both; Claude Code decides what it means.
  process.on('SIGINT', () => undefined);
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.on('error', (error) => reject(isMissing(error) ? notInstalled() : error));
    child.on('exit', (code) => resolve(code ?? 1));
  });
}

const isMissing = (error: Error) => 'code' in error && error.code === 'ENOENT';

const notInstalled = () =>
  new CommandFailure(
    'Claude Code is not installed (there is no "claude" on the path); npm install --global @anthropic-ai/claude-code',
    EXIT_NOT_FOUND,
  );
