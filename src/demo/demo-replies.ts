/**
 * The demo model's answers in Chat Completions form, whole and as stream frames. Pure.
 */
import { type DemoAnswer, estimateTokens } from './answer-demo.ts';
import type { DemoRequest } from './conversation.ts';

/** What an answer is labelled with. */
export interface AnswerLabel {
  readonly id: string;
  /** Seconds since the epoch. */
  readonly created: number;
  readonly model: string;
}

/** Text pieces of a stream: a few words each, and some of a call's arguments. */
const TEXT_PIECE = /\s*\S+(?:\s+\S+){0,2}\s*/g;
const ARGUMENTS_PIECE = /[\s\S]{1,24}/g;

function finishOf(answer: DemoAnswer): string {
  if (answer.calls.length > 0) return 'tool_calls';
  return answer.cut ? 'length' : 'stop';
}

function usageOf(request: DemoRequest, answer: DemoAnswer) {
  const prompt = estimateTokens(request.size);
  const completion = estimateTokens(answer.text.length + JSON.stringify(answer.calls).length);
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
}

/** Ids are drawn from the answer's own: unique wherever that is. */
const callId = (label: AnswerLabel, index: number): string => `call_${label.id}_${index}`;

/** The `chat.completion` object. */
export function toCompletion(request: DemoRequest, answer: DemoAnswer, label: AnswerLabel) {
  const toolCalls = answer.calls.map((call, index) => ({
    id: callId(label, index),
    type: 'function',
    function: { name: call.name, arguments: JSON.stringify(call.arguments) },
  }));
  const message =
    toolCalls.length > 0
      ? { role: 'assistant', content: null, tool_calls: toolCalls }
      : { role: 'assistant', content: answer.text };
  return {
    id: `chatcmpl-${label.id}`,
    object: 'chat.completion',
    created: label.created,
    model: label.model,
    choices: [{ index: 0, message, logprobs: null, finish_reason: finishOf(answer) }],
    usage: usageOf(request, answer),
  };
}

/** The same answer as stream frames, `[DONE]` last; usage in a chunk of its own where it was asked for. */
export function toFrames(request: DemoRequest, answer: DemoAnswer, label: AnswerLabel): readonly string[] {
  const chunk = (fields: Readonly<Record<string, unknown>>): string =>
    `data: ${JSON.stringify({
      id: `chatcmpl-${label.id}`,
      object: 'chat.completion.chunk',
      created: label.created,
      model: label.model,
      ...fields,
    })}\n\n`;
  const delta = (fields: Readonly<Record<string, unknown>>, finish: string | null = null): string =>
    chunk({ choices: [{ index: 0, delta: fields, logprobs: null, finish_reason: finish }] });

  const texts = answer.text.match(TEXT_PIECE) ?? [];
  const calls = answer.calls.flatMap((call, index) => [
    delta({
      tool_calls: [
        { index, id: callId(label, index), type: 'function', function: { name: call.name, arguments: '' } },
      ],
    }),
    ...(JSON.stringify(call.arguments).match(ARGUMENTS_PIECE) ?? []).map((piece) =>
      delta({ tool_calls: [{ index, function: { arguments: piece } }] }),
    ),
  ]);
  return [
    delta({ role: 'assistant', content: '' }),
    ...texts.map((text) => delta({ content: text })),
    ...calls,
    delta({}, finishOf(answer)),
    ...(request.includeUsage ? [chunk({ choices: [], usage: usageOf(request, answer) })] : []),
    'data: [DONE]\n\n',
  ];
}
