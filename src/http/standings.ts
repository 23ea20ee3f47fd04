/** Where users stand, and what operators give them. Every change is in the audit log before it is made. */
import { GatewayError } from '../errors.ts';
import type { Quota } from '../quota/quota.ts';
import type { Audit } from '../store/audit.ts';
import type { Principal, Standing, Terms, Tier } from '../types.ts';
import type { KnownUser, UsageStore } from '../usage/usage-store.ts';

export interface StandingsParts {
  readonly tiers: ReadonlyMap<string, Tier>;
  readonly termsOf: (principal: Principal) => Terms;
  readonly quota: Pick<Quota, 'peek' | 'grant'>;
  readonly audit: Audit;
  readonly usage: Pick<UsageStore, 'users'>;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

/** A change that an operator asks for. */
export interface Change {
  readonly requestId: string;
  readonly operator: string;
  readonly action: string;
  readonly reason: string;
  /** Name of the allowance; absent: the main one. */
  readonly allowance?: string | undefined;
  /** What to give beyond the plan's limit, negative to take some back; `whole`: what is missing from the limit. */
  readonly extra: number | 'whole';
}

/** Most that one change gives. */
export const MOST_EXTRA = 1_000_000_000;

/** Who did it, for the audit log: the name may be somebody else's tomorrow. */
export const toActor = ({ user, subject }: Principal) => `${user} (${subject.slice(0, 16)})`;

/** A standing, and what of its limit was given beyond the plan's. */
export interface ShownStanding extends Standing {
  readonly extra: number;
}

export interface Standings {
  /** @throws GatewayError `route_not_found` where no request of this user is on record */
  find(subject: string): Promise<KnownUser>;
  /**
   * As of the user's latest request: what tier they are in now, only their next credential tells. The main one first.
   *
   * @throws GatewayError `conflict` where the tier is gone, `quota_unavailable`
   */
  of(known: KnownUser): Promise<readonly ShownStanding[]>;
  /**
   * Gives until the window ends; it counts for the next request on every replica.
   *
   * @throws GatewayError `conflict` where there is no limit to change, `quota_unavailable` with nothing changed
   */
  change(known: KnownUser, change: Change): Promise<void>;
}

export function createStandings(parts: StandingsParts): Standings {
  const { tiers, termsOf, quota, audit, usage, clock } = parts;

  async function of(known: KnownUser): Promise<readonly ShownStanding[]> {
    if (!tiers.has(known.tier))
      throw new GatewayError('conflict', `The "${known.tier}" tier is not part of the plan any more.`);
    const { allowances } = termsOf(toPrincipal(known));
    const standings = await quota.peek(toPrincipal(known), termsOf(toPrincipal(known)));
    return standings.map((standing, index) => {
      const planned = allowances[index]?.limit ?? null;
      const { limit } = standing;
      return { ...standing, extra: limit === null || planned === null ? 0 : limit - planned };
    });
  }

  return {
    async find(subject) {
      const found = (await usage.users(subject, 10)).find((user) => user.subject === subject);
      if (found !== undefined) return found;
      throw new GatewayError('route_not_found', 'No request of this user is on record.');
    },

    of,

    async change(known, { requestId, operator, action, reason, allowance, extra }) {
      const standings = await of(known);
      const standing = standings.find((one) => allowance === undefined || one.allowance.name === allowance);
      if (standing === undefined)
        throw new GatewayError('conflict', `The "${known.tier}" tier has no such allowance.`);
      const { limit, remaining } = standing;
      if (limit === null || standing.allowance.pool !== null)
        throw new GatewayError('conflict', `The "${known.tier}" tier has no limit to give more of.`);
      const given = extra === 'whole' ? limit - standing.extra - (remaining ?? 0) : extra;
      const details = { allowance: standing.allowance.name, extra: given, reason };
      const entry = { requestId, actor: operator, action, subject: known.subject, details };
      await audit.write({ at: clock(), ...entry }).catch(storeAway);
      await quota.grant(toPrincipal(known), standing.allowance, given, requestId);
    },
  };
}

/** Ends keys, sessions and tokens of a user, by their subject. */
export type Revoke = (wanted: {
  readonly requestId: string;
  readonly operator: string;
  readonly reason: string;
  readonly subject: string;
}) => Promise<void>;

export interface RevokeParts {
  /** Ends the keys that somebody made; gives their number. */
  readonly revokeKeys: (subject: string) => Promise<number>;
  /** Turns away sessions and tokens that began before an instant, milliseconds since the epoch. */
  readonly denyBefore: (subject: string, at: number) => Promise<void>;
  readonly audit: Audit;
  readonly clock: () => number;
}

/** Who signs in again afterwards is let in again: whether they may is for the identity provider to say. */
export function createRevoke({ revokeKeys, denyBefore, audit, clock }: RevokeParts): Revoke {
  return async ({ requestId, operator, reason, subject }) => {
    const entry = { requestId, actor: operator, action: 'revoke', subject, details: { reason } };
    await audit.write({ at: clock(), ...entry }).catch(storeAway);
    await denyBefore(subject, clock()).catch(storeAway);
    await revokeKeys(subject).catch(storeAway);
  };
}

const toPrincipal = ({ subject, user, tier }: KnownUser): Principal => ({ subject, user, tier });

export function storeAway(cause: unknown): never {
  throw new GatewayError('quota_unavailable', 'The store does not answer now; please try again.', {
    cause,
  });
}
