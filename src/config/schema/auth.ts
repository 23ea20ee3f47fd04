import { z } from 'zod';
import { DEFAULT_TIER_RULES } from '../default-plan.ts';
import { httpUrl, secret } from './fields.ts';

const tierRule = z.strictObject({
  claim: z
    .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
    .describe('Where the token says it: a dotted path, or a list of segments where a name has dots in it.'),
  values: z.record(z.string(), z.string()).describe('Value found there, and the tier it stands for.'),
});

const issuerUrl = httpUrl.transform((url) => url.replace(/\/+$/, ''));

const realm = z.strictObject({
  url: issuerUrl.describe('Issuer address of this realm, exactly as its tokens say it in `iss`.'),
  audience: z
    .string()
    .min(1)
    .optional()
    .describe('What its tokens must be meant for. Without it: `auth.keycloak.audience`.'),
  jwksUri: httpUrl.optional().describe('Where its keys are, if not where its discovery document says.'),
});

const keycloak = z.strictObject({
  url: issuerUrl.optional().describe('Issuer address of the realm, exactly as its tokens say it in `iss`.'),
  audience: z.string().min(1).default('llm-gateway').describe('What tokens must be meant for (`aud`).'),
  jwksUri: httpUrl
    .optional()
    .describe('Where the realm’s keys are, if not where its discovery document says (in-cluster addresses).'),
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
});
