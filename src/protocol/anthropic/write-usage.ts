/** Token counts as Anthropic's `usage`. */
import type { Usage } from '../../types.ts';
import type { JsonObject } from '../json.ts';

/** All four figures, always: a client adds up what it gets (S-61). */
export function writeUsage(usage: Usage): JsonObject {
  return {
    input_tokens: usage.inputTokens,
    cache_creation_input_tokens: usage.cacheWriteTokens,
    cache_read_input_tokens: usage.cacheReadTokens,
    output_tokens: usage.outputTokens,
    ...(usage.reasoningTokens > 0
      ? { output_tokens_details: { thinking_tokens: usage.reasoningTokens } }
      : {}),
  };
}

export const NO_USAGE: Usage = {
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  reasoningTokens: 0,
};

/** For backends that never count: about four characters to a token (S-62). */
export function estimateUsage(characters: number): Usage {
  return { ...NO_USAGE, outputTokens: Math.ceil(characters / 4) };
}
