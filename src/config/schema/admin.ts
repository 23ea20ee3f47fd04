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
      'Tiers whose members are operators: they use `/admin/v1` with the token of their own sign-in, never with a key. ' +
        'With neither `token` nor `tiers` there is no `/admin/v1`.',
    ),
});
