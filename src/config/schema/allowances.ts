/** Limits, as tiers and pools state them. */
import { z } from 'zod';

const count = z.number().int().min(0);

export const allowanceSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z][a-z0-9-]*$/)
    .describe('Short name that headers, refusals and `quota.overrides` use.'),
  unit: z
    .enum(['request', 'turn', 'token'])
    .default('request')
    .describe(
      'What is counted: requests; turns, which are one prompt of a person with all that follows from it; or tokens ' +
        '(input and output without what was read from the prompt cache), admitted while any are left.',
    ),
  limit: count.nullable().describe('Units per window; null is unlimited, and only counted.'),
  window: z
    .enum(['minute', 'day', 'week', 'month'])
    .default('day')
    .describe('Calendar window in `quota.timeZone`; weeks begin on Monday.'),
  models: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe('Patterns of the served models that it counts, as in routes. Without it: every model.'),
});

/** Two limits on one count would be one too many; two of one name nobody could tell apart. */
export const allowanceList = z
  .array(allowanceSchema)
  .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, {
    error: 'must not have two allowances of one name',
  })
  .refine((all) => {
    const counts = all
      .filter(({ models }) => models === undefined)
      .map(({ unit, window }) => `${unit} ${window}`);
    return new Set(counts).size === counts.length;
  }, 'must not have two allowances for the same unit and window without `models`');

export const limitOverrides = z
  .record(z.string(), count.nullable())
  .describe('New limits by the name of the allowance; null is unlimited.');
