import { z } from 'zod';
import { httpUrl, secret } from './fields.ts';

const exportSchema = z.strictObject({
  url: httpUrl.describe(
    'Where usage is POSTed as events, for example `https://openmeter.example/api/v1/events`.',
  ),
  token: secret.optional().describe('Sent to it as `Authorization: Bearer`.'),
  format: z
    .enum(['cloudevents', 'lago'])
    .default('cloudevents')
    .describe(
      '`cloudevents`: batches of CloudEvents 1.0, as OpenMeter takes them; `lago`: the batches of Lago. The id of an ' +
        'event is the id of the request: each is sent at least once, and counted once by a sink that drops repetitions.',
    ),
  customer: z
    .enum(['subject', 'user'])
    .default('subject')
    .describe(
      'Whom events name as the customer: the stable hash that quota is counted by, or the name for people.',
    ),
  batch: z
    .number()
    .int()
    .min(1)
    .max(1_000)
    .default(100)
    .describe('Events of one POST at most. Lago takes 100.'),
  capacity: z
    .number()
    .int()
    .min(1)
    .default(200_000)
    .describe(
      'Events that wait on disk while the sink is away, at most; about 1 kB each. Beyond that the oldest are dropped ' +
        'and counted in `gateway_usage_events_total{outcome="dropped"}`.',
    ),
});

export const usageSchema = z.strictObject({
  retentionDays: z
    .number()
    .int()
    .min(1)
    .max(3_650)
    .default(90)
    .describe('Days for which usage by user, model and backend is kept, today included.'),
  export: exportSchema
    .optional()
    .describe('A metering system that is told of every request. Without it: none.'),
});
