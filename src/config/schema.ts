/**
 * Every option of the configuration file: what it does, its unit, its default and its consequence. The texts are
 * the reference (`docs/configuration.md` is generated from them), so they are written for the person who sets them.
 */
import { z } from 'zod';
import { DEFAULT_TIERS } from './default-plan.ts';
import { adminSchema } from './schema/admin.ts';
import { authSchema } from './schema/auth.ts';
import { backendSchema } from './schema/backends.ts';
import { consoleSchema } from './schema/console.ts';
import { limitsSchema } from './schema/limits.ts';
import { observabilitySchema } from './schema/observability.ts';
import { quotaSchema } from './schema/quota.ts';
import { responsesSchema } from './schema/responses.ts';
import { serverSchema } from './schema/server.ts';
import { tierSchema } from './schema/tiers.ts';
import { usageSchema } from './schema/usage.ts';

/** The configuration file as a person writes it; every section and option has a default. */
export const configSchema = z.strictObject({
  server: serverSchema.prefault({}),
  dataDir: z.string().min(1).default('./data').describe('Folder of the embedded stores; made at start.'),
  logLevel: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
    .default('info')
    .describe('Least severity that is logged.'),
  auth: authSchema.prefault({}),
  backends: z
    .record(z.string().regex(/^[a-z][a-z0-9-]*$/), backendSchema)
    .default({})
    .describe('Model servers by name. With none, a demo model answers.'),
  tiers: z
    .record(z.string().regex(/^[a-z][a-z0-9-]*$/), tierSchema)
    .refine((tiers) => Object.keys(tiers).length > 0, { error: 'must name at least one tier' })
    .prefault(DEFAULT_TIERS)
    .describe('What each subscription includes.'),
  quota: quotaSchema.prefault({}),
  usage: usageSchema.prefault({}),
  observability: observabilitySchema.prefault({}),
  admin: adminSchema.prefault({}),
  console: consoleSchema.prefault({}),
  responses: responsesSchema.prefault({}),
  limits: limitsSchema.prefault({}),
});

/** The checked configuration, with every default filled in. */
export type Config = z.output<typeof configSchema>;
export type BackendConfig = Config['backends'][string];
export type BackendKind = BackendConfig['kind'];
