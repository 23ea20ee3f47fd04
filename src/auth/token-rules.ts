/** What a token must say, beside its signature. Reasons are for the log; nothing of a token is in them. */
import { expiredCredential, invalidCredential } from './refusals.ts';

type Claims = Readonly<Record<string, unknown>>;

/** Header and claims as the token itself puts them. */
interface Draft {
  readonly header: Claims;
  readonly claims: Claims;
}

interface Wanted {
  readonly issuer: string;
  readonly audience: string;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

/** Who is logged out: a session, or all of a person's. */
export interface VerifiedLogout {
  readonly issuer: string;
  readonly sub: string | undefined;
  readonly sid: string | undefined;
  /** Milliseconds since the epoch. */
  readonly issuedAt: number;
}

const LOGOUT_EVENT = 'http://schemas.openid.net/event/backchannel-logout';

/** Header parameters that bring or point to a key: only the issuer's published keys count (RFC 8725 §3.10). */
const KEY_BEARING = ['jwk', 'jku', 'x5u', 'x5c'];

type HeaderType = 'jwt' | 'at+jwt' | 'logout+jwt';

export function assertHeader(
  header: Claims,
  algorithms: readonly string[],
  types: readonly HeaderType[],
): HeaderType {
  if (typeof header.alg !== 'string' || !algorithms.includes(header.alg))
    throw invalidCredential('algorithm not accepted');
  if (KEY_BEARING.some((name) => Object.hasOwn(header, name)))
    throw invalidCredential('the header brings its own key');
  const written = String(header.typ)
    .toLowerCase()
    .replace(/^application\//, '');
  const type = types.find((one) => one === written);
  if (type === undefined) throw invalidCredential(`header typ is not one of ${types.join(', ')}`);
  return type;
}

/**
 * Tells access tokens from the issuer's other tokens, before any key is fetched or any signature computed. Keycloak
 * writes the kind into the payload (`Bearer`, `ID`, `Refresh`, `Offline`, `DPoP`, `Logout`); RFC 9068 issuers write
 * `at+jwt` into the header. A token that says neither may be an ID token, and is refused.
 */
export function assertAccessToken({ header, claims }: Draft, algorithms: readonly string[]): void {
  const headerType = assertHeader(header, algorithms, ['jwt', 'at+jwt']);
  const kind = claims.typ ?? (headerType === 'at+jwt' ? 'Bearer' : 'unstated');
  if (kind !== 'Bearer') throw invalidCredential('not an access token');
  // Bound to a key or certificate (DPoP, mutual TLS): using it as a plain bearer token would undo the binding.
  if (Object.hasOwn(claims, 'cnf')) throw invalidCredential('bound to a key that was not proven');
  if (!Number.isFinite(claims.exp) || !Number.isFinite(claims.iat))
    throw invalidCredential('exp or iat is not a number');
}

export function assertSubject({ sub }: Claims): void {
  if (typeof sub !== 'string' || sub === '') throw invalidCredential('sub is missing or not a text');
}

/** What the issuer says of a token now is held to the same rules as what a token says of itself. */
export function assertIntrospected(claims: Claims, { issuer, audience, clock }: Wanted): void {
  const { iss = issuer, aud, exp, typ = 'Bearer' } = claims;
  if (iss !== issuer) throw invalidCredential('introspection: another issuer');
  if (![aud].flat().includes(audience)) throw invalidCredential('introspection: another audience');
  if (typ !== 'Bearer') throw invalidCredential('introspection: not an access token');
  assertSubject(claims);
  if (Object.hasOwn(claims, 'cnf')) throw invalidCredential('bound to a key that was not proven');
  if (!Number.isFinite(exp) || Number(exp) * 1000 <= clock()) throw expiredCredential();
}

/** @param oldest milliseconds since the epoch; what says no end of its own must be younger */
export function readLogout(claims: Claims, issuer: string, oldest: number): VerifiedLogout {
  const { iat, exp, events, nonce } = claims;
  const isLogout = typeof events === 'object' && events !== null && Object.hasOwn(events, LOGOUT_EVENT);
  // A nonce would make it an ID token (§2.4).
  if (!isLogout || nonce !== undefined) throw invalidCredential('not a logout token');
  const issuedAt = Number(iat) * 1000;
  if (exp === undefined && issuedAt < oldest) throw expiredCredential();
  const [sub, sid] = [textOr(claims.sub), textOr(claims.sid)];
  if (sub === undefined && sid === undefined) throw invalidCredential('neither sub nor sid');
  return { issuer, sub, sid, issuedAt };
}

const textOr = (claim: unknown) => (typeof claim === 'string' && claim !== '' ? claim : undefined);

export const JWT_SHAPE = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** The issuer that a token names, to pick its verifier by; unproven until that has verified it. */
export function issuerOf(credential: string): string | null {
  if (!JWT_SHAPE.test(credential)) return null;
  const payload = credential.split('.')[1] ?? '';
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    return typeof claims === 'object' && claims !== null && 'iss' in claims && typeof claims.iss === 'string'
      ? claims.iss
      : null;
  } catch {
    return null;
  }
}
