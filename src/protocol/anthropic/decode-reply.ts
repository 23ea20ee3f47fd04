/**
 * Claude's answer, streamed or whole, as reply events (translation.md §9). A whole message is read as a stream that
 * says everything in its first event, a shape that Claude itself uses when it continues a container.
 */
import type { Usage } from '../../types.ts';
import { asList, asObject, asText, isObject, type JsonObject, parseJson, writeArguments } from '../json.ts';
import { readAnthropicUsage } from '../read-usage.ts';
import type { FinishReason, ReplyDecoder, ReplyError, ReplyEvent } from '../reply-events.ts';
import { TRUNCATED } from '../truncated.ts';
import { readEmbeddedError } from '../upstream-error.ts';

const FINISH_REASONS: ReadonlyMap<string, FinishReason> = new Map<string, FinishReason>([
  ['end_turn', 'stop'],
  ['stop_sequence', 'stop-sequence'],
  ['max_tokens', 'length'],
  ['model_context_window_exceeded', 'length'],
  ['tool_use', 'tool-calls'],
  ['refusal', 'refusal'],
  ['pause_turn', 'pause'],
  ['compaction', 'stop'],
]);

/** Data that is no JSON is skipped as noise; so much of it in a row is no stream of ours (T-05). */
const MOST_UNREADABLE = 3;

type Block =
  | { readonly kind: 'text' | 'reasoning' | 'hidden' }
  | { readonly kind: 'tool'; readonly key: string; readonly input: JsonObject; hasArguments: boolean };

export interface AnthropicDecoderOptions {
  /** Whether signatures and reasoning that only Claude can read are told, for a client that carries them back. */
  readonly signatures?: boolean | undefined;
}

/** Decodes one stream. Events after its end yield nothing. */
export function createAnthropicDecoder(options: AnthropicDecoderOptions = {}): ReplyDecoder {
  const answer = createAnswer(options);
  let unreadable = 0;

  return {
    push({ event, data }) {
      const value = parseJson(data);
      if (isObject(value)) {
        unreadable = 0;
        return answer.read(value, asText(value.type) || event);
      }
      if (data.trim() === '' || data.trim() === '[DONE]') return [];
      unreadable += 1;
      return unreadable < MOST_UNREADABLE ? [] : answer.fail(UNREADABLE);
    },
    end: () => answer.fail(TRUNCATED),
  };
}

/** Decodes a whole reply. What is neither a message nor an error is a failure of the backend. */
export function decodeAnthropicReply(
  body: unknown,
  options: AnthropicDecoderOptions = {},
): readonly ReplyEvent[] {
  const error = readEmbeddedError(body);
  if (error !== null) return [{ type: 'error', error }];
  if (!isObject(body) || !Array.isArray(body.content)) return [{ type: 'error', error: UNREADABLE }];
  const answer = createAnswer(options);
  return [...answer.read({ message: body }, 'message_start'), ...answer.read({}, 'message_stop')];
}

const UNREADABLE: ReplyError = {
  code: 'backend_failed',
  message: 'The backend sent an answer that is no message.',
};
const SPLICED: ReplyError = {
  code: 'backend_failed',
  message: 'The backend mixed two answers into one stream.',
};

interface Answer {
  read(data: JsonObject, type: string): readonly ReplyEvent[];
  /** Ends the answer with an error unless it has ended already. */
  fail(error: ReplyError): readonly ReplyEvent[];
}

/** What has been said so far, and what each further event adds to it. */
function createAnswer(options: AnthropicDecoderOptions): Answer {
  const blocks = createBlocks(options);
  let messageId: string | null = null;
  let usage: Usage | null = null;
  let stop: JsonObject = {};
  let ended = false;

  const readEnding = (holder: JsonObject): void => {
    if (asText(holder.stop_reason) !== '') stop = holder;
  };

  const start = (data: JsonObject): readonly ReplyEvent[] => {
    const message = asObject(data.message);
    const id = asText(message.id);
    // The same start sent twice is harmless; another message's start means two answers in one stream, and what
    // the client has got of the first cannot be taken back.
    if (messageId !== null) return id === '' || id === messageId ? [] : fail(SPLICED);
    messageId = id;
    usage = readAnthropicUsage(message.usage, usage);
    readEnding(message);
    const filled = asList(message.content).flatMap((block) => blocks.whole(asObject(block)));
    return [{ type: 'start', usage }, ...filled];
  };

  const change = (data: JsonObject): readonly ReplyEvent[] => {
    readEnding(asObject(data.delta));
    usage = readAnthropicUsage(data.usage, usage);
    return usage === null ? [] : [{ type: 'usage', usage }];
  };

  const finish = (): readonly ReplyEvent[] => {
    ended = true;
    const reason = FINISH_REASONS.get(asText(stop.stop_reason)) ?? (blocks.hasTool() ? 'tool-calls' : 'stop');
    const explanation = asText(asObject(stop.stop_details).explanation);
    return [
      ...blocks.endAll(),
      ...(reason === 'refusal' && !blocks.hasText() && explanation !== ''
        ? [{ type: 'text', text: explanation } as const]
        : []),
      { type: 'finish', reason, stopSequence: asText(stop.stop_sequence) || null },
    ];
  };

  const fail = (error: ReplyError): readonly ReplyEvent[] => {
    if (ended) return [];
    ended = true;
    return [{ type: 'error', error }];
  };

  const readers: ReadonlyMap<string, (data: JsonObject) => readonly ReplyEvent[]> = new Map([
    ['message_start', start],
    ['content_block_start', (data: JsonObject) => blocks.start(data.index, asObject(data.content_block))],
    ['content_block_delta', (data: JsonObject) => blocks.delta(data.index, asObject(data.delta))],
    ['content_block_stop', (data: JsonObject) => blocks.stop(data.index)],
    ['message_delta', change],
    ['message_stop', finish],
  ]);

  return {
    read(data, type) {
      if (ended) return [];
      const read = readers.get(type);
      if (read !== undefined) return read(data);
      const error = readEmbeddedError(data);
      return error === null ? [] : fail(error);
    },
    fail,
  };
}

