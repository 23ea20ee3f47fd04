/** The operators' API, where somebody may use it. */
import { hash } from 'node:crypto';
import type { Config } from '../config/schema.ts';
import { type AdminParts, createAdminHandler } from '../http/admin.ts';
import type { Handler } from '../http/routes.ts';
import { createAudit } from '../store/audit.ts';
import type { Records } from '../store/records.ts';
import type { UsageKept } from './usage.ts';

type Given = Pick<AdminParts, 'identify' | 'tiers' | 'termsOf' | 'quota' | 'grants' | 'clock'> & {
  readonly records: Records;
  readonly usage: UsageKept;
};

/** Nothing where neither a token nor a tier of operators is configured. */
export function createAdmin({ admin: { token, tiers } }: Config, given: Given): { readonly admin?: Handler } {
  if (token === undefined && tiers.length === 0) return {};
  const { records, usage } = given;
  const toHash = (credential: string) => hash('sha256', credential, 'buffer');
  const admin = createAdminHandler({
    ...given,
    tokenHash: token === undefined ? null : toHash(token.reveal()),
    hash: toHash,
    operatorTiers: tiers,
    audit: createAudit(records),
    usage: usage.store,
    dayOf: usage.dayOf,
  });
  return { admin };
}
