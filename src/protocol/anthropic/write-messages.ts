/** Turns as Claude wants them: alternating messages, tool results first, every call answered (O-01 to O-08). */
import type {
  DocumentPart,
  ImagePart,
  MediaSource,
  TextPart,
  ToolResultPart,
  Turn,
} from '../conversation.ts';
import { type Exchange, type Reply, toExchanges } from '../exchanges.ts';
import { hasInk } from '../ink.ts';
import { isObject, type JsonObject, parseArguments } from '../json.ts';
import { mapSome } from '../map-some.ts';
import { isForeignSignature } from './signature.ts';
import { createToolUseIds } from './tool-use-ids.ts';

export interface WriteMessagesOptions {
  /** The name to send for a tool. */
  readonly toSentName: (name: string) => string;
  /** Hex SHA-256. */
  readonly hash: (text: string) => string;
  readonly dropped: Set<string>;
}

export interface WrittenMessages {
  readonly messages: readonly JsonObject[];
  /** The last assistant message calls tools without reasoning before them, and its results come now. */
  readonly resumesUnsignedTurn: boolean;
}

type Blocks = readonly JsonObject[];

/**
 * Writes all turns. Consecutive turns of one role become one message; a call whose result is missing gets one that
 * says so, unless the conversation ends with the call (Claude's own refusal is clearer then).
 */
export function writeMessages(turns: readonly Turn[], options: WriteMessagesOptions): WrittenMessages {
  const nextId = createToolUseIds(options.hash);
  const exchanges = toExchanges(turns, options.dropped);
  const messages: JsonObject[] = [];
  let resumesUnsignedTurn = false;
  for (const [i, exchange] of exchanges.entries()) {
    const ids = new Map(exchange.calls.map((call) => [call.id, nextId(call.id)]));
    const isOpen = i === exchanges.length - 1 && exchange.replies.length === 0;
    const assistant = writeAssistant(exchange, ids, options);
    const said = isOpen ? trimEnd(assistant) : assistant;
    const user = isOpen ? [] : writeUser(exchange, ids, options.dropped);
    if (said.length > 0) messages.push({ role: 'assistant', content: said });
    if (user.length > 0) messages.push({ role: 'user', content: user });
    resumesUnsignedTurn = exchange.calls.length > 0 && !isOpen && !beginsWithThinking(said);
  }
  return { messages, resumesUnsignedTurn };
}

function writeAssistant(
  { assistant, calls }: Exchange,
  ids: ReadonlyMap<string, string>,
  { toSentName, dropped }: WriteMessagesOptions,
): Blocks {
  return mapSome(assistant, (part): JsonObject | null => {
    if (part.type === 'text') return writeText(part.text);
    if (part.type === 'reasoning') return writeReasoning(part.text, part.signature, dropped);
    if (part.type === 'redacted-reasoning') return { type: 'redacted_thinking', data: part.data };
    if (!calls.includes(part)) return null;
    const { id, name } = part;
    return {
      type: 'tool_use',
      id: ids.get(id) ?? id,
      name: toSentName(name),
      input: toInput(part.arguments),
    };
  });
}

/** Claude checks its signatures; reasoning of other models, marked `gw1.` or not signed at all, is refused. */
function writeReasoning(thinking: string, signature: string, dropped: Set<string>): JsonObject | null {
  if (!isForeignSignature(signature)) return { type: 'thinking', thinking, signature };
  dropped.add('messages.reasoning');
  return null;
}

/** Claude takes an object only; what is none goes back as it was, visibly, rather than repaired. */
function toInput(json: string): JsonObject {
  if (!hasInk(json)) return {};
  const value = parseArguments(json);
  if (value === null) return {};
  return isObject(value) ? value : { __unparsed_arguments: json };
}

function writeUser(exchange: Exchange, ids: ReadonlyMap<string, string>, dropped: Set<string>): Blocks {
  const results = exchange.calls.map((call): JsonObject => {
    const result = exchange.results.get(call.id);
    const tool_use_id = ids.get(call.id) ?? call.id;
    if (result !== undefined) return writeResult(result, tool_use_id);
    dropped.add('messages.missing_tool_result');
    return { type: 'tool_result', tool_use_id, content: 'no result', is_error: true };
  });
  return [...results, ...exchange.replies.flatMap(writeReply)];
}

function writeResult({ content, isError }: ToolResultPart, tool_use_id: string): JsonObject {
  const blocks = mapSome(content, writeContent);
  return {
    type: 'tool_result',
    tool_use_id,
    ...(blocks.length > 0 && { content: blocks }),
    ...(isError && { is_error: true }),
  };
}

/** Instructions in mid-conversation keep their place (O-01); results of no known call become text (O-22). */
function writeReply(reply: Reply): Blocks {
  if (reply.role === 'system') {
    return [{ type: 'text', text: `<system-reminder>\n${reply.text}\n</system-reminder>` }];
  }
  return reply.parts.flatMap((part): Blocks | JsonObject => {
    if (part.type !== 'tool-result') return writeContent(part) ?? [];
    const label = { type: 'text', text: `[result of earlier tool call ${part.id}]` };
    return [label, ...mapSome(part.content, writeContent)];
  });
}

function writeContent(part: TextPart | ImagePart | DocumentPart): JsonObject | null {
  if (part.type === 'text') return writeText(part.text);
  if (part.type === 'image') return { type: 'image', source: writeSource(part.source) };
  const { title, context, source } = part;
  return {
    type: 'document',
    source:
      source.kind === 'text'
        ? { type: 'text', media_type: 'text/plain', data: source.text }
        : writeSource(source),
    ...(title !== null && { title }),
    ...(context !== null && { context }),
  };
}

const writeText = (text: string): JsonObject | null => (hasInk(text) ? { type: 'text', text } : null);

function writeSource(source: MediaSource): JsonObject {
  if (source.kind === 'url') return { type: 'url', url: source.url };
  return { type: 'base64', media_type: source.mediaType, data: source.data };
}

/** Claude refuses a beginning of its answer that ends in white space (O-08). */
function trimEnd(blocks: Blocks): Blocks {
  const last = blocks.at(-1);
  if (typeof last?.text !== 'string' || last.type !== 'text') return blocks;
  return [...blocks.slice(0, -1), { ...last, text: last.text.trimEnd() }];
}

function beginsWithThinking(blocks: Blocks): boolean {
  return blocks[0]?.type === 'thinking' || blocks[0]?.type === 'redacted_thinking';
}
