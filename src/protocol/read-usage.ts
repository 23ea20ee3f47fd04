/** Token counts as backends report them, read into {@link Usage}. Anything odd counts as not said. */
import type { Usage } from '../types.ts';

type Json = Readonly<Record<string, unknown>>;

const NONE: Usage = {
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  reasoningTokens: 0,
};

/** More than any answer has, and few enough to be added up exactly. */
const MOST_TOKENS = 1e12;

/** A non-negative whole number, or undefined. */
function count(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 && value <= MOST_TOKENS ? Math.floor(value) : undefined;
}

const object = (value: unknown): Json | null =>
  typeof value === 'object' && value !== null ? (value as Json) : null;

/** Anthropic's `usage`; figures that are absent keep what an earlier event said. */
export function readAnthropicUsage(value: unknown, before: Usage | null = null): Usage | null {
  const usage = object(value);
  if (usage === null) return before;
  const base = before ?? NONE;
  return {
    inputTokens: count(usage.input_tokens) ?? base.inputTokens,
    outputTokens: count(usage.output_tokens) ?? base.outputTokens,
    cacheReadTokens: count(usage.cache_read_input_tokens) ?? base.cacheReadTokens,
    cacheWriteTokens: count(usage.cache_creation_input_tokens) ?? base.cacheWriteTokens,
    reasoningTokens: count(object(usage.output_tokens_details)?.thinking_tokens) ?? base.reasoningTokens,
  };
}

/** OpenAI's `usage`: cached tokens are part of the prompt there and apart here (S-60). */
export function readOpenAIUsage(value: unknown, before: Usage | null = null): Usage | null {
  const usage = object(value);
  if (usage === null) return before;
  const prompt = count(usage.prompt_tokens) ?? 0;
  const completion = count(usage.completion_tokens) ?? 0;
  const details = object(usage.prompt_tokens_details);
  const reasoning = count(object(usage.completion_tokens_details)?.reasoning_tokens) ?? 0;
  const cached = Math.min(count(details?.cached_tokens) ?? count(usage.prompt_cache_hit_tokens) ?? 0, prompt);
  const written = Math.min(count(details?.cache_write_tokens) ?? 0, prompt - cached);
  // xAI counts reasoning beside the completion, everyone else within it.
  const beside = reasoning > 0 && count(usage.total_tokens) === prompt + completion + reasoning;
  return {
    inputTokens: prompt - cached - written,
    outputTokens: beside ? completion + reasoning : completion,
    cacheReadTokens: cached,
    cacheWriteTokens: written,
    reasoningTokens: reasoning,
  };
}
