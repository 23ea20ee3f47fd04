import { type Terminal, UsageError } from './command.ts';
import { configFolder, type SessionPlace } from './session/session.ts';

export const URL_HELP = '  --url   the gateway (LLM_GATEWAY_URL; else the one that you are signed in to)';

/** Options of every command that asks a gateway. */
export const URL_OPTION = { url: { type: 'string' } } as const;

/**
 * The address without a slash or the API's `/v1` at its end.
 *
 * @throws UsageError when it is none
 */
export function toGatewayAddress(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.search !== '')
    throw new UsageError(`--url takes the address of a gateway, not "${text}"`);
  return `${url.origin}${url.pathname.replace(/\/+$/, '').replace(/\/v1$/, '')}`;
}

/** Where the sign-in is, for the gateway of `--url` or `LLM_GATEWAY_URL`. */
export function sessionPlace(url: string | undefined, terminal: Pick<Terminal, 'env'>): SessionPlace {
  const named = url ?? (terminal.env.LLM_GATEWAY_URL || undefined);
  return { folder: configFolder(terminal), wanted: named === undefined ? null : toGatewayAddress(named) };
}