interface Blocks {
  start(index: unknown, block: JsonObject): readonly ReplyEvent[];
  delta(index: unknown, delta: JsonObject): readonly ReplyEvent[];
  stop(index: unknown): readonly ReplyEvent[];
  /** A block that comes complete. */
  whole(block: JsonObject): readonly ReplyEvent[];
  /** Ends tool calls whose own end never came. */
  endAll(): readonly ReplyEvent[];
  hasTool(): boolean;
  hasText(): boolean;
}

/** The content blocks, open ones by their index in the stream. */
function createBlocks({ signatures = false }: AnthropicDecoderOptions): Blocks {
  const open = new Map<unknown, Block>();
  let tools = 0;
  let hasText = false;
  let hiddenSinceText = false;

  const text = (piece: unknown): readonly ReplyEvent[] => {
    if (typeof piece !== 'string' || piece === '') return [];
    // What stood between two texts is not shown, so they would run into each other.
    const gap = hasText && hiddenSinceText ? '\n\n' : '';
    hasText = true;
    hiddenSinceText = false;
    return [{ type: 'text', text: gap + piece }];
  };

  const reasoning = (piece: unknown): readonly ReplyEvent[] => {
    if (typeof piece !== 'string' || piece === '') return [];
    hiddenSinceText = false;
    return [{ type: 'reasoning', text: piece }];
  };

  const signature = (piece: unknown): readonly ReplyEvent[] =>
    signatures && typeof piece === 'string' && piece !== ''
      ? [{ type: 'reasoning-signature', signature: piece }]
      : [];

  const redacted = ({ type, data }: JsonObject): readonly ReplyEvent[] =>
    signatures && type === 'redacted_thinking' ? [{ type: 'redacted-reasoning', data: asText(data) }] : [];

  const startTool = (index: unknown, block: JsonObject): readonly ReplyEvent[] => {
    hiddenSinceText = false;
    const key = String(tools);
    tools += 1;
    open.set(index, { kind: 'tool', key, input: asObject(block.input), hasArguments: false });
    return [{ type: 'tool-start', key, id: asText(block.id), name: asText(block.name) }];
  };

  const endTool = (block: Block): readonly ReplyEvent[] => {
    if (block.kind !== 'tool') return [];
    // Some servers put the whole input into the start and send no deltas.
    const isWhole = !block.hasArguments && Object.keys(block.input).length > 0;
    return [
      ...(isWhole
        ? [{ type: 'tool-arguments', key: block.key, json: writeArguments(block.input) } as const]
        : []),
      { type: 'tool-end', key: block.key },
    ];
  };

  const start = (index: unknown, block: JsonObject): readonly ReplyEvent[] => {
    const before = stop(index);
    if (block.type === 'tool_use' && asText(block.name) !== '')
      return [...before, ...startTool(index, block)];
    if (block.type === 'text' || block.type === 'thinking') {
      const isText = block.type === 'text';
      open.set(index, { kind: isText ? 'text' : 'reasoning' });
      // Reasoning is hidden unless it comes with words, which newer models leave out by default.
      if (!isText) hiddenSinceText = true;
      const said = isText ? text(block.text) : [...reasoning(block.thinking), ...signature(block.signature)];
      return [...before, ...said];
    }
    // Hosted tools, their results, fallbacks, compactions, redacted thinking and whatever comes next.
    open.set(index, { kind: 'hidden' });
    hiddenSinceText = true;
    return [...before, ...redacted(block)];
  };

  const delta = (index: unknown, piece: JsonObject): readonly ReplyEvent[] => {
    const block = open.get(index);
    if (block?.kind === 'hidden') return [];
    if (piece.type === 'text_delta') return text(piece.text);
    if (piece.type === 'thinking_delta') return reasoning(piece.thinking);
    if (piece.type === 'signature_delta') return signature(piece.signature);
    const json = asText(piece.partial_json);
    if (piece.type !== 'input_json_delta' || block?.kind !== 'tool' || json === '') return [];
    block.hasArguments = true;
    return [{ type: 'tool-arguments', key: block.key, json }];
  };

  const stop = (index: unknown): readonly ReplyEvent[] => {
    const block = open.get(index);
    open.delete(index);
    return block === undefined ? [] : endTool(block);
  };

  return {
    start,
    delta,
    stop,
    whole: (block) => [...start('whole', block), ...stop('whole')],
    endAll() {
      const events = [...open.values()].flatMap(endTool);
      open.clear();
      return events;
    },
    hasTool: () => tools > 0,
    hasText: () => hasText,
  };
}
