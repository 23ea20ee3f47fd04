/** Content blocks of Anthropic messages, read into parts. */
import type { AssistantPart, TextPart, ToolResultPart, UserPart } from '../conversation.ts';
import { hasInk } from '../ink.ts';
import { asObject, asText, isObject, type JsonObject } from '../json.ts';
import { mapSome } from '../map-some.ts';
import { invalid, type Notes, noteOf, readName } from '../read-fields.ts';
import { toHistoryText } from './history-text.ts';
import { readDocument, readImage } from './read-media.ts';

type ReadPart<Part> = (block: JsonObject, path: string, dropped: Notes) => Part;

/** Kinds of blocks that a user message may hold; {@link toHistoryText} knows more that become text. */
const USER_BLOCKS: ReadonlyMap<string, ReadPart<UserPart>> = new Map<string, ReadPart<UserPart>>([
  ['text', readText],
  ['image', readImage],
  ['document', readDocument],
  ['tool_result', readToolResult],
]);

const ASSISTANT_BLOCKS: ReadonlyMap<string, ReadPart<AssistantPart>> = new Map<
  string,
  ReadPart<AssistantPart>
>([
  ['text', readText],
  [
    'thinking',
    (block) => ({ type: 'reasoning', text: asText(block.thinking), signature: asText(block.signature) }),
  ],
  ['redacted_thinking', (block) => ({ type: 'redacted-reasoning', data: asText(block.data) })],
  ['tool_use', readToolUse],
]);

const RESULT_BLOCKS: ReadonlyMap<string, ReadPart<ToolResultPart['content'][number]>> = new Map<
  string,
  ReadPart<ToolResultPart['content'][number]>
>([
  ['text', readText],
  ['image', readImage],
  ['document', readDocument],
]);

/** Parts of a user message; texts of white space alone are left out. */
export function readUserParts(blocks: readonly unknown[], path: string, dropped: Notes): readonly UserPart[] {
  return mapSome(blocks, (block, i) => {
    const part = readBlock(block, USER_BLOCKS, `${path}.${i}`, dropped);
    return part !== null && isSaid(part) ? part : null;
  });
}

/**
 * Parts of an assistant message. Texts that stand side by side become one: Claude cuts a sentence in two where a
 * citation begins. So two text parts in a row always had something between them.
 */
export function readAssistantParts(
  blocks: readonly unknown[],
  path: string,
  dropped: Notes,
): readonly AssistantPart[] {
  const parts: AssistantPart[] = [];
  let followsText = false;
  for (const [i, block] of blocks.entries()) {
    const part = readBlock(block, ASSISTANT_BLOCKS, `${path}.${i}`, dropped);
    const isText = asObject(block).type === 'text';
    const last = parts.at(-1);
    if (isText && followsText && part?.type === 'text' && last?.type === 'text') {
      parts[parts.length - 1] = { type: 'text', text: last.text + part.text };
    } else if (part !== null) parts.push(part);
    followsText = isText;
  }
  return parts.filter(isSaid);
}

function readBlock<Part>(
  value: unknown,
  known: ReadonlyMap<string, ReadPart<Part>>,
  path: string,
  dropped: Notes,
): Part | TextPart | null {
  if (!isObject(value)) throw invalid(path, 'expected a content block');
  if (typeof value.type !== 'string') throw invalid(`${path}.type`, 'expected a string');
  const read = known.get(value.type);
  if (read !== undefined) return read(value, path, dropped);
  const text = toHistoryText(value);
  if (text !== null && hasInk(text)) return { type: 'text', text };
  dropped.add(noteOf('content', value.type));
  return null;
}

function isSaid(part: UserPart | AssistantPart): boolean {
  return part.type !== 'text' || hasInk(part.text);
}

function readText(block: JsonObject, path: string): TextPart {
  if (typeof block.text !== 'string') throw invalid(`${path}.text`, 'expected a string');
  return { type: 'text', text: block.text };
}

function readToolUse(block: JsonObject, path: string): AssistantPart {
  return {
    type: 'tool-call',
    id: readName(block.id, `${path}.id`),
    name: readName(block.name, `${path}.name`),
    arguments: JSON.stringify(block.input ?? {}),
  };
}

function readToolResult(block: JsonObject, path: string, dropped: Notes): ToolResultPart {
  return {
    type: 'tool-result',
    id: readName(block.tool_use_id, `${path}.tool_use_id`),
    isError: block.is_error === true,
    content: readResultContent(block.content, `${path}.content`, dropped),
  };
}

function readResultContent(value: unknown, path: string, dropped: Notes): ToolResultPart['content'] {
  if (value === undefined || value === null) return [];
  if (typeof value === 'string') return [{ type: 'text', text: value }];
  if (!Array.isArray(value)) throw invalid(path, 'expected a string or an array of blocks');
  return mapSome(value, (block, i) => readBlock(block, RESULT_BLOCKS, `${path}.${i}`, dropped));
}
