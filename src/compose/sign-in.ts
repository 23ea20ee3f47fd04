/** Signing in at the gateway, and logouts that a realm tells of; loaded only where there is a realm. */
import { randomBytes } from 'node:crypto';
import { createBrowserSignIn } from '../auth/browser-sign-in.ts';
import { createDeviceSignIn } from '../auth/device-sign-in.ts';
import { createVouch } from '../auth/vouch.ts';
import { createBackchannelLogoutHandler } from '../http/backchannel-logout.ts';
import { createClientAddress } from '../http/client-address.ts';
import { createProtectedResourceHandler } from '../http/client-settings.ts';
import { createDevicePages } from '../http/device-pages.ts';
import {
  createDeviceAuthorizationHandler,
  createOAuthMetadataHandler,
  createRevokeHandler,
  createTokenHandler,
  withOAuthErrors,
} from '../http/oauth.ts';
import type { IdentityHandlers, SignInHandlers } from '../http/routes.ts';
import { challengeOf, type Identity, type IdentityParts } from './auth.ts';

export function createRealmHandlers(
  parts: IdentityParts,
  identity: Identity,
): Pick<IdentityHandlers, 'backchannelLogout' | 'protectedResource' | 'signIn'> {
  const { config, realms, verifiers, log } = parts;
  const { publicUrl } = config.server;
  const issuers = realms.map(({ issuer }) => issuer);
  const signIn = createSignIn(parts, identity);
  return {
    backchannelLogout: createBackchannelLogoutHandler({ verifiers, denied: identity.denied, log }),
    ...(publicUrl !== undefined && { protectedResource: createProtectedResourceHandler(publicUrl, issuers) }),
    ...(signIn !== null && { signIn }),
  };
}

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
