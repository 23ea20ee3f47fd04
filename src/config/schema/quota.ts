import { z } from 'zod';
import { secret } from './fields.ts';

export const quotaSchema = z.strictObject({
  redisUrl: secret
    .optional()
    .describe('`redis://` or `rediss://` address of Valkey or Redis. Without it: SQLite in `dataDir`.'),
  timeZone: z
    .string()
    .default('UTC')
    .refine(isTimeZone, { error: 'expected an IANA time zone such as Europe/Berlin' })
    .describe('Time zone in which a day begins.'),
  onStoreFailure: z
    .enum(['deny', 'allow'])
    .default('deny')
    .describe(
      'When the store does not answer: `deny` refuses users with a limit (503, nothing charged), `allow` lets them ' +
        'through and charges them when it is back.',
    ),
});

function isTimeZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }) !== undefined;
  } catch {
    return false;
  }
}
