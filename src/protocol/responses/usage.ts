/** Token counts as Responses writes them: both details always there, and whole numbers (codex.md §4). */
import type { Usage } from '../../types.ts';
import { asObject, isObject, type JsonObject } from '../json.ts';
import { readOpenAIUsage } from '../read-usage.ts';

/** Reads `usage` of a response; what is none keeps what was said before. */
export function readResponsesUsage(value: unknown, before: Usage | null = null): Usage | null {
  if (!isObject(value)) return before;
  const { input_tokens, output_tokens, total_tokens, input_tokens_details, output_tokens_details } = value;
  return readOpenAIUsage({
    prompt_tokens: input_tokens,
    completion_tokens: output_tokens,
    total_tokens,
    prompt_tokens_details: asObject(input_tokens_details),
    completion_tokens_details: asObject(output_tokens_details),
  });
}

/** Nothing known counts as nothing used: Codex takes zeros, but no missing fields. */
export function writeResponsesUsage(usage: Usage | null): JsonObject {
  const { inputTokens = 0, cacheReadTokens = 0, cacheWriteTokens = 0 } = usage ?? {};
  const { outputTokens = 0, reasoningTokens = 0 } = usage ?? {};
  const input = inputTokens + cacheReadTokens + cacheWriteTokens;
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: cacheReadTokens },
    output_tokens: outputTokens,
    output_tokens_details: { reasoning_tokens: reasoningTokens },
    total_tokens: input + outputTokens,
  };
}
