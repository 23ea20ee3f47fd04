import { type OAuthSession, requireSession, type SessionPlace } from './session.ts';

/** What a request to the gateway carries. */
export interface Credential {
  readonly gateway: string;
  readonly token: string;
}

/** How long others that renew the same sign-in are waited for. */
const PATIENCE_MS = 20_000;

/**
 * A token that counts for a while: the kept one, or a new one in its place. Most calls read one file and are done.
 *
 * @param waitMs how long another process that renews it is waited for, in milliseconds
 * @throws CommandFailure when nobody is signed in, or the sign-in cannot be renewed and has ended
 */
export async function currentToken(place: SessionPlace, waitMs = PATIENCE_MS): Promise<Credential> {
  const session = requireSession(place);
  if (session.kind === 'key') return { gateway: session.gateway, token: session.key };
  if (Date.now() < session.renewAt) return credentialOf(session);
  const { renewSession } = await import('./renew-session.ts');
  return credentialOf(await renewSession(place, waitMs));
}

const credentialOf = ({ gateway, accessToken }: OAuthSession): Credential => ({
  gateway,
  token: accessToken,
});
