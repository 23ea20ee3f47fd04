import { CommandFailure, EXIT_NOT_PERMITTED } from '../command.ts';
import { refreshTokens, type Tokens } from '../oauth/token-endpoint.ts';
import { withLock } from './lock.ts';
import { lockIn, type OAuthSession, requireSession, type SessionPlace, writeSession } from './session.ts';

/** Tokens are renewed so long before their end, or at half their life. Milliseconds. */
const AHEAD_MS = 120_000;

/** Milliseconds since the epoch. */
export function timesOf({ expiresIn }: Pick<Tokens, 'expiresIn'>, now: number) {
  const life = expiresIn * 1000;
  return { expiresAt: now + life, renewAt: now + Math.max(life - AHEAD_MS, life / 2) };
}

/**
 * Renews the sign-in, or finds that another process has meanwhile: one asks, the others read. While the provider does
 * not answer, the old token is good to its end.
 *
 * @throws CommandFailure when it has ended
 */
export function renewSession(place: SessionPlace, waitMs: number): Promise<OAuthSession> {
  return withLock(lockIn(place.folder), waitMs, async () => {
    const session = requireSession(place);
    if (session.kind === 'key') throw ended(session.gateway);
    if (Date.now() < session.renewAt) return session;
    const isGood = Date.now() < session.expiresAt;
    if (session.refreshToken === null) {
      if (isGood) return session;
      throw ended(session.gateway);
    }
    try {
      return await renew(place.folder, session, session.refreshToken);
    } catch (error) {
      if (isGood && error instanceof CommandFailure && error.status !== EXIT_NOT_PERMITTED) return session;
      throw error;
    }
  });
}

async function renew(folder: string, session: OAuthSession, refreshToken: string): Promise<OAuthSession> {
  const { tokenEndpoint, clientId, gateway } = session;
  const tokens = await refreshTokens({ tokenEndpoint, clientId, refreshToken });
  if (tokens === null) {
    // Kept without its tokens, so that the next ten helpers need not ask again.
    writeSession(folder, { ...session, accessToken: '', refreshToken: null, renewAt: 0, expiresAt: 0 });
    throw ended(gateway);
  }
  const next = {
    ...session,
    ...timesOf(tokens, Date.now()),
    accessToken: tokens.accessToken,
    refreshToken: tokens.refreshToken ?? refreshToken,
  };
  writeSession(folder, next);
  return next;
}

const ended = (gateway: string) =>
  new CommandFailure(`your sign-in has ended; run: llm-gateway login --url ${gateway}`, EXIT_NOT_PERMITTED);
