/**
 * Whether the people behind keys and sessions are still there, and what they have now. Asked of their realm again and
 * again, never remembered for good.
 */
import { GatewayError } from '../errors.ts';
import type { Collection } from '../store/records.ts';
import { subjectOf } from './digest.ts';
import type { JsonObject } from './fetch-json.ts';
import type { Realm } from './realm.ts';
import { createTokenCache } from './token-cache.ts';

/** Who holds a key or a session: a person of a realm, or a user of the static keys (`issuer` is `static`). */
export interface Owner {
  readonly issuer: string;
  readonly sub: string;
}

/** An owner who is there. */
export interface Standing {
  /** A name for people, where the realm says one. */
  readonly user: string | null;
  /** What the tier is read from: claims, or the tier itself. */
  readonly basis: { readonly claims: JsonObject } | { readonly tier: string };
}

/** @returns null when the owner is disabled, deleted or of a realm that is no longer configured */
export type FindOwner = (owner: Owner) => Promise<Standing | null>;

export interface OwnersOptions {
  readonly realms: readonly Realm[];
  /** The tier of a user of the static keys, null when there is no such user. */
  readonly staticTier: (user: string) => string | null;
  /** Where the last answers are kept for an outage of the realm. */
  readonly known: Collection;
  /** Milliseconds for which an answer counts: the longest that a disabled person can go on. */
  readonly checkEvery: number;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly log?: { warn(fields: Readonly<Record<string, unknown>>, message: string): void } | undefined;
}

/** Milliseconds for which the last answer counts while the realm is away. */
const GRACE = 24 * 3_600_000;
/** Milliseconds between two questions to a realm that does not answer, or about somebody it does not answer on. */
const COOL_DOWN = 5000;
const CACHED_OWNERS = 10_000;

type Known = { readonly at: number; readonly claims: JsonObject | null };

export function createFindOwner(options: OwnersOptions): FindOwner {
  const { known, checkEvery, clock } = options;
  const realmOf = new Map(options.realms.map((realm) => [realm.issuer, realm]));
  const cache = createTokenCache<Known>({ capacity: CACHED_OWNERS, clock });
  const underWay = new Map<string, Promise<Known>>();
  /** Realms that do not answer, and owners about whom a realm gives no answer. */
  const silent = createTokenCache<true>({ capacity: CACHED_OWNERS, clock });

  async function ask(realm: Realm, sub: string, key: string): Promise<Known> {
    if (silent.get(realm.issuer) === null && silent.get(key) === null) {
      try {
        const state = await realm.lookUp(sub);
        const found = { at: clock(), claims: state.kind === 'active' ? state.claims : null };
        await known.put(key, JSON.stringify(found), { ttl: GRACE }).catch(() => false);
        return found;
      } catch (error) {
        silent.set(isUnreachable(error) ? realm.issuer : key, true, clock() + COOL_DOWN);
        const reason = error instanceof Error ? error.message : 'unknown';
        options.log?.warn(
          { issuer: realm.issuer, reason },
          'cannot ask the identity provider about a person',
        );
      }
    }
    const last = await known.get(key).catch(() => null);
    if (last === null) throw unavailable();
    return JSON.parse(last) as Known;
  }

  /** Requests of one person that come together ask once. */
  function askOnce(realm: Realm, sub: string, key: string): Promise<Known> {
    const joined = underWay.get(key);
    if (joined !== undefined) return joined;
    const asked = ask(realm, sub, key).finally(() => underWay.delete(key));
    underWay.set(key, asked);
    return asked;
  }

  return async ({ issuer, sub }) => {
    if (issuer === 'static') {
      const tier = options.staticTier(sub);
      return tier === null ? null : { user: sub, basis: { tier } };
    }
    const realm = realmOf.get(issuer);
    if (realm === undefined || !realm.canAsk) return null;
    const key = subjectOf(issuer, sub);
    let found = cache.get(key);
    if (found === null) {
      found = await askOnce(realm, sub, key);
      cache.set(key, found, clock() + Math.min(checkEvery, found.at + GRACE - clock()));
    }
    if (found.claims === null) return null;
    return { user: nameIn(found.claims), basis: { claims: found.claims } };
  };
}

/** `fetch` throws a TypeError where nobody answers, and its signal's reason after the time allowed. */
function isUnreachable(error: unknown): boolean {
  return error instanceof TypeError || (error instanceof Error && error.name === 'TimeoutError');
}

function nameIn({ preferred_username: name }: JsonObject): string | null {
  return typeof name === 'string' ? name : null;
}

function unavailable(): GatewayError {
  return new GatewayError(
    'identity_unavailable',
    'The identity provider does not answer, so the owner of this key cannot be checked now; try again shortly.',
    { retryAfterSeconds: COOL_DOWN / 1000 },
  );
}
