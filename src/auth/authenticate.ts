import type { ErrorCode } from '../errors.ts';
import { asGatewayError, ERRORS, GatewayError } from '../errors.ts';
import type { Principal, Tier } from '../types.ts';
import { readCredentials } from './credentials.ts';
import type { Denied } from './denied.ts';
import { subjectOf } from './digest.ts';
import type { Keyring } from './keys.ts';
import { hashKey } from './keys.ts';
import { mintedPrefixOf } from './minted.ts';
import type { TokenVerifier, VerifiedToken } from './oidc.ts';
import type { Someone } from './operators.ts';
import type { FindOwner, Owner } from './owners.ts';
import type { PersonalKeys } from './personal-keys.ts';
import { invalidCredential } from './refusals.ts';
import type { Sessions } from './sessions.ts';
import type { TierRule } from './tiers.ts';
import { createGroupReader, createTierChooser } from './tiers.ts';
import { issuerOf, JWT_SHAPE } from './token-rules.ts';

/** Reads `IncomingMessage.rawHeaders` and answers who calls. */
export type Authenticate = (rawHeaders: readonly string[]) => Promise<Principal>;

/** A principal, and by what right it is here. */
export interface Caller {
  readonly principal: Principal;
  /** Whose tier it is: of a service key, the person who made it. */
  readonly owner: Owner;
  readonly via: 'static-key' | 'token' | 'session' | 'personal-key' | 'service-key';
  /** Whether they run the gateway, and say so by a sign-in: a key, which lies in files, never does. */
  readonly isOperator: boolean;
}

/** As {@link Authenticate}, for those who must know more. */
export type Identify = (rawHeaders: readonly string[]) => Promise<Caller>;

/** What the gateway hands out itself, and keeps in its store. */
export interface HandedOut {
  readonly keys: Pick<PersonalKeys, 'find'>;
  readonly sessions: Pick<Sessions, 'find'>;
  readonly denied: Pick<Denied, 'isDenied'>;
  readonly findOwner: FindOwner;
  /** Requests a day of a service key whose owner is of this tier; null: the tier includes none. */
  readonly serviceRequests: (tier: string) => number | null;
}

export interface AuthenticatorOptions {
  readonly keyring: Keyring;
  /** One per issuer. */
  readonly verifiers: readonly TokenVerifier[];
  readonly tierRules: readonly TierRule[];
  /** Where tokens name the groups of their user; absent: nobody asks. */
  readonly groupsClaim?: TierRule['claim'] | undefined;
  /** Tier of token holders that no rule fits; `null` turns them away with `no_subscription`. */
  readonly defaultTier: string | null;
  /** The plan's tiers. */
  readonly tiers: readonly Pick<Tier, 'name' | 'rank'>[];
  /** Whether somebody runs the gateway; absent: nobody. */
  readonly isOperator?: ((someone: Someone) => boolean) | undefined;
  /** Absent: static keys and tokens are all there is. */
  readonly handedOut?: HandedOut | undefined;
  /** Address of the RFC 9728 metadata, named in every 401. */
  readonly resourceMetadataUrl?: string | undefined;
}

/** Someone whose credential is genuine; `tier` is null while no subscription is found. */
interface Claimant extends Omit<Principal, 'tier'> {
  readonly tier: string | null;
  readonly owner: Owner;
  readonly via: Caller['via'];
  readonly claims: unknown;
}

/** {@link createIdentify}, for those who only ask who. */
export function createAuthenticator(options: AuthenticatorOptions): Authenticate {
  const identify = createIdentify(options);
  return async (rawHeaders) => (await identify(rawHeaders)).principal;
}

/**
 * Prepares the check that every request passes first. A static key costs one SHA-256 and one Map lookup, a token
 * seen within the last minute one SHA-256 and one cache hit more; keys and sessions of the gateway's own are looked up
 * in its store each time.
 *
 * The returned function throws GatewayError: `missing_credential`, `invalid_credential`, `expired_credential`,
 * `foreign_credential` (401, with `www-authenticate`), `ambiguous_credential`, `headers_too_large`,
 * `no_subscription`, `identity_unavailable`.
 */
