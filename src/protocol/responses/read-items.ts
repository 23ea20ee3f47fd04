/** The items of a Responses request as turns. */
import { GatewayError } from '../../errors.ts';
import { append } from '../append.ts';
import type {
  AssistantPart,
  TextPart,
  ToolCallPart,
  ToolResultPart,
  Turn,
  UserPart,
} from '../conversation.ts';
import { writeCustomInput } from '../custom-tool.ts';
import { hasInk } from '../ink.ts';
import { asList, asObject, asText, isObject, type JsonObject } from '../json.ts';
import { invalid, type Notes, noteOf, readName } from '../read-fields.ts';
import { readContent } from './read-content.ts';
import { flatName, SEARCH_NAME, type ToolBox } from './read-tools.ts';
import { openReasoning, type Seal } from './sealed-reasoning.ts';

/** Longer lists are refused: no context window holds them, and a client that sends one has lost count. */
const MOST_ITEMS = 5000;

export interface ItemReading {
  readonly dropped: Notes;
  /** Takes the tools that items declare. */
  readonly toolBox: ToolBox;
  readonly seal: Seal;
}

interface Reading extends ItemReading {
  /** Ids of the calls so far, and whether their outputs came. */
  readonly calls: Map<string, 'open' | 'answered'>;
}

type ReadItem = (item: JsonObject, path: string, reading: Reading) => readonly Turn[];

const ITEMS: ReadonlyMap<string, ReadItem> = new Map<string, ReadItem>([
  ['message', readMessage],
  ['function_call', readFunctionCall],
  ['function_call_output', readOutput],
  ['custom_tool_call', readCustomCall],
  ['custom_tool_call_output', readOutput],
  ['tool_search_call', readSearchCall],
  ['tool_search_output', readSearchOutput],
  ['reasoning', readReasoning],
  ['additional_tools', readAdditionalTools],
  ['compaction_trigger', refuseCompaction],
  ['compaction', refuseCompaction],
  ['item_reference', refuseReference],
]);

/** What OpenAI's platform did by itself, and what Codex notes for itself: nothing that another model could use. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  'web_search_call',
  'file_search_call',
  'code_interpreter_call',
  'image_generation_call',
  'computer_call',
  'computer_call_output',
  'local_shell_call',
  'local_shell_call_output',
  'shell_call',
  'shell_call_output',
  'apply_patch_call',
  'apply_patch_call_output',
  'mcp_list_tools',
  'mcp_approval_request',
  'mcp_approval_response',
  'mcp_call',
  'ghost_snapshot',
]);

/**
 * Reads `input`: a text, or a list of items. Items of the assistant in a row become one turn, so that reasoning stays
 * with the calls it led to.
 *
 * @throws GatewayError `invalid_request` naming the place of an unknown item, an output that answers no call, and an id
 *   used twice; `not_supported` for items that only OpenAI can read
 */
export function readItems(value: unknown, options: ItemReading): readonly Turn[] {
  if (typeof value === 'string') return [toUser([{ type: 'text', text: value }])];
  if (!Array.isArray(value) || value.length === 0) {
    throw invalid('input', 'expected a string or an array of at least one item');
  }
  if (value.length > MOST_ITEMS) {
    throw invalid(
      'input',
      `expected at most ${MOST_ITEMS.toLocaleString('en-US')} items, got ${value.length}`,
    );
  }
  const reading: Reading = { ...options, calls: new Map() };
  const turns = value.flatMap((item: unknown, i) => {
    const path = `input.${i}`;
    if (!isObject(item)) throw invalid(path, 'expected an object');
    return readItem(item, path, reading);
  });
  return joinAssistant(turns);
}

function readItem(item: JsonObject, path: string, reading: Reading): readonly Turn[] {
  const type = item.type === undefined && item.role !== undefined ? 'message' : asText(item.type);
  const read = ITEMS.get(type);
  if (read !== undefined) return read(item, path, reading);
  if (!LEFT_OUT.has(type))
    throw invalid(`${path}.type`, `"${noteOf(type)}" is no item that this model can read`);
  reading.dropped.add(noteOf('input', type));
  return [];
}

function joinAssistant(turns: readonly Turn[]): readonly Turn[] {
  const joined: Turn[] = [];
  let parts: AssistantPart[] = [];
  let isOpen = false;
  for (const turn of turns) {
    if (turn.role !== 'assistant') {
      isOpen = false;
      joined.push(turn);
    } else if (isOpen) append(parts, turn.parts);
    else {
      parts = [...turn.parts];
      isOpen = true;
      joined.push({ role: 'assistant', parts });
    }
  }
  return joined;
}

const toUser = (parts: readonly UserPart[]): Turn => ({ role: 'user', parts });
const toAssistant = (parts: readonly AssistantPart[]): Turn => ({ role: 'assistant', parts });

