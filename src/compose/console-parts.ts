/** What the pages of the console are made from; loaded with them. */
import { randomBytes } from 'node:crypto';
import { createConsoleSignIn } from '../auth/console-sign-in.ts';
import { createDepartures } from '../auth/departures.ts';
import { createSessions } from '../auth/sessions.ts';
import { createVouch } from '../auth/vouch.ts';
import type { ConsoleParts } from '../console/parts.ts';
import { createClientAddress } from '../http/client-address.ts';
import { challengeOf, type Identity, type IdentityParts } from './auth.ts';
import { toKeysParts } from './identity-handlers.ts';
import type { UsageKept } from './usage.ts';

export type ConsoleGiven = Pick<
  ConsoleParts,
  | 'tierOf'
  | 'termsOf'
  | 'quota'
  | 'allModels'
  | 'standings'
  | 'revoke'
  | 'audit'
  | 'backends'
  | 'dependencies'
  | 'latencies'
  | 'live'
  | 'now'
> & { readonly usage: UsageKept };

export function toConsoleParts(parts: IdentityParts, identity: Identity, given: ConsoleGiven): ConsoleParts {
  const { config, keys, tiers, records, randomText, clock, log } = parts;
  const { publicUrl, trustedProxies } = config.server;
  const realms = parts.realms.filter((realm) => realm.canAsk);
  const life = config.auth.signIn.sessionHours * 3_600_000;
  const random = (size: number) => randomBytes(size);
  const sessions = createSessions({
    records,
    random,
    randomText,
    clock,
    accessLife: life,
    sessionLife: life,
  });
  const signIn = () => {
    if (publicUrl === undefined || realms.length === 0) return null;
    const redirectUri = `${publicUrl}/console/callback`;
    return createConsoleSignIn({
      departures: createDepartures({
        collection: records.collection('console-sign-ins'),
        random,
        challengeOf,
      }),
      vouch: createVouch({ realms, verifiers: parts.verifiers, redirectUri }),
      sessions,
      chooseTier: identity.chooseTier,
      redirectUri,
    });
  };
  return {
    ...given,
    publicUrl,
    sessions,
    identify: identity.identify,
    signIn: signIn(),
    realms,
    takesKeys: keys.length > 0,
    hasNativeSignIn: publicUrl !== undefined && realms.length > 0,
    clientAddress: createClientAddress(trustedProxies),
    secret: () => random(32).toString('base64url'),
    timeZone: config.quota.timeZone,
    usage: given.usage.store,
    dayOf: given.usage.dayOf,
    keys: toKeysParts(parts, identity),
    tiers,
    log,
    clock,
  };
}
