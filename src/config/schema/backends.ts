import { z } from 'zod';
import { PROFILES, type ProfileName } from '../../protocol/profile.ts';
import { secret, urlList } from './fields.ts';

const profile = z
  .strictObject({
    base: z
      .enum(Object.keys(PROFILES) as [ProfileName, ...ProfileName[]])
      .describe(
        'Profile of a vendor to start from, where it is not that of the kind. `GET /health` shows what is in force.',
      ),
    systemRole: z.enum(['system', 'developer']),
    midSystem: z.enum(['system', 'user', 'refuse']),
    firstMustBeUser: z.boolean(),
    mergeSameRole: z.boolean(),
    maxTokensField: z.enum(['max_tokens', 'max_completion_tokens']),
    maxContext: z.number().int().positive().nullable(),
    reasoningField: z.enum(['reasoning', 'reasoning_content']).nullable(),
    reasoningReplay: z.enum(['current-loop', 'tool-turns']),
    reasoningToggle: z.enum([
      'chat-template',
      'enable-thinking',
      'thinking-type',
      'reasoning-effort',
      'none',
    ]),
    efforts: z.array(z.string()),
    effortWithTools: z.boolean(),
    thinkTags: z.boolean(),
    toolIdFormat: z.enum(['any', 'openai', 'mistral', 'kimi']),
    cumulativeArguments: z.boolean(),
    vision: z.boolean(),
    pdf: z.boolean(),
    stopMax: z.number().int().nonnegative(),
    topK: z.boolean(),
    userField: z.enum(['user', 'safety_identifier']).nullable(),
    promptCacheKey: z.boolean(),
    serviceTier: z.boolean(),
    tokenizePath: z.string().startsWith('/').nullable(),
    streamUsage: z.boolean(),
    structuredMessages: z.boolean(),
    emptyAssistantContent: z.literal('').nullable(),
    responses: z.boolean(),
    continuesPrefill: z.boolean(),
  })
  .partial();

export const backendSchema = z.strictObject({
  kind: z
    .enum(['internal', 'claude', 'openai', 'axon'])
    .describe('What stands behind the address: decides wire format, credentials and profile.'),
  url: urlList.describe(
    'Base address, with or without `/v1`; several replicas of the same models as a list or separated by commas.',
  ),
  apiKey: secret.optional().describe('Key sent to the backend. Without it no credential is sent.'),
  model: z
    .string()
    .min(1)
    .optional()
    .describe('Model that routes to `default` ask for. Without it: the first of the backend’s `/v1/models`.'),
  models: z
    .array(z.string().min(1))
    .optional()
    .describe('Models it serves. Without it they are read from its `/v1/models`.'),
  format: z
    .enum(['anthropic', 'openai'])
    .optional()
    .describe(
      'Wire format, where it differs from that of the kind (vLLM’s own `/v1/messages`, for example).',
    ),
  maxOutputTokens: z
    .number()
    .int()
    .positive()
    .default(8192)
    .describe('`max_tokens` sent to an Anthropic-format backend when an OpenAI client names none. Tokens.'),
  contextWindow: z
    .number()
    .int()
    .positive()
    .optional()
    .describe(
      'Tokens its model takes, prompt and answer together. Requests to any backend but Claude are fitted into it. ' +
        'Without it: as the backend’s `/v1/models` says, else `profile.maxContext`.',
    ),
  maxInFlight: z
    .number()
    .int()
    .positive()
    .optional()
    .describe(
      'Requests at once at each replica; further ones wait in line, users by turns, those of a heavier tier more ' +
        'often, background work last. Without it: any number.',
    ),
  maxQueued: z
    .number()
    .int()
    .min(0)
    .optional()
    .describe(
      'Requests that wait for a place, where `maxInFlight` is set. Beyond it: the next target, or 529 (503). ' +
        'Without it: 100.',
    ),
  queueSeconds: z
    .number()
    .positive()
    .max(3600)
    .optional()
    .describe('Longest wait for a place. Then: the next target, or 529 (503). Seconds. Without it: 30.'),
  healthPath: z
    .string()
    .startsWith('/')
    .nullable()
    .optional()
    .describe(
      'Page that each of several replicas is asked every 5 seconds whether it is well; one that is not gets no ' +
        'requests. null: none is asked. Without it: `/health` for `internal`, null for the others.',
    ),
  tellTrace: z
    .boolean()
    .optional()
    .describe(
      'Whether it is sent the W3C trace context (`traceparent`) of the request, where traces are on. For servers of ' +
        'one’s own. Without it: no.',
    ),
  profile: profile
    .optional()
    .describe('Single fields of the kind’s profile to change, where a vendor differs from its kind.'),
});
