/**
 * Reply events as a Responses answer, streamed or whole. The encoder owns the canonical stream of codex.md §7: created,
 * in progress, items one after the other, and one ending that repeats them with the same ids. Codex reads the items
 * as they are finished, the Agents SDK only those of the ending.
 */
import type { Usage } from '../../types.ts';
import type { JsonObject } from '../json.ts';
import type { FinishReason, ReplyContext, ReplyEncoder, ReplyError, ReplyEvent } from '../reply-events.ts';
import { TRUNCATED } from '../truncated.ts';
import { failedResponse } from './failed-response.ts';
import { createItemFrames } from './item-frames.ts';
import type { ItemStep } from './items.ts';
import { createItemWriter } from './output-items.ts';
import { type ResponseStatus, toResponse } from './response-object.ts';

type Step =
  | ItemStep
  | { readonly step: 'begin' }
  | { readonly step: 'finish'; readonly status: 'completed' | 'incomplete' }
  | { readonly step: 'fail'; readonly error: ReplyError };

const NO_CALL: ReplyError = {
  code: 'backend_failed',
  message: 'The backend announced a tool call and sent none.',
};

/** Said where the model refused: Codex sends the request again when the response fails for it (codex.md §4). */
const REFUSED = 'The model declined to go on with this request.';

/** Makes the encoder of one streamed answer. */
export function createResponsesEncoder(context: ReplyContext): ReplyEncoder {
  const answer = createAnswer(context);
  let sequence = 0;
  let ending: 'open' | 'completed' | 'failed' = 'open';

  const frame = (type: string, fields: JsonObject): string => {
    const data = JSON.stringify({ type, sequence_number: sequence, ...fields });
    sequence++;
    return `event: ${type}\ndata: ${data}\n\n`;
  };
  const frameOf = (status: ResponseStatus): string =>
    frame(`response.${status}`, { response: answer.response(status) });
  const items = createItemFrames(frame);

  const begin = (): string =>
    frame('response.created', { response: answer.response('in_progress') }) + frameOf('in_progress');

  const write = (step: Step): string => {
    if (step.step === 'begin') return begin();
    if (step.step === 'finish') {
      ending = 'completed';
      return frameOf(step.status);
    }
    if (step.step !== 'fail') return items(step);
    ending = 'failed';
    return failedResponse(answer.response('failed'), sequence, step.error);
  };

  return {
    push: (event) => answer.push(event).map(write).join(''),
    keepAlive: () => {
      if (ending !== 'open') return '';
      // Codex's idle timer passes over comments; a repeated event resets it (codex.md §4).
      return sequence === 0 ? answer.begin().map(write).join('') : frameOf('in_progress');
    },
    ending: () => ending,
  };
}

/** A whole reply, or the error that the events end with. Events without an ending are a truncated answer. */
export function encodeResponsesReply(
  events: readonly ReplyEvent[],
  context: ReplyContext,
): { readonly status: 200; readonly body: JsonObject } | { readonly error: ReplyError } {
  const answer = createAnswer(context);
  for (const event of events) {
    const last = answer.push(event).at(-1);
    if (last?.step === 'fail') return { error: last.error };
    if (last?.step === 'finish') return { status: 200, body: answer.response(last.status) };
  }
  return { error: TRUNCATED };
}

/** One answer: its items, and how it begins and ends. */
function createAnswer(context: ReplyContext) {
  const writer = createItemWriter(context);
  const output: JsonObject[] = [];
  let state: 'silent' | 'open' | 'ended' = 'silent';
  let usage: Usage | null = null;

  const see = (steps: readonly ItemStep[]): readonly ItemStep[] => {
    for (const step of steps) if (step.step === 'close') output.push(step.item);
    return steps;
  };

  const say = (text: string): readonly ItemStep[] => see(writer.push({ type: 'text', text }));

  const begin = (): readonly Step[] => {
    if (state !== 'silent') return [];
    state = 'open';
    return [{ step: 'begin' }];
  };

  const finish = (reason: FinishReason): readonly Step[] => {
    const isCut = reason === 'length';
    const rest = [
      ...see(writer.end(isCut)),
      ...(reason === 'refusal' ? say(REFUSED) : []),
      ...see(writer.end(false)),
    ];
    if (reason === 'tool-calls' && output.length === 0) return fail(NO_CALL);
    state = 'ended';
    return [...rest, { step: 'finish', status: isCut ? 'incomplete' : 'completed' }];
  };

  const fail = (error: ReplyError): readonly Step[] => {
    state = 'ended';
    return [{ step: 'fail', error }];
  };

  const take = (event: ReplyEvent): readonly Step[] => {
    if (event.type === 'start' || event.type === 'usage') usage = event.usage ?? usage;
    if (event.type === 'error') return fail(event.error);
    return event.type === 'finish' ? finish(event.reason) : see(writer.push(event));
  };

  return {
    begin,
    push: (event: ReplyEvent): readonly Step[] => (state === 'ended' ? [] : [...begin(), ...take(event)]),
    /** The response as far as it has come. */
    response: (status: ResponseStatus): JsonObject => toResponse(context, { status, output, usage }),
  };
}
