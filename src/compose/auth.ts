/** Who may call: the keys and realms of the configuration. */
import { createAuthenticator } from '../auth/authenticate.ts';
import { createKeyring, hashKey, type KeyEntry } from '../auth/keys.ts';
import { createTokenVerifier, type TokenVerifier } from '../auth/oidc.ts';
import type { Config } from '../config/schema.ts';
import type { Log } from '../observe/log.ts';
import type { Tier } from '../types.ts';

export function configuredKeys(config: Config): readonly KeyEntry[] {
  return (config.auth.static.keys ?? []).map(({ key, user, tier }) => ({
    hash: hashKey(key.reveal()),
    user,
    tier,
  }));
}

export function createAuth(
  { auth }: Config,
  keys: readonly KeyEntry[],
  tiers: ReadonlyMap<string, Tier>,
  verifiers: readonly TokenVerifier[],
) {
  return createAuthenticator({
    keyring: createKeyring(keys),
    verifiers,
    tierRules: auth.keycloak.tiers,
    defaultTier: auth.keycloak.defaultTier,
    tiers: [...tiers.values()],
  });
}

/** One for each realm: that of `url`, then the further ones. */
export function createVerifiers({ auth }: Config, clock: () => number, log: Log): readonly TokenVerifier[] {
  if (auth.provider !== 'keycloak') return [];
  const { url, jwksUri, realms, ...shared } = auth.keycloak;
  const all = url === undefined ? realms : [{ url, jwksUri, audience: shared.audience }, ...realms];
  return all.map((realm) => {
    const { url: issuer, audience = shared.audience } = realm;
    return createTokenVerifier({ ...shared, ...realm, issuer, audience, fetch, clock, log });
  });
}
