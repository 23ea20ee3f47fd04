import { z } from 'zod';
import { readValkeyAddress } from '../../store/valkey-address.ts';
import { type Secret, toSecret } from '../secret.ts';
import { allowanceList, limitOverrides } from './allowances.ts';
import { httpUrl } from './fields.ts';

const override = z
  .strictObject({
    user: z.string().min(1).optional().describe('User of a static key.'),
    sub: z
      .string()
      .min(1)
      .optional()
      .describe('`sub` of a user’s tokens; names can change, so they do not count.'),
    issuer: httpUrl.optional().describe('Realm of that user. Without it: `auth.keycloak.url`.'),
    limits: limitOverrides,
  })
  .refine(({ user, sub }) => (user === undefined) !== (sub === undefined), {
    error: 'expected either `user` or `sub`',
  });

const pool = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z][a-z0-9-]*$/)
    .describe('Name that refusals and `GET /quota` use.'),
  groups: z
    .array(z.string().min(1))
    .default([])
    .describe('Groups whose members share it, as tokens name them (`auth.keycloak.groupsClaim`).'),
  users: z.array(z.string().min(1)).default([]).describe('Users of static keys who share it.'),
  allowances: allowanceList.min(1).describe('What they share, beside what each of them has.'),
});

export const quotaSchema = z.strictObject({
  redisUrl: z
    .string()
    .superRefine(assertValkeyAddress)
    .transform((value): Secret => toSecret(value))
    .optional()
    .describe(
      'Address of Valkey or Redis: `redis://host:6379`; behind Sentinels ' +
        '`redis+sentinel://host:26379,host:26379/name` (`?sentinel_password=` for a password of their own); a cluster ' +
        '`redis+cluster://host:6379,host:6379`. With `rediss` in place of `redis`: TLS. Without it: SQLite in `dataDir`.',
    ),
  mode: z
    .enum(['enforce', 'shadow'])
    .default('enforce')
    .describe(
      '`shadow` counts but refuses nobody: answers that would have been refused carry ' +
        '`x-gateway-quota-shadow: would-refuse` and are counted in `gateway_quota_shadow_refusals_total`.',
    ),
  timeZone: z
    .string()
    .default('UTC')
    .refine(isTimeZone, { error: 'expected an IANA time zone such as Europe/Berlin' })
    .describe('Time zone in which a day begins.'),
  onStoreFailure: z
    .enum(['bounded', 'deny', 'allow'])
    .default('bounded')
    .describe(
      'When the store does not answer: `bounded` lets each user have `outageGrant` more and refuses the rest, `deny` ' +
        'refuses users with a limit (503, nothing charged), `allow` lets them through. Who was let through is charged ' +
        'when the store is back, also after a restart of the gateway.',
    ),
  outageGrant: z
    .number()
    .min(0)
    .max(1)
    .default(0.2)
    .describe(
      'With `bounded`: the share of the limit, rounded up, that each replica grants a user without the store, once in ' +
        'a window. So users exceed a limit by that times the number of replicas, at most.',
    ),
  overrides: z.array(override).default([]).describe('Other limits for single users.'),
  pools: z
    .array(pool)
    .default([])
    .describe('Limits that groups share. Whoever belongs to several draws on the first.'),
});

function assertValkeyAddress(url: string, context: z.RefinementCtx): void {
  try {
    readValkeyAddress(url);
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : 'is no address' });
  }
}

function isTimeZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }) !== undefined;
  } catch {
    return false;
  }
}
