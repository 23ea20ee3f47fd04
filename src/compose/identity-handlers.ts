/** The endpoints around who somebody is: keys, what signed-in clients ask for and, where there is a realm, sign-in. */
import type { Caller } from '../auth/authenticate.ts';
import type { KeyKind } from '../auth/personal-keys.ts';
import type { Realm } from '../auth/realm.ts';
import { createManagedSettingsHandler, createTelemetrySink } from '../http/client-settings.ts';
import { createKeysHandlers, type KeysParts } from '../http/keys.ts';
import type { IdentityHandlers } from '../http/routes.ts';
import type { Identity, IdentityParts } from './auth.ts';

export async function createIdentityHandlers(
  parts: IdentityParts,
  identity: Identity,
): Promise<IdentityHandlers> {
  const { managedSettings } = parts.config.auth.signIn;
  return {
    keys: createKeysHandlers(toKeysParts(parts, identity)),
    managedSettings: createManagedSettingsHandler(identity.authenticate, managedSettings),
    telemetry: createTelemetrySink(identity.authenticate),
    ...(parts.realms.length > 0 && (await import('./sign-in.ts')).createRealmHandlers(parts, identity)),
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
