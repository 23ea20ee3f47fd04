import type { JSONWebKeySet, JWTPayload, LocalJWKSet, ProtectedHeaderParameters } from 'jose';
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, errors, jwtVerify } from 'jose';
import { GatewayError } from '../errors.ts';
import { digestOf, subjectOf } from './digest.ts';
import type { PublishedKey } from './issuer-keys.ts';
import { createIssuerKeys } from './issuer-keys.ts';
import type { KeyCache, KeyHealth } from './key-cache.ts';
import { createKeyCache } from './key-cache.ts';
import { expiredCredential, invalidCredential } from './refusals.ts';
import { createTokenCache } from './token-cache.ts';
import {
  assertAccessToken,
  assertHeader,
  assertIntrospected,
  assertSubject,
  readLogout,
  type VerifiedLogout,
} from './token-rules.ts';

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
  /**
   * Asks the issuer about a token that says nothing itself.
   *
   * @returns null where the issuer is not asked, or does not know it
   * @throws GatewayError as {@link TokenVerifier.verify} does
   */
  verifyOpaque(token: string, digest?: string): Promise<VerifiedToken | null>;
  /**
   * Verifies a logout token (OpenID Connect Back-Channel Logout 1.0 §2.6).
   *
   * @throws GatewayError `invalid_credential`, `identity_unavailable`
   */
  verifyLogout(token: string): Promise<VerifiedLogout>;
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
  /** The client that people sign in with, which logout tokens are meant for; default {@link audience}. */
  readonly clientId?: string | undefined;
  /** Asks the issuer about tokens; absent: never. */
  readonly introspection?: Introspection | undefined;
  readonly fetch: typeof globalThis.fetch;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly log?: VerifierLog | undefined;
  /** Milliseconds that fetching the keys may take; default 5,000. */
  readonly timeoutMs?: number | undefined;
  /** Calls a function every so many milliseconds until the returned function is called; default a real timer. */
  readonly every?: ((ms: number, task: () => void) => () => void) | undefined;
}

export interface Introspection {
  /** `partial`: tokens that do not say whose or for whom they are, or say nothing; `all`: every token. */
  readonly tokens: 'partial' | 'all';
  /** The issuer's answer, null for a token that is not active. May throw GatewayErrors. */
  readonly ask: (token: string) => Promise<JWTPayload | null>;
}

const DEFAULT_ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA'];
/** Asymmetric ones only: a public key used as an HMAC secret is the classic forgery (CVE-2026-22817). */
const KNOWN_ALGORITHMS = /^(?:(?:RS|PS|ES)(?:256|384|512)|EdDSA|Ed25519)$/;
const CACHED_TOKENS = 10_000;
/** Milliseconds; also the longest that a key withdrawn by the issuer can still open the door after a refresh. */
const CACHED_FOR = 60_000;
/** The same, where every token is to be asked about. */
const CACHED_ANSWER_FOR = 30_000;
const REFRESH_CHECK_MS = 30_000;
/** Seconds for which a logout token without an end of its own counts. */
const LOGOUT_MAX_AGE = 120;

/**
 * Offline verification of the access tokens of Keycloak and of RFC 9068 issuers. Fetching the keys starts at once
 * and nothing waits for it but the first token.
 *
 * @throws TypeError when an option could never verify anything safely
 */
