import { parseArgs } from 'node:util';
import { isObject, parseJson } from '../../protocol/json.ts';
import { type Command, CommandFailure, type Terminal, UsageError } from '../command.ts';
import { askGateway } from '../gateway.ts';
import { sessionPlace } from '../gateway-address.ts';
import { lastingCommand } from '../own-command.ts';
import { currentToken } from '../session/current-token.ts';
import { readSession, type SessionPlace, signedOut } from '../session/session.ts';
import { type ClaudeSettings, isOurs, withGateway, withoutGateway } from './claude-settings.ts';
import { claudeSettingsFile, codexConfigFile } from './client-files.ts';
import { hasProvider, modelOf, withoutProvider, withProvider } from './codex-config.ts';
import { apply, backupOf, dropBackup, type Edit, isWanted, keepBackup, readOrNull } from './edit-file.ts';

interface Options {
  readonly yes: boolean;
  readonly remove: boolean;
  readonly model?: string | undefined;
}

export const setup: Command = {
  summary: 'point Claude Code or Codex at the gateway for good',
  usage: `Usage: llm-gateway setup [--url <gateway>] [--yes] [--remove]
       llm-gateway setup codex [--url <gateway>] [--model <name>] [--yes] [--remove]

Writes ~/.claude/settings.json (CLAUDE_CONFIG_DIR), or ~/.codex/config.toml (CODEX_HOME), after showing what changes.
Both get their token from "llm-gateway token"; no file gets the token itself. The file from before is kept beside it.

  --remove  takes it out again, and leaves what was changed since
  --yes     asks nothing
  --model   the model of Codex (else its present one where the gateway has it, else the first one of the gateway's)
  --url     the gateway (LLM_GATEWAY_URL; else the one that you are signed in to)`,

  async run(args, terminal) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        url: { type: 'string' },
        model: { type: 'string' },
        yes: { type: 'boolean', default: false },
        remove: { type: 'boolean', default: false },
      },
    });
    const [client = 'claude', ...rest] = positionals;
    if (!['claude', 'codex'].includes(client) || rest.length > 0)
      throw new UsageError('expected claude, codex or nothing');
    const place = sessionPlace(values.url, terminal);
    const plan = client === 'codex' ? planCodex : planClaude;
    return (await carryOut(await plan(place, values, terminal), values, terminal)) ? 0 : 1;
  },
};

interface Plan {
  readonly edit: Edit;
  /** Whether what is there now is the user's own, and so to be kept. */
  readonly isFirst: boolean;
  readonly next: string;
}

/** @returns false when the user does not want it */
async function carryOut({ edit, isFirst, next }: Plan, { yes, remove }: Options, terminal: Terminal) {
  const { path, before, after } = edit;
  const wanted = await isWanted(edit, yes, terminal);
  if (!wanted) return before === after;
  if (!remove && isFirst) keepBackup(edit);
  apply(edit);
  if (remove) dropBackup(path);
  terminal.stderr.write(`${path} is ${after === null ? 'removed' : 'written'}. ${remove ? '' : next}\n`);
  return true;
}

async function planClaude(place: SessionPlace, { remove }: Options, terminal: Terminal): Promise<Plan> {
  const path = claudeSettingsFile(terminal);
  const before = readOrNull(path);
  const settings = toSettings(before, path);
  const next = 'Claude Code uses the gateway from its next start.';
  if (remove) {
    const backup = readOrNull(backupOf(path));
    const rest = withoutGateway(settings, toSettings(backup, backupOf(path)));
    const isEmpty = Object.keys(rest).length === 0 && backup === null;
    return { edit: { path, before, after: isEmpty ? null : toJson(rest, before) }, isFirst: false, next };
  }
  const gateway = place.wanted ?? readSession(place.folder)?.gateway;
  if (gateway === undefined) throw signedOut(null);
  const after = toJson(withGateway(settings, { gateway, command: lastingCommand() }), before);
  return { edit: { path, before, after }, isFirst: !isOurs(settings.apiKeyHelper), next };
}

function toSettings(text: string | null, path: string): ClaudeSettings {
  const settings = parseJson(text ?? '{}');
  if (isObject(settings)) return settings;
  throw new CommandFailure(`${path} is not a JSON object; nothing was changed`);
}

/** What says the same as before is left as it was written. */
function toJson(settings: ClaudeSettings, before: string | null): string {
  const text = `${JSON.stringify(settings, null, 2)}\n`;
  return before !== null && JSON.stringify(settings) === JSON.stringify(JSON.parse(before)) ? before : text;
}

async function planCodex(place: SessionPlace, { remove, model }: Options, terminal: Terminal): Promise<Plan> {
  const path = codexConfigFile(terminal);
  const before = readOrNull(path);
  const next = 'Codex uses the gateway from its next start.';
  const isFirst = !hasProvider(before ?? '');
  const own = isFirst ? (before ?? '') : withoutProvider(before ?? '');
  if (remove) {
    const isEmpty = own === '' && readOrNull(backupOf(path)) === null;
    const after = before === null || (isEmpty && !isFirst) ? null : own;
    return { edit: { path, before, after }, isFirst: false, next };
  }
  const credential = await currentToken(place);
  const { data = [] } = (await askGateway(credential, '/v1/models')) as { data?: readonly { id: string }[] };
  const names = data.map(({ id }) => id);
  const present = modelOf(before ?? '');
  const chosen = model ?? names.find((name) => name === present) ?? names[0];
  if (chosen === undefined) throw new CommandFailure('the gateway has no model for you');
  const after = withProvider(own, { gateway: credential.gateway, command: lastingCommand() }, chosen);
  return { edit: { path, before, after }, isFirst, next };
}