export function createIdentify(options: AuthenticatorOptions): Identify {
  const { keyring, verifiers, handedOut } = options;
  const verifierOf = new Map(verifiers.map((verifier) => [verifier.issuer, verifier]));
  const chooseTier = createTierChooser({ ...options, rules: options.tierRules });
  const groupsOf = createGroupReader(options.groupsClaim);
  const claimHandedOut =
    handedOut === undefined ? null : createHandedOutClaims(handedOut, chooseTier, groupsOf);
  const refuse = createRefusal(options.resourceMetadataUrl);

  async function toClaimant({ issuer, subject, user, claims }: VerifiedToken): Promise<Claimant> {
    const owner = { issuer, sub: String(claims.sub) };
    const sid = typeof claims.sid === 'string' ? claims.sid : null;
    const issuedAt = Number(claims.iat) * 1000;
    if (await handedOut?.denied.isDenied({ ...owner, sid, issuedAt })) throw invalidCredential('logged out');
    return { subject, user, tier: chooseTier(claims), ...groupsOf(claims), claims, owner, via: 'token' };
  }

  async function claim(credential: string): Promise<Claimant> {
    const digest = hashKey(credential);
    // Before any look at the shape: a static key may begin with `sk-` or look like a token.
    const owner = keyring.find(digest);
    if (owner !== null)
      return { ...owner, owner: { issuer: 'static', sub: owner.user }, claims: null, via: 'static-key' };
    for (const verifier of verifiers) {
      const seen = verifier.recall(digest);
      if (seen !== null) return toClaimant(seen);
    }
    const known = await claimHandedOut?.(credential, digest);
    if (known !== undefined && known !== null) return known;
    const shape = SHAPES.find(({ pattern }) => pattern.test(credential));
    if (shape !== undefined) throw new GatewayError('foreign_credential', shape.message);
    return toClaimant(await verifyToken(credential, digest));
  }

  async function verifyToken(credential: string, digest: string): Promise<VerifiedToken> {
    const verifier = verifierOf.get(issuerOf(credential) ?? '');
    if (verifier !== undefined) return verifier.verify(credential, digest);
    if (!OWN_SHAPE.test(credential) && !JWT_SHAPE.test(credential)) {
      for (const one of verifiers) {
        const known = await one.verifyOpaque(credential, digest);
        if (known !== null) return known;
      }
    }
    throw invalidCredential(reasonFor(credential));
  }

  return async function identify(rawHeaders) {
    const { values, otherScheme } = readCredentials(rawHeaders);
    if (values.length === 0) throw refuse(missing(otherScheme));
    const answers = await Promise.all(values.map((value) => claim(value).catch(asGatewayError)));
    const claimant = chooseClaimant(answers);
    if (claimant instanceof GatewayError) throw refuse(claimant);
    const { tier, owner, via, claims, ...who } = claimant;
    if (tier === null) throw noSubscription();
    const isPerson = via === 'token' || via === 'session';
    const isOperator = isPerson && options.isOperator?.({ owner, tier, claims }) === true;
    return { principal: { ...who, tier }, owner, via, isOperator };
  };
}

/** Reads what the gateway handed out itself; null for anything else. */
function createHandedOutClaims(
  { keys, sessions, denied, findOwner, serviceRequests }: HandedOut,
  chooseTier: (claims: unknown) => string | null,
  groupsOf: ReturnType<typeof createGroupReader>,
): (credential: string, digest: string) => Promise<Claimant | null> {
  async function ownerNow(owner: Owner, fallback: string) {
    const standing = await findOwner(owner);
    if (standing === null) throw invalidCredential('its owner is gone');
    const { basis } = standing;
    return {
      user: standing.user ?? fallback,
      tier: 'tier' in basis ? basis.tier : chooseTier(basis.claims),
      ...('tier' in basis ? {} : groupsOf(basis.claims)),
      claims: 'tier' in basis ? null : basis.claims,
      owner,
    };
  }

  async function claimKey(digest: string): Promise<Claimant> {
    const held = await keys.find(digest).catch(storeAway);
    if (held === null) throw invalidCredential('a well-formed key that is unknown');
    const { subject, owner } = held;
    const now = await ownerNow(owner, held.user);
    if (held.kind === 'personal') return { ...now, subject, via: 'personal-key' };
    const requestsPerDay = now.tier === null ? null : serviceRequests(now.tier);
    if (requestsPerDay === null) throw noSubscription();
    return { ...now, subject, requestsPerDay, via: 'service-key' };
  }

  async function claimSession(digest: string): Promise<Claimant> {
    const session = await sessions.find(digest).catch(storeAway);
    if (session === null) throw invalidCredential('a session that has ended');
    const { owner, sid, startedAt } = session;
    if (await denied.isDenied({ ...owner, sid, issuedAt: startedAt })) throw invalidCredential('logged out');
    const subject = subjectOf(owner.issuer, owner.sub);
    return { ...(await ownerNow(owner, session.user)), subject, via: 'session' };
  }

  return async (credential, digest) => {
    const prefix = mintedPrefixOf(credential);
    if (prefix === 'lgwp' || prefix === 'lgws') return claimKey(digest);
    return prefix === 'lgwa' ? claimSession(digest) : null;
  };
}

