import { z } from 'zod';
import { type Secret, toSecret } from '../secret.ts';

export const adminSchema = z.strictObject({
  token: z
    .string()
    .min(24, 'must be at least 24 characters, from a random source')
    .transform((value): Secret => toSecret(value))
    .optional()
    .describe(
      'Credential of operators for `/admin/v1` (docs/admin-api.md), sent as `Authorization: Bearer`. At least 24 ' +
        'characters, for example from `openssl rand -hex 32`.',
    ),
  tiers: z
    .array(z.string())
    .default([])
    .describe(
      'Tiers whose members are operators: they use the console, and `/admin/v1` with the token of their own sign-in, ' +
        'never with a key. ' +
        'Without `token`, `tiers`, `roles` and `users` there is no `/admin/v1`, and no operator in the console.',
    ),
  roles: z
    .array(z.string().min(1))
    .default([])
    .describe('Roles whose holders are operators, for example `operator` of the client `llm-gateway`.'),
  rolesClaim: z
    .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
    .default('resource_access.llm-gateway.roles')
    .describe('Where tokens name the roles of `roles`: a dotted path, or its segments.'),
  users: z
    .array(z.string().min(1))
    .default([])
    .describe('Users of the static keys who are operators, once they have signed in to the console.'),
});