function readMessage(item: JsonObject, path: string): readonly Turn[] {
  const parts = readContent(item.content, `${path}.content`);
  if (item.role === 'user') return [toUser(parts)];
  const texts = parts.filter((part): part is TextPart => part.type === 'text');
  if (item.role !== 'assistant' && item.role !== 'system' && item.role !== 'developer') {
    throw invalid(`${path}.role`, 'expected one of user, assistant, system, developer');
  }
  if (texts.length < parts.length) throw invalid(`${path}.content`, 'expected texts only');
  if (item.role === 'assistant') return [toAssistant(texts)];
  const inked = texts.map((part) => part.text).filter(hasInk);
  return [{ role: 'system', text: inked.join('\n\n') }];
}

function readFunctionCall(item: JsonObject, path: string, reading: Reading): readonly Turn[] {
  if (typeof item.arguments !== 'string') throw invalid(`${path}.arguments`, 'expected a string of JSON');
  return toCall(item, readToolName(item, path), item.arguments, path, reading);
}

function readCustomCall(item: JsonObject, path: string, reading: Reading): readonly Turn[] {
  if (typeof item.input !== 'string') throw invalid(`${path}.input`, 'expected a string');
  return toCall(item, readToolName(item, path), writeCustomInput(item.input), path, reading);
}

function readSearchCall(item: JsonObject, path: string, reading: Reading): readonly Turn[] {
  // One that OpenAI ran by itself has no id, and its tools came with the answer.
  if (item.call_id === undefined || item.call_id === null) return [];
  const json = typeof item.arguments === 'string' ? item.arguments : JSON.stringify(item.arguments ?? {});
  return toCall(item, SEARCH_NAME, json, path, reading);
}

function toCall(
  item: JsonObject,
  name: string,
  json: string,
  path: string,
  { calls }: Reading,
): readonly Turn[] {
  const id = readName(item.call_id, `${path}.call_id`);
  if (calls.has(id)) throw invalid(`${path}.call_id`, 'another call has the same id');
  calls.set(id, 'open');
  const call: ToolCallPart = { type: 'tool-call', id, name, arguments: json };
  return [toAssistant([call])];
}

function readOutput(item: JsonObject, path: string, reading: Reading): readonly Turn[] {
  return toResult(item, readContent(item.output, `${path}.output`), path, reading);
}

/** The tools that were found become tools of the request; the model is told their names. */
function readSearchOutput(item: JsonObject, path: string, reading: Reading): readonly Turn[] {
  reading.toolBox.declare(item.tools, `${path}.tools`);
  if (item.call_id === undefined || item.call_id === null) return [];
  const names = asList(item.tools).map(asObject).flatMap(namesOf);
  const text = names.length === 0 ? 'No tools found.' : `Tools found: ${names.join(', ')}`;
  return toResult(item, [{ type: 'text', text }], path, reading);
}

function namesOf(tool: JsonObject): readonly string[] {
  const name = asText(tool.name);
  if (tool.type !== 'namespace') return [name];
  return asList(tool.tools).map((inner) => flatName(name, asText(asObject(inner).name)));
}

function toResult(
  item: JsonObject,
  content: ToolResultPart['content'],
  path: string,
  { calls }: Reading,
): readonly Turn[] {
  const id = readName(item.call_id, `${path}.call_id`);
  const state = calls.get(id);
  if (state === undefined) throw invalid(`${path}.call_id`, 'no call before it has this id');
  if (state === 'answered') throw invalid(`${path}.call_id`, 'the call has an output already');
  calls.set(id, 'answered');
  return [toUser([{ type: 'tool-result', id, isError: false, content }])];
}

/** Ours comes back as it was; that of others stays with them. Text that nobody sealed is the model's own. */
function readReasoning(item: JsonObject, _: string, { dropped, seal }: Reading): readonly Turn[] {
  const blob = asText(item.encrypted_content);
  const opened = blob === '' ? null : openReasoning(blob, seal);
  if (opened !== null) return [toAssistant(opened)];
  if (blob !== '') {
    dropped.add('input.reasoning');
    return [];
  }
  const said = [...asList(item.summary), ...asList(item.content)].map((part) => asText(asObject(part).text));
  const text = said.filter(hasInk).join('\n\n');
  return text === '' ? [] : [toAssistant([{ type: 'reasoning', text, signature: '' }])];
}

/** Never left out: without its tools the lighter request shape has none at all (codex.md §3). */
function readAdditionalTools(item: JsonObject, path: string, { toolBox }: Reading): readonly Turn[] {
  toolBox.declare(item.tools, `${path}.tools`);
  return [];
}

function refuseCompaction(_: JsonObject, path: string): never {
  throw new GatewayError(
    'not_supported',
    `${path}: compaction by OpenAI is not available on this model; name the provider something other than "OpenAI", ` +
      'so that Codex compacts by itself, and start a new thread.',
  );
}

function refuseReference(_: JsonObject, path: string): never {
  throw new GatewayError('not_supported', `${path}: items by id are not kept here; send the item itself.`);
}

function readToolName(item: JsonObject, path: string): string {
  return flatName(asText(item.namespace), readName(item.name, `${path}.name`));
}
