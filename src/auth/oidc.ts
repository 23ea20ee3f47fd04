import type { JSONWebKeySet, JWTPayload, LocalJWKSet, ProtectedHeaderParameters } from 'jose';
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, errors, jwtVerify } from 'jose';
import { GatewayError } from '../errors.ts';
import { digestOf, subjectOf } from './digest.ts';
import type { PublishedKey } from './issuer-keys.ts';
import { createIssuerKeys } from './issuer-keys.ts';
import type { KeyHealth } from './key-cache.ts';
import { createKeyCache } from './key-cache.ts';
import { expiredCredential, invalidCredential } from './refusals.ts';
import { createTokenCache } from './token-cache.ts';

/** What a verified access token says. */
export interface VerifiedToken {
  readonly issuer: string;
  /** Hash of issuer and `sub`. */
  readonly subject: string;
  /** A name for people. */
  readonly user: string;
  readonly claims: Readonly<Record<string, unknown>>;
  /** `exp`, milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** Verifies the access tokens of one issuer. */
export interface TokenVerifier {
  readonly issuer: string;
  /** A token verified within the last minute, by the SHA-256 of the whole token. */
  recall(digest: string): VerifiedToken | null;
  /**
   * @throws GatewayError `expired_credential`; `invalid_credential` for every other fault of the token, in one
   *   sentence for all; `identity_unavailable` when the issuer's keys cannot be had
   */
  verify(token: string, digest?: string): Promise<VerifiedToken>;
  health(): VerifierHealth;
  /** Stops the background refresh and ends a fetch under way. */
  close(): void;
}

export interface VerifierHealth extends KeyHealth {
  readonly issuer: string;
}

/** The part of a logger that is used here. */
export interface VerifierLog {
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
}

export interface TokenVerifierOptions {
  /** The issuer's URL, exactly as its tokens and its metadata spell it. */
  readonly issuer: string;
  /** What `aud` must contain. */
  readonly audience: string;
  /** Where the keys are, for in-cluster names; default: asked of the issuer's metadata. */
  readonly jwksUri?: string | undefined;
  /** Signature algorithms accepted; default RS256, PS256, ES256, EdDSA. Never a symmetric one. */
  readonly algorithms?: readonly string[] | undefined;
  /** Seconds by which clocks may differ; default 30. */
  readonly clockSkewSeconds?: number | undefined;
  readonly fetch: typeof globalThis.fetch;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly log?: VerifierLog | undefined;
  /** Milliseconds that fetching the keys may take; default 5,000. */
  readonly timeoutMs?: number | undefined;
  /** Calls a function every so many milliseconds until the returned function is called; default a real timer. */
  readonly every?: ((ms: number, task: () => void) => () => void) | undefined;
}

const DEFAULT_ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA'];
/** Asymmetric ones only: a public key used as an HMAC secret is the classic forgery (CVE-2026-22817). */
const KNOWN_ALGORITHMS = /^(?:(?:RS|PS|ES)(?:256|384|512)|EdDSA|Ed25519)$/;
const CACHED_TOKENS = 10_000;
/** Milliseconds; also the longest that a key withdrawn by the issuer can still open the door after a refresh. */
const CACHED_FOR = 60_000;
const REFRESH_CHECK_MS = 30_000;

/**
 * Offline verification of the access tokens of Keycloak and of RFC 9068 issuers. Fetching the keys starts at once
 * and nothing waits for it but the first token.
 *
 * @throws TypeError when an option could never verify anything safely
 */
export function createTokenVerifier(options: TokenVerifierOptions): TokenVerifier {
  const { issuer, audience, clock, clockSkewSeconds = 30, log } = options;
  const algorithms = [...(options.algorithms ?? DEFAULT_ALGORITHMS)];
  assertUsable(options, algorithms);

  const closing = new AbortController();
  const fetchKeys = createIssuerKeys({
    ...options,
    timeoutMs: options.timeoutMs ?? 5000,
    signal: closing.signal,
  });
  const keys = createKeyCache({
    load: async () => toKeySet(await fetchKeys(), algorithms),
    clock,
    onAttempt: (failure) => {
      if (!closing.signal.aborted) report(log, issuer, failure);
    },
  });
  const cache = createTokenCache<VerifiedToken>({ capacity: CACHED_TOKENS, clock });
  keys.refreshIfDue();
  const stop = (options.every ?? everyReal)(REFRESH_CHECK_MS, () => keys.refreshIfDue());

  async function prove(token: string, keySet: LocalJWKSet): Promise<JWTPayload> {
    const { payload } = await jwtVerify(token, keySet, {
      issuer,
      audience,
      algorithms,
      clockTolerance: clockSkewSeconds,
      currentDate: new Date(clock()),
      // Left to itself jose lets a token pass that never expires (measured, platform.md B2).
      requiredClaims: ['exp', 'iat', 'sub'],
    });
    return payload;
  }

  async function proveWithFreshKeys(token: string, draft: Draft, known: LocalJWKSet): Promise<JWTPayload> {
    if (typeof draft.header.kid !== 'string') throw invalidCredential('no key id, and no single key to try');
    // Its own claim is enough to turn it away, and a retired key's last tokens are not worth a fetch.
    if (clock() >= (Number(draft.claims.exp) + clockSkewSeconds) * 1000) throw expiredCredential();
    const newer = await keys.newerThan(known);
    if (newer === null) throw invalidCredential('unknown key id');
    return prove(token, newer);
  }

  async function check(token: string): Promise<JWTPayload> {
    const draft = readDraft(token);
    if (draft.claims.iss !== issuer) throw invalidCredential('another issuer');
    assertAccessToken(draft, algorithms);
    const known = await keys.current();
    return prove(token, known).catch((error: unknown) => {
      if (error instanceof errors.JWKSNoMatchingKey) return proveWithFreshKeys(token, draft, known);
      throw error;
    });
  }

  function recall(digest: string): VerifiedToken | null {
    return cache.get(digest);
  }

  async function verify(token: string, digest = digestOf(token)): Promise<VerifiedToken> {
    const seen = recall(digest);
    if (seen !== null) return seen;
    const claims = await check(token).catch((error: unknown) => {
      throw toRefusal(error);
    });
    const verified = toVerified(issuer, claims);
    cache.set(digest, verified, Math.min(verified.expiresAt, clock() + CACHED_FOR));
    return verified;
  }

  return {
    issuer,
    recall,
    verify,
    health: () => ({ issuer, ...keys.health() }),
    close() {
      stop();
      closing.abort();
    },
  };
}

function assertUsable({ issuer, audience }: TokenVerifierOptions, algorithms: readonly string[]): void {
  if (!URL.canParse(issuer)) throw new TypeError(`the issuer "${issuer}" is not a URL`);
  if (audience === '') throw new TypeError('the audience must not be empty');
  if (algorithms.length === 0) throw new TypeError('at least one signature algorithm must be accepted');
  const odd = algorithms.find((name) => !KNOWN_ALGORITHMS.test(name));
  if (odd !== undefined) throw new TypeError(`"${odd}" is not an asymmetric signature algorithm known here`);
}

function everyReal(ms: number, task: () => void): () => void {
  const timer = setInterval(task, ms).unref();
  return () => clearInterval(timer);
}

function toKeySet(published: readonly PublishedKey[], algorithms: readonly string[]): LocalJWKSet {
  const usable = published.filter(({ alg }) => alg === undefined || algorithms.includes(String(alg)));
  // An empty set is read as a fault of the issuer: the keys known so far stay.
  if (usable.length === 0)
    throw new Error('the key document holds no signature key of an accepted algorithm');
  return createLocalJWKSet({ keys: usable } as JSONWebKeySet);
}

function report(log: VerifierLog | undefined, issuer: string, failure: unknown): void {
  if (failure === null) log?.info({ issuer }, 'fetched the keys of the identity provider');
  else log?.warn({ issuer, reason: reasonOf(failure) }, 'cannot fetch the keys of the identity provider');
}

/** `fetch` says no more than "fetch failed"; the reason is one level down. */
function reasonOf(failure: unknown): string {
  if (!(failure instanceof Error)) return 'unknown';
  const below = failure.cause instanceof Error ? `: ${failure.cause.message}` : '';
  return `${failure.message}${below}`;
}

/** Header and claims as the token itself puts them; proven only once the signature is. */
interface Draft {
  readonly header: ProtectedHeaderParameters;
  readonly claims: JWTPayload;
}

function readDraft(token: string): Draft {
  return { header: decodeProtectedHeader(token), claims: decodeJwt(token) };
}

/** Header parameters that bring or point to a key: only the issuer's published keys count (RFC 8725 §3.10). */
const KEY_BEARING = ['jwk', 'jku', 'x5u', 'x5c'];

/**
 * Tells access tokens from the issuer's other tokens, before any key is fetched or any signature computed. Keycloak
 * writes the kind into the payload (`Bearer`, `ID`, `Refresh`, `Offline`, `DPoP`, `Logout`); RFC 9068 issuers write
 * `at+jwt` into the header. A token that says neither may be an ID token, and is refused.
 */
function assertAccessToken({ header, claims }: Draft, algorithms: readonly string[]): void {
  if (typeof header.alg !== 'string' || !algorithms.includes(header.alg))
    throw invalidCredential('algorithm not accepted');
  if (KEY_BEARING.some((name) => Object.hasOwn(header, name)))
    throw invalidCredential('the header brings its own key');
  const headerType = String(header.typ)
    .toLowerCase()
    .replace(/^application\//, '');
  if (headerType !== 'jwt' && headerType !== 'at+jwt')
    throw invalidCredential('header typ is neither JWT nor at+jwt');
  const kind = claims.typ ?? (headerType === 'at+jwt' ? 'Bearer' : 'unstated');
  if (kind !== 'Bearer') throw invalidCredential('not an access token');
  // Bound to a key or certificate (DPoP, mutual TLS): using it as a plain bearer token would undo the binding.
  if (Object.hasOwn(claims, 'cnf')) throw invalidCredential('bound to a key that was not proven');
  if (!Number.isFinite(claims.exp) || !Number.isFinite(claims.iat))
    throw invalidCredential('exp or iat is not a number');
  if (typeof claims.sub !== 'string' || claims.sub === '')
    throw invalidCredential('sub is missing or not a text');
}

function toVerified(issuer: string, claims: JWTPayload): VerifiedToken {
  const sub = String(claims.sub);
  return {
    issuer,
    subject: subjectOf(issuer, sub),
    user: toUserName(claims.preferred_username) ?? toUserName(sub) ?? 'unnamed',
    claims,
    expiresAt: Number(claims.exp) * 1000,
  };
}

/** A name fit to be shown: no control characters, at most 128 characters, never empty. */
function toUserName(claim: unknown): string | null {
  if (typeof claim !== 'string') return null;
  const name = claim.replaceAll(/\p{C}/gu, '').trim().slice(0, 128).toWellFormed();
  return name === '' ? null : name;
}

/** jose's errors carry the whole payload as their cause, so only their code and the claim's name are kept. */
function toRefusal(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  if (error instanceof errors.JWTExpired) return expiredCredential();
  if (error instanceof errors.JWTClaimValidationFailed)
    return invalidCredential(`claim "${error.claim}": ${error.reason}`);
  return invalidCredential(error instanceof errors.JOSEError ? error.code : 'not verifiable');
}
