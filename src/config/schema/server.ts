import { z } from 'zod';
import { httpUrl, ipRange, port, seconds } from './fields.ts';

export const serverSchema = z.strictObject({
  port: port.default(8000).describe('Port of the gateway. 0 takes a free one.'),
  host: z.string().min(1).default('0.0.0.0').describe('Address to listen on.'),
  publicUrl: httpUrl
    .transform((url) => url.replace(/\/+$/, ''))
    .optional()
    .describe(
      'Address by which clients reach the gateway, for example `https://llm.example`. Needed for sign-in through its ' +
        'pages; named in refusals so that clients find where to sign in.',
    ),
  trustedProxies: z
    .array(ipRange)
    .default([])
    .describe(
      'Addresses or ranges (`10.0.0.0/8`, `fd00::/8`) of the proxies in front. Of `X-Forwarded-For` the rightmost address ' +
        'that is none of them is taken for the client’s, which sign-in tries are counted by; nothing else depends on it. ' +
        'With none the header is not read, and all that comes through one proxy counts as one client.',
    ),
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
