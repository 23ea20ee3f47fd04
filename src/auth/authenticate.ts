import type { ErrorCode } from '../errors.ts';
import { ERRORS, GatewayError } from '../errors.ts';
import type { Principal, Tier } from '../types.ts';
import { readCredentials } from './credentials.ts';
import type { Keyring } from './keys.ts';
import { hashKey, isMintedKey } from './keys.ts';
import type { TokenVerifier, VerifiedToken } from './oidc.ts';
import { invalidCredential } from './refusals.ts';
import type { TierRule } from './tiers.ts';
import { createTierChooser } from './tiers.ts';

/** Reads `IncomingMessage.rawHeaders` and answers who calls. */
export type Authenticate = (rawHeaders: readonly string[]) => Promise<Principal>;

export interface AuthenticatorOptions {
  readonly keyring: Keyring;
  /** One per issuer. */
  readonly verifiers: readonly TokenVerifier[];
  readonly tierRules: readonly TierRule[];
  /** Tier of token holders that no rule fits; `null` turns them away with `no_subscription`. */
  readonly defaultTier: string | null;
  /** The plan's tiers. */
  readonly tiers: readonly Pick<Tier, 'name' | 'rank'>[];
  /** Address of the RFC 9728 metadata, named in every 401. */
  readonly resourceMetadataUrl?: string | undefined;
}

/** Someone whose credential is genuine; `tier` is null while no subscription is found. */
interface Claimant {
  readonly subject: string;
  readonly user: string;
  readonly tier: string | null;
}

/**
 * Prepares the check that every request passes first. A static key costs one SHA-256 and one Map lookup, a token
 * seen within the last minute one SHA-256 and one cache hit more.
 *
 * The returned function throws GatewayError: `missing_credential`, `invalid_credential`, `expired_credential`,
 * `foreign_credential` (401, with `www-authenticate`), `ambiguous_credential`, `headers_too_large`,
 * `no_subscription`, `identity_unavailable`.
 */
export function createAuthenticator(options: AuthenticatorOptions): Authenticate {
  const { keyring, verifiers } = options;
  const verifierOf = new Map(verifiers.map((verifier) => [verifier.issuer, verifier]));
  const chooseTier = createTierChooser({ ...options, rules: options.tierRules });
  const refuse = createRefusal(options.resourceMetadataUrl);

  function toClaimant({ subject, user, claims }: VerifiedToken): Claimant {
    return { subject, user, tier: chooseTier(claims) };
  }

  async function identify(credential: string): Promise<Claimant | GatewayError> {
    const digest = hashKey(credential);
    // Before any look at the shape: a static key may begin with `sk-` or look like a token.
    const owner = keyring.find(digest);
    if (owner !== null) return owner;
    for (const verifier of verifiers) {
      const seen = verifier.recall(digest);
      if (seen !== null) return toClaimant(seen);
    }
    const shape = SHAPES.find(({ pattern }) => pattern.test(credential));
    if (shape !== undefined) return new GatewayError('foreign_credential', shape.message);
    const verifier = verifierOf.get(issuerOf(credential) ?? '');
    if (verifier === undefined) return invalidCredential(reasonFor(credential));
    return verifier.verify(credential, digest).then(toClaimant, toAnswer);
  }

  return async function authenticate(rawHeaders) {
    const { values, otherScheme } = readCredentials(rawHeaders);
    if (values.length === 0) throw refuse(missing(otherScheme));
    const answers = await Promise.all(values.map(identify));
    const claimant = chooseClaimant(answers);
    if (claimant instanceof GatewayError) throw refuse(claimant);
    const { subject, user, tier } = claimant;
    if (tier === null) {
      throw new GatewayError(
        'no_subscription',
        'Your account has no subscription to this gateway; ask for one.',
      );
    }
    return { subject, user, tier };
  };
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
  if (isMintedKey(credential)) return 'a well-formed key that is unknown';
  if (credential.startsWith('lgw_')) return 'a mistyped or cut key: its checksum is wrong';
  return JWT_SHAPE.test(credential)
    ? 'a token of an issuer that is not configured'
    : 'neither a key nor a token';
}

const JWT_SHAPE = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** The issuer that a token names, to pick its verifier by; unproven until that has verified it. */
function issuerOf(credential: string): string | null {
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

function toAnswer(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  throw error;
}

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
