import { z } from 'zod';
import { httpUrl, secret } from './fields.ts';

const tracesSchema = z.strictObject({
  url: httpUrl
    .optional()
    .describe(
      'Base address of an OpenTelemetry collector (OTLP over HTTP), for example `http://collector:4318`; traces go to ' +
        'its `/v1/traces`. Without it: no traces, and metrics name none.',
    ),
  headers: z
    .record(z.string().regex(/^[A-Za-z0-9-]+$/), secret)
    .default({})
    .describe('Headers sent to the collector, such as its credential.'),
  serviceName: z.string().min(1).default('llm-gateway').describe('`service.name` of the traces.'),
  sampleRatio: z
    .number()
    .min(0)
    .max(1)
    .default(1)
    .describe(
      'Share of the requests that are traced, 0 to 1. Of a request that comes with a `traceparent` its sender has ' +
        'decided.',
    ),
});

export const observabilitySchema = z.strictObject({ traces: tracesSchema.prefault({}) });
