/**
 * Reply events as Anthropic Messages answers, streamed or whole. The encoder owns the grammar of translation.md
 * §5.1: whatever events come, in whatever order, the client gets a legal stream that ends in `message_stop` or in
 * `error`, never in both.
 */
import type { Usage } from '../../types.ts';
import { toStreamError } from '../error-body.ts';
import { isObject, type JsonObject, parseArguments } from '../json.ts';
import type { FinishReason, ReplyContext, ReplyEncoder, ReplyError, ReplyEvent } from '../reply-events.ts';
import { TRUNCATED } from '../truncated.ts';
import { type BlockStart, type BlockStep, createBlockWriter } from './content-blocks.ts';
import { GATEWAY_SIGNATURE } from './signature.ts';
import { readStop, type Stop } from './stop-reason.ts';
import { unparsed } from './tool-input.ts';
import { estimateUsage, NO_USAGE, writeUsage } from './write-usage.ts';

type Finish = Extract<ReplyEvent, { type: 'finish' }>;

const PING = 'event: ping\ndata: {"type":"ping"}\n\n';

/** Makes the encoder of one streamed answer. Usage stands in `message_delta`; before it, zeros (S-61). */
export function createAnthropicEncoder(context: ReplyContext): ReplyEncoder {
  const blocks = createBlockWriter(context);
  const frames = createBlockFrames();
  const tally = createTally();
  let state: 'waiting' | 'open' | 'completed' | 'failed' = 'waiting';

  const hasEnded = (): boolean => state === 'completed' || state === 'failed';

  const write = (steps: readonly BlockStep[]): string => {
    for (const step of steps) tally.see(step);
    return steps.map(frames.write).join('');
  };

  const fail = (error: ReplyError): string => {
    state = 'failed';
    return toStreamError('anthropic', error.code, error.message, context.requestId);
  };

  const finish = (event: Finish): string => {
    const rest = write(blocks.end());
    const stop = readStop(event, tally.sent());
    if ('code' in stop) return rest + fail(stop);
    state = 'completed';
    const usage = writeUsage(tally.usage());
    return rest + frame('message_delta', { delta: stop, usage }) + frame('message_stop', {});
  };

  const begin = (event: ReplyEvent): string => {
    if (state !== 'waiting') return '';
    state = 'open';
    const usage = (event.type === 'start' ? event.usage : null) ?? NO_USAGE;
    const message = toMessage(context, [], { stop_reason: null, stop_sequence: null }, usage);
    return frame('message_start', { message });
  };

  return {
    push(event) {
      if (hasEnded()) return '';
      if (event.type === 'error') return fail(event.error);
      const beginning = begin(event);
      tally.count(event);
      return beginning + (event.type === 'finish' ? finish(event) : write(blocks.push(event)));
    },
    keepAlive: () => (hasEnded() ? '' : PING),
    ending: () => (state === 'waiting' ? 'open' : state),
  };
}

/**
 * Folds the events of an answer into one message.
 *
 * @returns the body, or the failure that the answer ended with; an answer without an ending has failed
 */
export function encodeAnthropicReply(
  events: readonly ReplyEvent[],
  context: ReplyContext,
): { readonly status: 200; readonly body: JsonObject } | { readonly error: ReplyError } {
  const blocks = createBlockWriter(context);
  const tally = createTally();
  const content: FoldedBlock[] = [];
  const take = (steps: readonly BlockStep[]): void => {
    for (const step of steps) {
      tally.see(step);
      fold(content, step);
    }
  };

  for (const event of events) {
    tally.count(event);
    if (event.type === 'error') return { error: event.error };
    take(event.type === 'finish' ? blocks.end() : blocks.push(event));
    if (event.type !== 'finish') continue;
    const stop = readStop(event, tally.sent());
    if ('code' in stop) return { error: stop };
    const body = toMessage(
      context,
      content.map((block) => toContentBlock(block, event.reason)),
      stop,
      tally.usage(),
    );
    return { status: 200, body };
  }
  return { error: TRUNCATED };
}

function frame(type: string, fields: JsonObject): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
}

/** The model is the one that was asked for: clients look up prices and limits by it (S-70). */
function toMessage(
  context: ReplyContext,
  content: readonly JsonObject[],
  stop: Stop | { readonly stop_reason: null; readonly stop_sequence: null },
  usage: Usage,
): JsonObject {
  return {
    id: context.messageId,
    type: 'message',
    role: 'assistant',
    model: context.model,
    content,
    ...stop,
    usage: writeUsage(usage),
  };
}

/** What was sent, and how many tokens it took. */
function createTally() {
  const kinds = new Set<BlockStart['type']>();
  let characters = 0;
  let usage: Usage | null = null;
  return {
    see(step: BlockStep): void {
      if (step.step === 'open') kinds.add(step.block.type);
      else if (step.step === 'delta') characters += step.text.length;
    },
    count(event: ReplyEvent): void {
      if (event.type === 'start' || event.type === 'usage') usage = event.usage ?? usage;
    },
    sent: () => ({ text: kinds.has('text'), tools: kinds.has('tool_use') }),
    usage: (): Usage => usage ?? estimateUsage(characters),
  };
}

const EMPTY: Readonly<Record<BlockStart['type'], JsonObject>> = {
  text: { text: '' },
  thinking: { thinking: '', signature: '' },
  tool_use: { input: {} },
};

const DELTAS: Readonly<Record<BlockStart['type'], (text: string) => JsonObject>> = {
  text: (text) => ({ type: 'text_delta', text }),
  thinking: (thinking) => ({ type: 'thinking_delta', thinking }),
  tool_use: (json) => ({ type: 'input_json_delta', partial_json: json }),
};

/** Numbers blocks from 0 and says each step as a frame; start payloads are complete, or SDKs lose fields (§5.1). */
function createBlockFrames(): { write(step: BlockStep): string } {
  let index = -1;
  let open: BlockStart['type'] = 'text';
  return {
    write(step) {
      if (step.step === 'open') {
        index++;
        open = step.block.type;
        return frame('content_block_start', { index, content_block: { ...step.block, ...EMPTY[open] } });
      }
      if (step.step === 'delta')
        return frame('content_block_delta', { index, delta: DELTAS[open](step.text) });
      // One delta only: of two, clients keep the second.
      const delta = { type: 'signature_delta', signature: GATEWAY_SIGNATURE };
      const signed = open === 'thinking' ? frame('content_block_delta', { index, delta }) : '';
      return signed + frame('content_block_stop', { index });
    },
  };
}

interface FoldedBlock {
  readonly start: BlockStart;
  text: string;
}

function fold(content: FoldedBlock[], step: BlockStep): void {
  const last = content.at(-1);
  if (step.step === 'open') content.push({ start: step.block, text: '' });
  else if (step.step === 'delta' && last !== undefined) last.text += step.text;
}

function toContentBlock({ start, text }: FoldedBlock, reason: FinishReason): JsonObject {
  if (start.type === 'text') return { type: 'text', text };
  if (start.type === 'thinking') return { type: 'thinking', thinking: text, signature: GATEWAY_SIGNATURE };
  return { ...start, input: toInput(text, reason) };
}

/**
 * What began as an object and did not become one: cut off by the length limit it is left empty, else it goes on as it
 * is, for the client to refuse (S-38).
 */
function toInput(json: string, reason: FinishReason): JsonObject {
  const value = parseArguments(json);
  if (isObject(value)) return value;
  return reason === 'length' ? {} : unparsed(json);
}
