import { z } from 'zod';
import { DEFAULT_SERVICE_KEYS, DEFAULT_TIER_RULES } from '../default-plan.ts';
import { httpUrl, secret } from './fields.ts';

const tierRule = z.strictObject({
  claim: z
    .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
    .describe('Where the token says it: a dotted path, or a list of segments where a name has dots in it.'),
  values: z.record(z.string(), z.string()).describe('Value found there, and the tier it stands for.'),
});

const issuerUrl = httpUrl.transform((url) => url.replace(/\/+$/, ''));

const service = z
  .strictObject({
    clientId: z.string().min(1).default('llm-gateway-service').describe('The confidential client.'),
    clientSecret: secret.describe('Its secret.'),
  })
  .optional()
  .describe(
    'Confidential client with which the gateway asks the realm in its own name: whether the owners of keys and ' +
      'sessions are still there and what they have (roles `view-users` and `view-clients` of `realm-management`), and ' +
      'introspection. Without it there are no personal keys and no native sign-in for people of this realm.',
  );

const clientId = z
  .string()
  .min(1)
  .default('llm-gateway')
  .describe('Public client that people sign in with, and that logout tokens are meant for.');

const realm = z.strictObject({
  url: issuerUrl.describe('Issuer address of this realm, exactly as its tokens say it in `iss`.'),
  audience: z
    .string()
    .min(1)
    .optional()
    .describe('What its tokens must be meant for. Without it: `auth.keycloak.audience`.'),
  jwksUri: httpUrl.optional().describe('Where its keys are, if not where its discovery document says.'),
  clientId,
  service,
});

const keycloak = z.strictObject({
  url: issuerUrl.optional().describe('Issuer address of the realm, exactly as its tokens say it in `iss`.'),
  audience: z.string().min(1).default('llm-gateway').describe('What tokens must be meant for (`aud`).'),
  jwksUri: httpUrl
    .optional()
    .describe('Where the realm’s keys are, if not where its discovery document says (in-cluster addresses).'),
  clientId,
  service,
  introspection: z
    .enum(['off', 'partial', 'all'])
    .default('off')
    .describe(
      'Which tokens Keycloak is asked about (RFC 7662; needs `service`, which the tokens’ `aud` must name as well). ' +
        '`off`: none, tokens are checked offline and count until they end. `partial`: opaque and lightweight tokens. ' +
        '`all`: every token, so that a disabled user is out within 30 seconds; while Keycloak is away nobody new gets in.',
    ),
  ownerCheckSeconds: z
    .number()
    .min(5)
    .max(3600)
    .default(60)
    .describe(
      'How long an answer about the owner of a key or session counts: the longest that a disabled user can go on with ' +
        'one. While Keycloak is away the last answer counts for a day. Seconds.',
    ),
  realms: z
    .array(realm)
    .default([])
    .describe(
      'Further realms, one per organisation, beside `url` or in its place. The rules for tiers hold for all, so ' +
        'whoever administers one of them grants tiers. A person counts once per realm.',
    ),
  algorithms: z
    .array(z.enum(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']))
    .min(1)
    .default(['RS256', 'PS256', 'ES256', 'EdDSA'])
    .describe('Signature algorithms that are accepted.'),
  clockSkewSeconds: z.number().min(0).max(300).default(30).describe('Tolerated clock difference. Seconds.'),
  tiers: z
    .array(tierRule)
    .default(DEFAULT_TIER_RULES)
    .describe('How a tier is read from a token: client roles, realm roles, groups or any claim.'),
  groupsClaim: z
    .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
    .default('groups')
    .describe('Where tokens name the groups that `quota.pools` speaks of: a dotted path, or its segments.'),
  defaultTier: z
    .string()
    .nullable()
    .default('free')
    .describe('Tier of a valid user whom no rule names; null refuses them.'),
});

const staticKey = z.strictObject({
  key: secret.describe('The key itself.'),
  user: z.string().min(1).describe('Whose it is; quota is counted by it.'),
  tier: z.string().min(1).describe('A name of `tiers`.'),
});

const serviceKeys = z.strictObject({
  most: z.number().int().min(0).max(1000).describe('Most service keys that one user may have.'),
  requestsPerDay: z.number().int().min(0).describe('Requests a day of each service key.'),
});

const keys = z.strictObject({
  mostPerUser: z.number().int().min(0).max(1000).default(20).describe('Most personal keys of one user.'),
  days: z
    .number()
    .int()
    .min(1)
    .max(3650)
    .default(90)
    .describe('Life of a key that is made without one. Days.'),
  mostDays: z.number().int().min(1).max(3650).default(365).describe('Longest life of a key. Days.'),
  services: z
    .record(z.string(), serviceKeys)
    .default(DEFAULT_SERVICE_KEYS)
    .describe(
      'Service keys, for CI, by the tier of who makes them. They have a daily quota of their own and the models of the ' +
        'tier. Tiers that are not named have none.',
    ),
});

const signIn = z.strictObject({
  accessMinutes: z
    .number()
    .min(6)
    .max(1440)
    .default(60)
    .describe('Life of an access token; clients renew it by themselves. Minutes.'),
  sessionHours: z
    .number()
    .min(0.2)
    .max(2160)
    .default(12)
    .describe('Life of a session, from one sign-in to the next. Hours.'),
  notice: z.string().max(500).optional().describe('Shown by the client beside the code to type.'),
  managedSettings: z
    .record(z.string(), z.record(z.string(), z.unknown()))
    .default({})
    .describe(
      'Settings that Claude Code fetches and obeys after a native sign-in, by tier; `default` is for tiers that are not ' +
        'named. The names are Claude Code’s own (`model`, `env`, `permissions`, …).',
    ),
});

export const authSchema = z.strictObject({
  provider: z
    .enum(['keycloak', 'static'])
    .default('static')
    .describe('Where subscriptions live. With `keycloak`, static keys that are set work beside it.'),
  static: z
    .strictObject({
      keys: z
        .array(staticKey)
        .optional()
        .describe('Fixed keys. With `static` and none set, three demo keys are made at the first start.'),
    })
    .prefault({}),
  keycloak: keycloak.prefault({}),
  keys: keys.prefault({}).describe('Keys that users make for their programs.'),
  signIn: signIn
    .prefault({})
    .describe(
      'Sign-in through the gateway’s own pages, as Claude Code does natively. It needs Keycloak, its `service` and ' +
        '`server.publicUrl`.',
    ),
});
