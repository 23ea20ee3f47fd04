import { z } from 'zod';

const target = z.union([
  z
    .string()
    .min(1)
    .transform((text) => {
      const slash = text.indexOf('/');
      return slash < 0
        ? { backend: text, model: undefined }
        : { backend: text.slice(0, slash), model: text.slice(slash + 1) };
    }),
  z.strictObject({ backend: z.string().min(1), model: z.string().min(1).optional() }),
]);

const route = z.strictObject({
  match: z
    .string()
    .min(1)
    .describe(
      'Asked model: `claude`, `claude:haiku` (or another family), `gpt`, `models-of:<backend>`, ' +
        '`<backend>/*`, or a name in which `*` stands for any characters.',
    ),
  to: z
    .union([target.transform((one) => [one]), z.array(target).min(1)])
    .describe(
      'Targets in order of preference. The first whose backend is configured serves; the next ones when it cannot be ' +
        'reached, fails before its first content, is overloaded, or the prompt is too long for it. `internal` passes the asked ' +
        'name, `internal/default` asks for the backend’s own model, `claude/claude-haiku-5-5` for exactly that one.',
    ),
});

export const tierSchema = z.strictObject({
  rank: z.number().int().describe('Of several tiers that a user qualifies for, the highest rank counts.'),
  requestsPerDay: z
    .number()
    .int()
    .min(0)
    .nullable()
    .describe('Requests a day in `quota.timeZone`; null is unlimited.'),
  weight: z
    .number()
    .positive()
    .optional()
    .describe(
      'Turns its users have, for one of a user of weight 1, where requests wait for a busy backend. Without it: 1 for ' +
        'the lowest rank, twice as many for each rank above.',
    ),
  routes: z
    .array(route)
    .describe('First match decides. A model that no rule matches is refused: nothing passes by default.'),
});
