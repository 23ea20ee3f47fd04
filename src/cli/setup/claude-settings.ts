/** What Claude Code's settings need for the gateway, and how it is taken out again. */
import { asObject, type JsonObject } from '../../protocol/json.ts';
import { type OwnCommand, toShell } from '../own-command.ts';

export type ClaudeSettings = JsonObject;

/** How Claude Code reaches the gateway. */
export interface GatewayAccess {
  readonly gateway: string;
  readonly command: OwnCommand;
}

/**
 * How long Claude Code keeps what its helper printed, in milliseconds. Helpers print tokens that count for at least two
 * minutes more (`session/renew-session.ts`), so none ends while it is kept; the default is five minutes.
 */
const HELPER_TTL_MS = '60000';

/** Sent before a helper is asked, or keeping Claude Code from asking it. */
export const SHADOWING: readonly string[] = [
  'ANTHROPIC_API_KEY',
  'ANTHROPIC_AUTH_TOKEN',
  'CLAUDE_CODE_USE_GATEWAY',
];

/** The settings with the gateway in them; a status line of the user's own stays. */
export function withGateway(settings: ClaudeSettings, { gateway, command }: GatewayAccess): ClaudeSettings {
  const run = (name: string) => toShell([...command, name, '--url', gateway]);
  const { statusLine } = settings;
  return {
    ...settings,
    apiKeyHelper: run('token'),
    env: {
      ...without(envOf(settings), SHADOWING),
      ANTHROPIC_BASE_URL: gateway,
      CLAUDE_CODE_API_KEY_HELPER_TTL_MS: HELPER_TTL_MS,
    },
    statusLine:
      statusLine === undefined || isOurs(statusLine)
        ? { type: 'command', command: run('statusline') }
        : statusLine,
  };
}

/**
 * The settings without what {@link withGateway} wrote; what it replaced comes back as it was before. What somebody has
 * changed since is theirs and stays.
 *
 * @param before the settings from before the first set-up
 */
export function withoutGateway(settings: ClaudeSettings, before: ClaudeSettings): ClaudeSettings {
  if (!isOurs(settings.apiKeyHelper)) return settings;
  const [env, envBefore] = [envOf(settings), envOf(before)];
  const ours = ['ANTHROPIC_BASE_URL', 'CLAUDE_CODE_API_KEY_HELPER_TTL_MS'];
  const restoredEnv = { ...pick(envBefore, [...SHADOWING, ...ours]), ...without(env, ours) };
  const rest = without(settings, [
    'apiKeyHelper',
    'env',
    ...(isOurs(settings.statusLine) ? ['statusLine'] : []),
  ]);
  return {
    ...pick(before, ['apiKeyHelper']),
    ...rest,
    ...(Object.keys(restoredEnv).length > 0 && { env: restoredEnv }),
  };
}

/** Written by this program, from wherever it was started. */
export function isOurs(value: unknown): boolean {
  const text = typeof value === 'string' ? value : `${(value as { command?: unknown } | null)?.command}`;
  return /llm-gateway\.js'? (?:token|statusline) --url /.test(text);
}

const envOf = ({ env }: ClaudeSettings) => asObject(env);

const without = (object: object, names: readonly string[]) =>
  Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));

const pick = (object: object, names: readonly string[]) =>
  Object.fromEntries(Object.entries(object).filter(([name]) => names.includes(name)));
