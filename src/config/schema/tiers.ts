import { z } from 'zod';
import { allowanceList } from './allowances.ts';

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
  passthrough: z
    .literal('own-credential')
    .optional()
    .describe(
      'A caller’s own Claude login (`sk-ant-oat…` in `authorization`, the gateway’s key in `x-api-key`) goes on to Claude ' +
        'in place of the gateway’s key, to backends of kind `claude` only, whose address must be https (or this machine). ' +
        'Off by default. The quota counts as always; the terms of the caller’s Claude subscription are between them and Anthropic.',
    ),
});

const whole = (least: number, fallback: number, text: string) =>
  z.number().int().min(least).default(fallback).describe(text);

const turn = z.strictObject({
  requests: whole(1, 200, 'Requests.'),
  minutes: z.number().int().min(1).max(300).default(60).describe('Minutes from its first request.'),
  tokens: whole(1, 5_000_000, 'Tokens.'),
});

const overdraft = z.strictObject({
  requests: whole(0, 50, 'Requests.'),
  turns: whole(0, 0, 'Turns.'),
  tokens: whole(0, 500_000, 'Tokens.'),
});

export const tierSchema = z
  .strictObject({
    rank: z.number().int().describe('Of several tiers that a user qualifies for, the highest rank counts.'),
    requestsPerDay: z
      .number()
      .int()
      .min(0)
      .nullable()
      .optional()
      .describe(
        'Requests a day in `quota.timeZone`; null is unlimited. Short for an allowance named `daily`, which is then the ' +
          'first.',
      ),
    allowances: allowanceList
      .default([])
      .describe('Limits that hold at once; the first is the one that short answers speak of.'),
    modelWeights: z
      .record(z.string(), z.number().int().min(0))
      .default({})
      .describe(
        'How much a request counts by the model that serves it: pattern as in routes, and a whole number. The first ' +
          'match decides; without one: 1.',
      ),
    concurrency: z
      .number()
      .int()
      .positive()
      .nullable()
      .default(null)
      .describe(
        'Requests of one user that may run at once, over all replicas. Beyond: 429. null is any number.',
      ),
    atExhaustion: z
      .enum(['deny', 'finish-turn', 'soft-land'])
      .default('deny')
      .describe(
        'What happens beyond a limit of a day, week or month: `deny` refuses; `finish-turn` lets a turn that is open go ' +
          'on within `overdraft`; `soft-land` goes on with the model of `softLandTo`, free of that limit, and says so.',
      ),
    overdraft: overdraft
      .prefault({})
      .describe('How far beyond its limits an open turn may go (`finish-turn`).'),
    softLandTo: target
      .prefault('internal/default')
      .describe('Where `soft-land` goes: a backend and a model, as in routes.'),
    turn: turn.prefault({}).describe('Beyond any of these a turn counts as a further one.'),
    titles: z
      .enum(['charge', 'free', 'capped'])
      .default('capped')
      .describe(
        'Titles that coding agents have made for their sessions: counted like any request, free, or free up to as many ' +
          'a day as the tier has requests, 20 at least.',
      ),
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
  })
  .refine(({ requestsPerDay, allowances }) => requestsPerDay !== undefined || allowances.length > 0, {
    error: 'is required, or `allowances`',
    path: ['requestsPerDay'],
  });
