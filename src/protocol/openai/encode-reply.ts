/** Reply events as a Chat Completions stream, or as one whole reply. */
import type { Usage } from '../../types.ts';
import { toStreamError } from '../error-body.ts';
import type { JsonObject } from '../json.ts';
import type { ReplyContext, ReplyEncoder, ReplyError, ReplyEvent } from '../reply-events.ts';
import { TRUNCATED } from '../truncated.ts';
import { type CallDelta, type ChatFinish, type ChatStep, createChatDeltas } from './chat-deltas.ts';

const DONE = 'data: [DONE]\n\n';

/** A comment: openai-node throws on any data frame without `choices` (T-11, measured). */
const KEEP_ALIVE = ': keepalive\n\n';

const NO_USAGE: Usage = {
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  reasoningTokens: 0,
};

/**
 * Encodes one stream: a role chunk, content, one finish chunk, usage if it was asked for, `[DONE]`. An error ends it
 * with an error frame and no `[DONE]`; openai-node throws then, as it should.
 */
export function createOpenAIEncoder(context: ReplyContext): ReplyEncoder {
  const toSteps = createChatDeltas(context);
  const { messageId, created, model, streamUsage } = context;
  const head = JSON.stringify({ id: messageId, object: 'chat.completion.chunk', created, model }).slice(
    0,
    -1,
  );
  // Only clients that asked for usage see the key.
  const tail = streamUsage ? ',"usage":null' : '';
  let ending: 'open' | 'completed' | 'failed' = 'open';

  const chunk = (delta: object, finish: ChatFinish | null): string =>
    `data: ${head},"choices":[{"index":0,"delta":${JSON.stringify(delta)},"logprobs":null,` +
    `"finish_reason":${JSON.stringify(finish)}}]${tail}}\n\n`;

  const usageChunk = (usage: Usage | null): string =>
    `data: ${head},"choices":[],"usage":${JSON.stringify(toChatUsage(usage))}}\n\n`;

  const write = (step: ChatStep): string => {
    if (step.kind === 'delta') return chunk(step.delta, null);
    ending = step.kind === 'error' ? 'failed' : 'completed';
    if (step.kind === 'error')
      return toStreamError('openai', step.error.code, step.error.message, context.requestId);
    return chunk({}, step.reason) + (streamUsage ? usageChunk(step.usage) : '') + DONE;
  };

  return {
    push: (event) => toSteps(event).map(write).join(''),
    keepAlive: () => (ending === 'open' ? KEEP_ALIVE : ''),
    ending: () => ending,
  };
}

/** A whole reply, or the error that the events end with. Events without an ending are a truncated answer. */
export function encodeOpenAIReply(
  events: readonly ReplyEvent[],
  context: ReplyContext,
): { readonly status: 200; readonly body: JsonObject } | { readonly error: ReplyError } {
  const steps = events.flatMap(createChatDeltas(context));
  const ending = steps.at(-1);
  if (ending?.kind === 'error') return { error: ending.error };
  if (ending?.kind !== 'finish') return { error: TRUNCATED };
  return {
    status: 200,
    body: {
      id: context.messageId,
      object: 'chat.completion',
      created: context.created,
      model: context.model,
      choices: [{ index: 0, message: toMessage(steps), logprobs: null, finish_reason: ending.reason }],
      usage: toChatUsage(ending.usage),
    },
  };
}

function toMessage(steps: readonly ChatStep[]): JsonObject {
  const deltas = steps.flatMap((step) => (step.kind === 'delta' ? [step.delta] : []));
  const content = deltas.map((delta) => delta.content ?? '').join('');
  const reasoning = deltas.map((delta) => delta.reasoning_content ?? '').join('');
  const calls = toCalls(deltas.flatMap((delta) => delta.tool_calls ?? []));
  return {
    role: 'assistant',
    content: content === '' && calls.length > 0 ? null : content,
    refusal: null,
    ...(reasoning !== '' && { reasoning_content: reasoning }),
    ...(calls.length > 0 && { tool_calls: calls }),
  };
}

/** Adds the pieces of each call up; the first piece of a call carries everything but its text. */
function toCalls(pieces: readonly CallDelta[]): readonly JsonObject[] {
  const byIndex = Map.groupBy(pieces, (piece) => piece.index);
  return [...byIndex.values()].map((ofOne) => {
    const [first] = ofOne;
    const text = ofOne
      .map((piece) => ('custom' in piece ? piece.custom.input : piece.function.arguments))
      .join('');
    if (first === undefined) return {};
    return 'custom' in first
      ? { id: first.id, type: 'custom', custom: { name: first.custom.name, input: text } }
      : { id: first.id, type: 'function', function: { name: first.function.name, arguments: text } };
  });
}

/** OpenAI counts cached tokens as part of the prompt. */
function toChatUsage(usage: Usage | null): JsonObject {
  const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, reasoningTokens } = usage ?? NO_USAGE;
  const prompt = inputTokens + cacheReadTokens + cacheWriteTokens;
  return {
    prompt_tokens: prompt,
    completion_tokens: outputTokens,
    total_tokens: prompt + outputTokens,
    prompt_tokens_details: { cached_tokens: cacheReadTokens, cache_write_tokens: cacheWriteTokens },
    completion_tokens_details: { reasoning_tokens: reasoningTokens },
  };
}
