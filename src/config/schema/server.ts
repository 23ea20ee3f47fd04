import { z } from 'zod';
import { port, seconds } from './fields.ts';

export const serverSchema = z.strictObject({
  port: port.default(8000).describe('Port of the gateway. 0 takes a free one.'),
  host: z.string().min(1).default('0.0.0.0').describe('Address to listen on.'),
  metricsPort: port
    .default(9464)
    .describe('Port of `GET /metrics`. Equal to `port`: served there. 0 takes a free one.'),
  drainDelaySeconds: z
    .number()
    .min(0)
    .max(600)
    .default(5)
    .describe(
      'After SIGTERM the gateway says "not ready" and goes on accepting for this long, so that load balancers ' +
        'notice. Seconds.',
    ),
  drainSeconds: seconds(300, 'Longest time that open answers may take to finish after SIGTERM.'),
});
