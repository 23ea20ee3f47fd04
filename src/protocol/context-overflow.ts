/**
 * "The conversation does not fit the model", in the words of every backend we know. Claude Code compacts a long
 * session by itself, but only when it reads Claude's own words (translation.md E-10, measured), so recognising and
 * rewording this one error decides whether a session survives.
 */

/** The numbers a backend gave, each `null` where it did not. */
export interface ContextOverflow {
  /** Tokens of the prompt; for vLLM 0.32 a lower bound. */
  readonly promptTokens: number | null;
  /** Tokens the request wanted for its answer. */
  readonly maxTokens: number | null;
  /** Tokens the model takes. */
  readonly limit: number | null;
}

// `#` stands for a number, with or without thousands separators; the groups say which number it is.
const NUMBERED: readonly RegExp[] = [
  // Claude
  /prompt is too long: (?<prompt>#) tokens > (?<limit>#) maximum/,
  /exceed context limit: (?<prompt>#) \+ (?<max>#) > (?<limit>#)/,
  /max_tokens: (?<max>#) > (?<limit>#), which is the maximum/,
  // vLLM and OpenAI
  /maximum context length is (?<limit>#) tokens.*requested (?<max>#) output tokens and your prompt contains (?:at least )?(?<prompt>#)/,
  /maximum context length is (?<limit>#) tokens.*\((?<prompt>#) in the messages,.*?(?<max>#) in the completion\)/,
  /maximum context length is (?<limit>#) tokens.*messages resulted in (?<prompt>#) tokens/,
  /is too large: (?<max>#)\..*maximum context length is (?<limit>#) tokens.*request has (?<prompt>#) input tokens/,
  /maximum context length is (?<limit>#) tokens.*prompt contains (?:at least )?(?<prompt>#) input tokens/,
  /maximum context length is (?<limit>#) tokens.*contains at least (?<prompt>#) input tokens/,
  /prompt \(length (?<prompt>#)\) is longer than the maximum model length of (?<limit>#)/,
  /is too large: (?<max>#)\..*supports at most (?<limit>#) completion tokens/,
  /max_(?:completion_)?tokens=(?<max>#) cannot be greater than max_model_len=(?<limit>#)/,
  // SGLang
  /input \((?<prompt>#) tokens\) is longer than the model's context length \((?<limit>#) tokens\)/,
  /maximum context length of (?<limit>#) tokens.*?(?<prompt>#) tokens from the input messages and (?<max>#) tokens for the completion/,
  // llama.cpp
  /request \((?<prompt>#) tokens\) exceeds the available context size \((?<limit>#) tokens\)/,
  // Mistral, Gemini
  /prompt contains (?<prompt>#) tokens.*too large for model with (?<limit>#) maximum context length/,
  /input token count \(?(?<prompt>#)\)? exceeds the maximum number of tokens allowed \(?(?<limit>#)/,
  // Any wording of theirs that is not known word for word still names the limit.
  /maximum (?:context|model) length (?:is|of) (?<limit>#)/,
].map((pattern) => new RegExp(pattern.source.replaceAll('#', '\\d[\\d,]*'), 'is'));

const UNNUMBERED =
  /prompt is too long|input is too long|context_length_exceeded|exceed_context_size|maximum (?:context|model) length|available context size|context window|too many tokens|reduce the length of the (?:messages|input|prompt)/i;

/** Claude's own words, which must never be reworded (E-10, E-12). */
const CLAUDES_WORDS =
  /prompt is too long|exceed context limit: \d|max_tokens: \d+ > \d+, which is the maximum/i;

/**
 * Recognises a context overflow in a backend's message (or error type or code).
 *
 * @returns the numbers given, or `null` when the message is about something else
 */
export function readContextOverflow(message: string): ContextOverflow | null {
  const text = message.slice(0, 4000);
  for (const pattern of NUMBERED) {
    const numbers = pattern.exec(text)?.groups;
    if (numbers === undefined) continue;
    return {
      promptTokens: toNumber(numbers.prompt),
      maxTokens: toNumber(numbers.max),
      limit: toNumber(numbers.limit),
    };
  }
  return UNNUMBERED.test(text) ? { promptTokens: null, maxTokens: null, limit: null } : null;
}

/**
 * Says an overflow in Claude's words. Three cases, because Claude Code acts on each: the prompt alone is too long
 * (it compacts), prompt and answer together are (it asks for a shorter answer), the answer alone is (likewise).
 * What {@link readContextOverflow} reads out of the result is what went in.
 */
export function describeContextOverflow(overflow: ContextOverflow, original = ''): string {
  if (CLAUDES_WORDS.test(original)) return original;
  const { promptTokens, maxTokens, limit } = overflow;
  if (limit === null) return 'prompt is too long';
  if (promptTokens === null) {
    if (maxTokens === null) return `prompt is too long: the model takes ${limit} tokens`;
    return `max_tokens: ${maxTokens} > ${limit}, which is the maximum allowed number of output tokens`;
  }
  if (maxTokens !== null && promptTokens < limit) {
    return (
      `input length and \`max_tokens\` exceed context limit: ${promptTokens} + ${maxTokens} > ${limit}, ` +
      'decrease input length or `max_tokens` and try again'
    );
  }
  return `prompt is too long: ${promptTokens} tokens > ${limit} maximum`;
}

function toNumber(digits: string | undefined): number | null {
  return digits === undefined ? null : Number(digits.replaceAll(',', ''));
}
