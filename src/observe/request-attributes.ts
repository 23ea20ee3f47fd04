/**
 * What a trace says of a request: names by OpenTelemetry's HTTP and GenAI conventions
 * (open-telemetry/semantic-conventions-genai, in development there), the gateway's own behind `gateway.`. Nothing of
 * its content, and of people the hash that logs have too.
 */
import type { Principal, Route, Usage } from '../types.ts';
import { allInputTokens } from './gen-ai.ts';
import type { Attributes } from './tracer.ts';

export interface RequestStory {
  readonly requestId: string;
  readonly path: string;
  readonly dialect: string;
  readonly status: number;
  readonly ending: string;
  readonly principal: Principal | undefined;
  readonly route: Route | undefined;
  readonly backend: string | undefined;
  readonly provider: string | undefined;
  readonly attempts: number;
  readonly streamed: boolean;
  /** The client's own name for its session. */
  readonly session: string | null;
  /** Seconds. */
  readonly firstContent: number | null;
  readonly usage: Usage | null;
}

export function toRequestAttributes(story: RequestStory): Attributes {
  const { principal, route, usage } = story;
  return {
    'http.request.method': 'POST',
    'http.route': story.path,
    'http.response.status_code': story.status,
    'gateway.request_id': story.requestId,
    'gateway.dialect': story.dialect,
    'gateway.ending': story.ending,
    'gateway.tier': principal?.tier,
    'gateway.user': principal?.subject.slice(0, 16),
    'gateway.backend': story.backend,
    'gateway.route.reason': route?.reason,
    'gateway.attempts.failed': story.attempts,
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': story.provider,
    'gen_ai.request.model': route?.requested,
    'gen_ai.response.model': story.backend === undefined ? undefined : route?.served,
    'gen_ai.request.stream': story.streamed,
    'gen_ai.conversation.id': story.session ?? undefined,
    'gen_ai.response.time_to_first_chunk': story.firstContent ?? undefined,
    ...(usage !== null && toUsageAttributes(usage)),
  };
}

function toUsageAttributes(usage: Usage): Attributes {
  return {
    'gen_ai.usage.input_tokens': allInputTokens(usage),
    'gen_ai.usage.output_tokens': usage.outputTokens,
    'gen_ai.usage.cache_read.input_tokens': usage.cacheReadTokens,
    'gen_ai.usage.cache_creation.input_tokens': usage.cacheWriteTokens,
    'gen_ai.usage.reasoning.output_tokens': usage.reasoningTokens,
  };
}
