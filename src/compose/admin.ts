/** The operators' API, where somebody may use it. */
import { hash } from 'node:crypto';
import { hasOperators } from '../auth/operators.ts';
import type { Config } from '../config/schema.ts';
import { type AdminParts, createAdminHandler } from '../http/admin.ts';
import type { Handler } from '../http/routes.ts';
import { createRevoke, createStandings, type StandingsParts } from '../http/standings.ts';
import { createAudit } from '../store/audit.ts';
import type { Records } from '../store/records.ts';
import type { Identity } from './auth.ts';
import type { UsageKept } from './usage.ts';

export type OperatorParts = Pick<
  AdminParts,
  'identify' | 'tiers' | 'standings' | 'revoke' | 'audit' | 'clock'
> & { readonly usage: UsageKept };

type OperatorGiven = Pick<StandingsParts, 'tiers' | 'termsOf' | 'quota' | 'clock'> & {
  readonly identity: Identity;
  readonly records: Records;
  readonly usage: UsageKept;
};

/** What operators see and change, by the API or the console. */
export function createOperatorParts(given: OperatorGiven): OperatorParts {
  const { identity, records, usage, tiers, clock } = given;
  const audit = createAudit(records);
  const { denied, personalKeys } = identity;
  return {
    identify: identity.identify,
    standings: createStandings({ ...given, audit, usage: usage.store }),
    revoke: createRevoke({
      revokeKeys: personalKeys.revokeAll,
      denyBefore: denied.denyBefore,
      audit,
      clock,
    }),
    audit,
    usage,
    tiers,
    clock,
  };
}

/** Nothing where nobody could use it. */
export function createAdmin(
  { admin: { token, ...operators } }: Config,
  { usage, ...given }: OperatorParts,
): { readonly admin?: Handler } {
  if (token === undefined && !hasOperators(operators)) return {};
  const toHash = (credential: string) => hash('sha256', credential, 'buffer');
  const admin = createAdminHandler({
    ...given,
    tokenHash: token === undefined ? null : toHash(token.reveal()),
    hash: toHash,
    usage: usage.store,
    dayOf: usage.dayOf,
  });
  return { admin };
}
