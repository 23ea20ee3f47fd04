/** Whom a realm vouches for, by the code that it sent a browser back with. */
import { GatewayError } from '../errors.ts';
import type { TokenVerifier, VerifiedToken } from './oidc.ts';
import type { Realm } from './realm.ts';
import type { NewSession } from './sessions.ts';

export interface VouchOptions {
  readonly realms: readonly Realm[];
  readonly verifiers: readonly TokenVerifier[];
  /** Where the realm sent the browser back to. */
  readonly redirectUri: string;
}

/**
 * The access token comes from the realm itself, and is checked like anybody's: audience, kind, issuer.
 *
 * @returns null when the realm does not vouch for anyone
 */
export type Vouch = (issuer: string, code: string, codeVerifier: string) => Promise<VerifiedToken | null>;

export function createVouch({ realms, verifiers, redirectUri }: VouchOptions): Vouch {
  const realmOf = new Map(realms.map((realm) => [realm.issuer, realm]));
  const verifierOf = new Map(verifiers.map((verifier) => [verifier.issuer, verifier]));

  async function redeem(issuer: string, code: string, codeVerifier: string) {
    const token = await realmOf.get(issuer)?.exchange({ code, codeVerifier, redirectUri });
    if (token === undefined || token === null) return null;
    return verifierOf.get(issuer)?.verify(token) ?? null;
  }

  return (issuer, code, codeVerifier) => redeem(issuer, code, codeVerifier).catch(asRefusal);
}

/** What is kept of somebody who has signed in. */
export function toSession({ issuer, user, claims }: VerifiedToken): NewSession {
  return {
    owner: { issuer, sub: String(claims.sub) },
    sid: textOrNull(claims.sid),
    user,
    email: textOrNull(claims.email),
  };
}

function asRefusal(error: unknown): null {
  if (error instanceof GatewayError && error.code !== 'identity_unavailable') return null;
  throw error;
}

const textOrNull = (claim: unknown) => (typeof claim === 'string' && claim !== '' ? claim : null);
