/** The gateway, as the command line asks it. */
import { askJson, type JsonAnswer } from './ask.ts';
import { CommandFailure, EXIT_FAILED, EXIT_NOT_PERMITTED, EXIT_UNAVAILABLE } from './command.ts';
import type { Credential } from './session/current-token.ts';

/**
 * Asks with the credential.
 *
 * @param path begins with a slash
 * @throws CommandFailure with the gateway's own sentence when it refuses
 */
export async function askGateway(
  { gateway, token }: Credential,
  path: string,
  { patienceMs, ...init }: RequestInit & { readonly patienceMs?: number } = {},
): Promise<JsonAnswer['body']> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const { status, body } = await askJson(`${gateway}${path}`, { ...init, headers }, patienceMs);
  if (status >= 200 && status < 300) return body;
  throw new CommandFailure(sentenceOf(body) ?? `${gateway}${path} answered ${status}`, exitOf(status));
}

function exitOf(status: number): number {
  if (status === 401 || status === 403) return EXIT_NOT_PERMITTED;
  return status >= 500 ? EXIT_UNAVAILABLE : EXIT_FAILED;
}

/** Both dialects have it at the same place. */
function sentenceOf(body: JsonAnswer['body']): string | null {
  const { message } = (body.error ?? {}) as { message?: unknown };
  return typeof message === 'string' ? message : null;
}
