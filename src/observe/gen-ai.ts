/**
 * The same figures under the names of OpenTelemetry's GenAI conventions (open-telemetry/semantic-conventions-genai,
 * in development there), as its Prometheus exporter would spell them. The gateway is a server to its callers and a
 * client of its backends; operations are always `chat`.
 */
import type { Registry } from 'prom-client';
import type { Usage } from '../types.ts';
import { createHistogram } from './histogram.ts';

/** The conventions' own buckets. */
const TOKEN_BUCKETS = Array.from({ length: 14 }, (_, power) => 4 ** power);
const DURATION_BUCKETS = Array.from({ length: 14 }, (_, power) => 0.01 * 2 ** power);
const FIRST_TOKEN_BUCKETS = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
];
const TOKEN_TIME_BUCKETS = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5];

const LABELS = ['gen_ai_operation_name', 'gen_ai_provider_name', 'gen_ai_request_model'];

/** One request that a backend was asked to answer. Times are seconds. */
export interface GenAiFacts {
  /** `gen_ai.provider.name`: anthropic, openai, or the backend's kind. */
  readonly provider: string;
  /** The model that the backend was asked for. */
  readonly model: string;
  /** From the caller's request to the end. */
  readonly duration: number;
  /** From the sending to the end, waiting in line and further tries included. */
  readonly callDuration: number;
  /** From the caller's request; null where no content came. */
  readonly firstContent: number | null;
  readonly usage: Usage | null;
  readonly errorType: string | null;
  /** Whether the answer came piece by piece. */
  readonly streamed: boolean;
  readonly traceId: string | null;
}

/** Input tokens as the conventions count them: with those that were cached. */
export const allInputTokens = ({ inputTokens, cacheReadTokens, cacheWriteTokens }: Usage): number =>
  inputTokens + cacheReadTokens + cacheWriteTokens;

/** @param enableExemplars as for `createMeters` */
export function createGenAiMeters(registry: Registry, enableExemplars: boolean) {
  const histogram = (name: string, help: string, buckets: number[], more: readonly string[] = []) =>
    createHistogram({
      name,
      help,
      labelNames: [...LABELS, ...more],
      buckets,
      registers: [registry],
      enableExemplars,
    });
  const tokenUsage = histogram(
    'gen_ai_client_token_usage',
    'Tokens of a request by type, input (cached ones included) or output: gen_ai.client.token.usage.',
    TOKEN_BUCKETS,
    ['gen_ai_token_type'],
  );
  const callDuration = histogram(
    'gen_ai_client_operation_duration_seconds',
    'Time from the sending to the end of the answer, other tries included: gen_ai.client.operation.duration.',
    DURATION_BUCKETS,
    ['error_type'],
  );
  const duration = histogram(
    'gen_ai_server_request_duration_seconds',
    'Time from the caller’s request to the end of its answer: gen_ai.server.request.duration.',
    DURATION_BUCKETS,
    ['error_type'],
  );
  const firstToken = histogram(
    'gen_ai_server_time_to_first_token_seconds',
    'Time from the caller’s request to the first content: gen_ai.server.time_to_first_token.',
    FIRST_TOKEN_BUCKETS,
  );
  const perToken = histogram(
    'gen_ai_server_time_per_output_token_seconds',
    'Time after the first content for each further token of the answer: gen_ai.server.time_per_output_token.',
    TOKEN_TIME_BUCKETS,
  );

  return {
    ended(facts: GenAiFacts): void {
      const { traceId, usage, firstContent, errorType } = facts;
      const base = {
        gen_ai_operation_name: 'chat',
        gen_ai_provider_name: facts.provider,
        gen_ai_request_model: facts.model,
      };
      const ending = errorType === null ? base : { ...base, error_type: errorType };
      duration.observe(ending, facts.duration, traceId);
      callDuration.observe(ending, facts.callDuration, traceId);
      if (firstContent !== null) firstToken.observe(base, firstContent, traceId);
      if (usage === null) return;
      const { outputTokens } = usage;
      tokenUsage.observe({ ...base, gen_ai_token_type: 'input' }, allInputTokens(usage), traceId);
      tokenUsage.observe({ ...base, gen_ai_token_type: 'output' }, outputTokens, traceId);
      if (!facts.streamed || firstContent === null || outputTokens < 2 || errorType !== null) return;
      perToken.observe(base, (facts.duration - firstContent) / (outputTokens - 1), traceId);
    },
  };
}