export function createTokenVerifier(options: TokenVerifierOptions): TokenVerifier {
  const { issuer, audience, clock, clockSkewSeconds = 30, introspection, log } = options;
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

  const proveDraft = createProver(options, algorithms, keys);

  async function introspected(token: string, { ask }: Introspection): Promise<JWTPayload | null> {
    const claims = await ask(token);
    if (claims !== null) assertIntrospected(claims, options);
    return claims;
  }

  async function check(token: string): Promise<JWTPayload> {
    const draft = readDraft(token);
    if (draft.claims.iss !== issuer) throw invalidCredential('another issuer');
    assertAccessToken(draft, algorithms);
    if (introspection === undefined || !isToBeAsked(draft.claims, introspection)) {
      assertSubject(draft.claims);
      return proveDraft(token, draft, ACCESS_TOKEN(audience));
    }
    // The signature comes first, so that nobody but the issuer can make the gateway ask.
    await proveDraft(token, draft, { requiredClaims: ['exp', 'iat'] });
    const claims = await introspected(token, introspection);
    if (claims === null) throw invalidCredential('introspection: not active');
    return claims;
  }

  async function verifyLogout(token: string): Promise<VerifiedLogout> {
    const draft = readDraft(token);
    if (draft.claims.iss !== issuer) throw invalidCredential('another issuer');
    assertHeader(draft.header, algorithms, ['jwt', 'logout+jwt']);
    const claims = await proveDraft(token, draft, {
      audience: options.clientId ?? audience,
      requiredClaims: ['iat', 'jti', 'events'],
    });
    return readLogout(claims, issuer, clock() - (LOGOUT_MAX_AGE + clockSkewSeconds) * 1000);
  }

  function remember(digest: string, claims: JWTPayload): VerifiedToken {
    const verified = toVerified(issuer, claims);
    const cachedFor = introspection === undefined ? CACHED_FOR : CACHED_ANSWER_FOR;
    cache.set(digest, verified, Math.min(verified.expiresAt, clock() + cachedFor));
    return verified;
  }

  async function verify(token: string, digest = digestOf(token)): Promise<VerifiedToken> {
    const seen = cache.get(digest);
    if (seen !== null) return seen;
    return remember(digest, await check(token).catch(refuse));
  }

  async function verifyOpaque(token: string, digest = digestOf(token)): Promise<VerifiedToken | null> {
    if (introspection === undefined) return null;
    const claims = await introspected(token, introspection).catch(refuse);
    return claims === null ? null : remember(digest, claims);
  }

  return {
    issuer,
    recall: (digest) => cache.get(digest),
    verify,
    verifyOpaque,
    verifyLogout: (token) => verifyLogout(token).catch(refuse),
    health: () => ({ issuer, ...keys.health() }),
    close() {
      stop();
      closing.abort();
    },
  };
}

/** Proves a token with the issuer's keys, fetched anew where its key id is not among them. */
function createProver(
  { issuer, clock, clockSkewSeconds = 30 }: TokenVerifierOptions,
  algorithms: string[],
  keys: KeyCache<LocalJWKSet>,
): ProveDraft {
  async function prove(token: string, keySet: LocalJWKSet, asked: Asked): Promise<JWTPayload> {
    const { payload } = await jwtVerify(token, keySet, {
      issuer,
      algorithms,
      clockTolerance: clockSkewSeconds,
      currentDate: new Date(clock()),
      ...asked,
    });
    return payload;
  }

  async function proveWithFreshKeys(
    token: string,
    draft: Draft,
    known: LocalJWKSet,
    asked: Asked,
  ): Promise<JWTPayload> {
    if (typeof draft.header.kid !== 'string') throw invalidCredential('no key id, and no single key to try');
    // Its own claim is enough to turn it away, and a retired key's last tokens are not worth a fetch.
    if (clock() >= (Number(draft.claims.exp) + clockSkewSeconds) * 1000) throw expiredCredential();
    const newer = await keys.newerThan(known);
    if (newer === null) throw invalidCredential('unknown key id');
    return prove(token, newer, asked);
  }

  return async function proveDraft(token, draft, asked) {
    const known = await keys.current();
    return prove(token, known, asked).catch((error: unknown) => {
      if (error instanceof errors.JWKSNoMatchingKey) return proveWithFreshKeys(token, draft, known, asked);
      throw error;
    });
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

/** What a kind of token must say. */
interface Asked {
  readonly audience?: string;
  readonly requiredClaims: string[];
}

/** Lightweight access tokens leave out whose and for whom they are. */
function isToBeAsked({ sub, aud }: JWTPayload, { tokens }: Introspection): boolean {
  return tokens === 'all' || sub === undefined || aud === undefined;
}

type ProveDraft = (token: string, draft: Draft, asked: Asked) => Promise<JWTPayload>;

/** Left to itself jose lets a token pass that never expires (measured, platform.md B2). */
const ACCESS_TOKEN = (audience: string): Asked => ({ audience, requiredClaims: ['exp', 'iat', 'sub'] });

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

function refuse(error: unknown): never {
  throw toRefusal(error);
}

/** jose's errors carry the whole payload as their cause, so only their code and the claim's name are kept. */
function toRefusal(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  if (error instanceof errors.JWTExpired) return expiredCredential();
  if (error instanceof errors.JWTClaimValidationFailed)
    return invalidCredential(`claim "${error.claim}": ${error.reason}`);
  return invalidCredential(error instanceof errors.JOSEError ? error.code : 'not verifiable');
}
