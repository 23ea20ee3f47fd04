import { parseArgs } from 'node:util';
import { type Command, CommandFailure } from './command.ts';
import { revokeToken } from './oauth/token-endpoint.ts';
import { withLock } from './session/lock.ts';
import { configFolder, lockIn, readSession, removeSession, type Session } from './session/session.ts';

const LOCK_MS = 20_000;

export const logout: Command = {
  summary: 'end the sign-in, here and at the identity provider',
  usage: `Usage: llm-gateway logout

A key that was given by "login --with-key" is forgotten here; "llm-gateway keys revoke" ends it.`,

  async run(args, terminal) {
    parseArgs({ args: [...args], options: {} });
    const folder = configFolder(terminal);
    if (readSession(folder) === null) {
      terminal.stderr.write('Nobody is signed in.\n');
      return 0;
    }
    const problem = await withLock(lockIn(folder), LOCK_MS, async () => {
      const session = readSession(folder);
      removeSession(folder);
      return session === null ? null : await endAtProvider(session);
    });
    terminal.stderr.write('Signed out.\n');
    if (problem === null) return 0;
    throw new CommandFailure(
      `the identity provider was not told, the session ends there by itself: ${problem}`,
    );
  },
};

/** @returns why the provider did not take it; null: it did, or need not */
async function endAtProvider(session: Session): Promise<string | null> {
  if (session.kind === 'key' || session.revocationEndpoint === null || session.refreshToken === null)
    return null;
  try {
    await revokeToken(session.revocationEndpoint, session.clientId, session.refreshToken);
    return null;
  } catch (error) {
    if (error instanceof CommandFailure) return error.message;
    throw error;
  }
}
