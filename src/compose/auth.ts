/** Who may call: the keys and realms of the configuration, and what the gateway hands out itself. */
import { createHash, randomBytes } from 'node:crypto';
import { type Authenticate, createIdentify, type HandedOut, type Identify } from '../auth/authenticate.ts';
import { createDenied, type Denied } from '../auth/denied.ts';
import { createIntrospect } from '../auth/introspect.ts';
import { createKeyring, hashKey, type KeyEntry } from '../auth/keys.ts';
import type { TokenVerifier } from '../auth/oidc.ts';
import { createOperatorCheck } from '../auth/operators.ts';
import { createFindOwner } from '../auth/owners.ts';
import { createPersonalKeys, type PersonalKeys } from '../auth/personal-keys.ts';
import { createRealm, type Realm } from '../auth/realm.ts';
import { createSessions, type Session, type Sessions } from '../auth/sessions.ts';
import { createTierChooser } from '../auth/tiers.ts';
import type { Config } from '../config/schema.ts';
import type { Log } from '../observe/log.ts';
import type { Records } from '../store/records.ts';
import type { Tier } from '../types.ts';

export const RESOURCE_METADATA_PATH = '/.well-known/oauth-protected-resource';

export function configuredKeys(config: Config): readonly KeyEntry[] {
  return (config.auth.static.keys ?? []).map(({ key, user, tier }) => ({
    hash: hashKey(key.reveal()),
    user,
    tier,
  }));
}

/** One for each realm: that of `url`, then the further ones. */
function configuredRealms({ auth }: Config) {
  if (auth.provider !== 'keycloak') return [];
  const { url, jwksUri, audience, clientId, service, realms } = auth.keycloak;
  const all = url === undefined ? realms : [{ url, jwksUri, audience, clientId, service }, ...realms];
  return all.map((realm) => ({ ...realm, audience: realm.audience ?? audience }));
}

export function createRealms(config: Config, clock: () => number): readonly Realm[] {
  return configuredRealms(config).map(({ url: issuer, clientId, service }) =>
    createRealm({ issuer, clientId, service, fetch, clock }),
  );
}

/** Loads what verifies tokens only where somebody issues them. */
export async function createVerifiers(
  config: Config,
  realms: readonly Realm[],
  clock: () => number,
  log: Log,
): Promise<readonly TokenVerifier[]> {
  if (realms.length === 0) return [];
  const { createTokenVerifier } = await import('../auth/oidc.ts');
  const { algorithms, clockSkewSeconds, introspection } = config.auth.keycloak;
  return configuredRealms(config).map(({ url: issuer, jwksUri, audience, clientId }) => {
    const realm = realms.find((one) => one.issuer === issuer);
    return createTokenVerifier({
      issuer,
      audience,
      jwksUri,
      clientId,
      algorithms,
      clockSkewSeconds,
      ...(introspection !== 'off' &&
        realm !== undefined && {
          introspection: { tokens: introspection, ask: createIntrospect(realm, clock) },
        }),
      fetch,
      clock,
      log,
    });
  });
}

/** What it is built from. */
export interface IdentityParts {
  readonly config: Config;
  readonly keys: readonly KeyEntry[];
  readonly tiers: ReadonlyMap<string, Tier>;
  readonly realms: readonly Realm[];
  readonly verifiers: readonly TokenVerifier[];
  readonly records: Records;
  readonly randomText: () => string;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly log: Log;
}

/** Everything that knows who somebody is. */
export interface Identity {
  readonly identify: Identify;
  readonly authenticate: Authenticate;
  readonly chooseTier: (claims: unknown) => string | null;
  readonly personalKeys: PersonalKeys;
  readonly sessions: Sessions;
  readonly denied: Denied;
  /** Whether a session's owner is there, was not thrown out, and has a subscription. */
  readonly isWelcome: (session: Session) => Promise<boolean>;
}

/** Milliseconds that a denial is kept at least: longer than any access token should live. */
const KEEP_DENIALS = 24 * 3_600_000;

export function createIdentity(parts: IdentityParts): Identity {
  const { config, keys, records, randomText, clock } = parts;
  const { auth, server } = config;
  const tiers = [...parts.tiers.values()];
  const { tiers: rules, defaultTier } = auth.keycloak;
  const chooseTier = createTierChooser({ rules, tiers, defaultTier });
  const own = { records, random: randomBytes, randomText, clock };

  const personalKeys = createPersonalKeys(own);
  const sessionLife = auth.signIn.sessionHours * 3_600_000;
  const sessions = createSessions({ ...own, accessLife: auth.signIn.accessMinutes * 60_000, sessionLife });
  const denied = createDenied({
    denials: records.collection('denials'),
    keepFor: Math.max(KEEP_DENIALS, sessionLife),
    clock,
  });
  const findOwner = createFindOwner({
    ...parts,
    staticTier: createStaticTier(keys, tiers),
    known: records.collection('owners'),
    checkEvery: auth.keycloak.ownerCheckSeconds * 1000,
  });
  const handedOut: HandedOut = {
    keys: personalKeys,
    sessions,
    denied,
    findOwner,
    serviceRequests: (tier) => auth.keys.services[tier]?.requestsPerDay ?? null,
  };
  const identify = createIdentify({
    keyring: createKeyring(keys),
    verifiers: parts.verifiers,
    tierRules: rules,
    ...(config.quota.pools.length > 0 && { groupsClaim: config.auth.keycloak.groupsClaim }),
    defaultTier,
    tiers,
    isOperator: createOperatorCheck(config.admin),
    handedOut,
    resourceMetadataUrl:
      server.publicUrl === undefined ? undefined : server.publicUrl + RESOURCE_METADATA_PATH,
  });
  return {
    identify,
    authenticate: async (rawHeaders) => (await identify(rawHeaders)).principal,
    chooseTier,
    personalKeys,
    sessions,
    denied,
    async isWelcome({ owner, sid, startedAt }) {
      if (await denied.isDenied({ ...owner, sid, issuedAt: startedAt })) return false;
      const standing = await findOwner(owner);
      if (standing === null) return false;
      const { basis } = standing;
      return 'tier' in basis || chooseTier(basis.claims) !== null;
    },
  };
}

/** The tier of a user of the static keys: of several keys the highest. */
function createStaticTier(keys: readonly KeyEntry[], tiers: readonly Tier[]) {
  const rankOf = new Map(tiers.map(({ name, rank }) => [name, rank]));
  const rank = (tier: string) => rankOf.get(tier) ?? Number.NEGATIVE_INFINITY;
  return (user: string): string | null =>
    keys
      .filter((key) => key.user === user)
      .map(({ tier }) => tier)
      .sort((one, other) => rank(other) - rank(one))[0] ?? null;
}

/** RFC 7636 §4.2. */
export const challengeOf = (codeVerifier: string) =>
  createHash('sha256').update(codeVerifier).digest('base64url');