function storeAway(cause: unknown): never {
  throw new GatewayError(
    'identity_unavailable',
    'The store of keys and sessions does not answer, so this one cannot be checked now; try again shortly.',
    { retryAfterSeconds: 5, cause },
  );
}

function noSubscription(): GatewayError {
  return new GatewayError(
    'no_subscription',
    'Your account has no subscription to this gateway; ask for one.',
  );
}

/** Others' credentials, in the order tried. Never named back: a message may end up in a screenshot. */
const SHAPES: readonly { readonly pattern: RegExp; readonly message: string }[] = [
  {
    pattern: /^sk-ant-o/,
    message:
      'The token sent is a Claude login of claude.ai; send the key of this gateway instead, for Claude Code as ANTHROPIC_AUTH_TOKEN.',
  },
  {
    pattern: /^sk-ant-/,
    message:
      'The key sent is an API key of Anthropic; send the key of this gateway instead, for Claude Code as ANTHROPIC_AUTH_TOKEN.',
  },
  {
    pattern: /^sk-/,
    message:
      'The key sent is an API key of OpenAI or another provider; send the key of this gateway instead.',
  },
];

/**
 * Of one or two answers the one that counts. Exactly one genuine credential counts whatever the other is; two of
 * different people are refused, since either choice would charge the wrong one.
 */
function chooseClaimant(answers: readonly (Claimant | GatewayError)[]): Claimant | GatewayError {
  const refusals = answers.filter((answer) => answer instanceof GatewayError);
  const [first, ...others] = answers.filter(isClaimant);
  if (first === undefined) return mostTelling(refusals);
  if (others.every(({ subject }) => subject === first.subject)) return first;
  return new GatewayError(
    'invalid_credential',
    'The headers "authorization" and "x-api-key" carry keys of two different users; send one of them.',
  );
}

function isClaimant(answer: Claimant | GatewayError): answer is Claimant {
  return !(answer instanceof GatewayError);
}

/** With two refused credentials the answer is about the one that was meant for this gateway. */
const TELLING: readonly ErrorCode[] = ['identity_unavailable', 'expired_credential', 'invalid_credential'];

function mostTelling(refusals: readonly GatewayError[]): GatewayError {
  for (const code of TELLING) {
    const found = refusals.find((refusal) => refusal.code === code);
    if (found !== undefined) return found;
  }
  return refusals[0] ?? missing(false);
}

function missing(otherScheme: boolean): GatewayError {
  const start = otherScheme ? 'The header "authorization" has a scheme other than Bearer' : 'No key was sent';
  return new GatewayError(
    'missing_credential',
    `${start}; send "Authorization: Bearer <key>" or "x-api-key: <key>" with the key of this gateway.`,
  );
}

/** For the log alone; the caller reads one sentence for all of these. */
function reasonFor(credential: string): string {
  if (mintedPrefixOf(credential) !== null) return 'a well-formed key that is unknown';
  if (OWN_SHAPE.test(credential)) return 'a mistyped or cut key: its checksum is wrong';
  return JWT_SHAPE.test(credential)
    ? 'a token of an issuer that is not configured'
    : 'neither a key nor a token';
}

const OWN_SHAPE = /^lgw[a-z]?_/;

/** Adds the challenge of RFC 6750 §3 to a 401. A request without a credential gets no `error` in it (§3.1). */
function createRefusal(resourceMetadataUrl: string | undefined): (error: GatewayError) => GatewayError {
  const realm = 'Bearer realm="llm-gateway"';
  const metadata = resourceMetadataUrl === undefined ? '' : `, resource_metadata="${resourceMetadataUrl}"`;

  return function refuse(error) {
    if (ERRORS[error.code].status !== 401) return error;
    const fault =
      error.code === 'missing_credential'
        ? ''
        : `, error="invalid_token", error_description="${error.message.replaceAll('"', "'")}"`;
    const headers = { 'www-authenticate': `${realm}${fault}${metadata}` };
    return new GatewayError(error.code, error.message, { ...error.details, headers });
  };
}
