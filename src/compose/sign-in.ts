/** The endpoints around who somebody is: keys, sign-in, logout, and what signed-in clients ask for. */
import { randomBytes } from 'node:crypto';
import type { Caller } from '../auth/authenticate.ts';
import { createBrowserSignIn } from '../auth/browser-sign-in.ts';
import { createDeviceSignIn } from '../auth/device-sign-in.ts';
import type { KeyKind } from '../auth/personal-keys.ts';
import type { Realm } from '../auth/realm.ts';
import { createVouch } from '../auth/vouch.ts';
import { createBackchannelLogoutHandler } from '../http/backchannel-logout.ts';
import { createClientAddress } from '../http/client-address.ts';
import {
  createManagedSettingsHandler,
  createProtectedResourceHandler,
  createTelemetrySink,
} from '../http/client-settings.ts';
import { createDevicePages } from '../http/device-pages.ts';
import { createKeysHandlers, type KeysParts } from '../http/keys.ts';
import {
  createDeviceAuthorizationHandler,
  createOAuthMetadataHandler,
  createRevokeHandler,
  createTokenHandler,
  withOAuthErrors,
} from '../http/oauth.ts';
import type { IdentityHandlers, SignInHandlers } from '../http/routes.ts';
import { challengeOf, type Identity, type IdentityParts } from './auth.ts';

export function createIdentityHandlers(parts: IdentityParts, identity: Identity): IdentityHandlers {
  const { config, realms, verifiers, log } = parts;
  const { publicUrl } = config.server;
  const { managedSettings } = config.auth.signIn;
  const issuers = realms.map(({ issuer }) => issuer);
  const signIn = createSignIn(parts, identity);
  return {
    keys: createKeysHandlers(toKeysParts(parts, identity)),
    managedSettings: createManagedSettingsHandler(identity.authenticate, managedSettings),
    telemetry: createTelemetrySink(identity.authenticate),
    ...(issuers.length > 0 && {
      backchannelLogout: createBackchannelLogoutHandler({ verifiers, denied: identity.denied, log }),
    }),
    ...(issuers.length > 0 &&
      publicUrl !== undefined && { protectedResource: createProtectedResourceHandler(publicUrl, issuers) }),
    ...(signIn !== null && { signIn }),
  };
}

export function toKeysParts(
  { config, realms, clock }: IdentityParts,
  { identify, personalKeys }: Identity,
): KeysParts {
  const { keys } = config.auth;
  return {
    identify,
    keys: personalKeys,
    canKeep: ({ owner }: Caller) => owner.issuer === 'static' || canAsk(realms, owner.issuer),
    atMost: ({ principal }: Caller, kind: KeyKind) =>
      kind === 'personal' ? keys.mostPerUser : (keys.services[principal.tier]?.most ?? 0),
    days: keys.days,
    mostDays: keys.mostDays,
    clock,
  };
}

const canAsk = (realms: readonly Realm[], issuer: string) =>
  realms.some((realm) => realm.issuer === issuer && realm.canAsk);

/** Null where it is not configured. */
function createSignIn(parts: IdentityParts, identity: Identity): SignInHandlers | null {
  const { config, verifiers, records, clock, log } = parts;
  const { publicUrl, trustedProxies } = config.server;
  const realms = parts.realms.filter((realm) => realm.canAsk);
  if (publicUrl === undefined || realms.length === 0) return null;
  const clientAddress = createClientAddress(trustedProxies);
  const devices = createDeviceSignIn({ records, random: randomBytes, clock, challengeOf });
  const { sessions, isWelcome, chooseTier } = identity;
  const { notice } = config.auth.signIn;
  const oauth = { publicUrl, devices, sessions, isWelcome, notice, clientAddress, clock };
  const redirectUri = `${publicUrl}/oauth/callback`;
  const vouch = createVouch({ realms, verifiers, redirectUri });
  const pages = createDevicePages({
    publicUrl,
    signIn: createBrowserSignIn({ vouch, devices, chooseTier, redirectUri }),
    realms,
    clientAddress,
    log,
    secret: () => randomBytes(32).toString('base64url'),
    clock,
  });
  return {
    metadata: createOAuthMetadataHandler(oauth),
    deviceAuthorization: withOAuthErrors(createDeviceAuthorizationHandler(oauth)),
    token: withOAuthErrors(createTokenHandler(oauth)),
    revoke: withOAuthErrors(createRevokeHandler(oauth)),
    pages,
  };
}
