/** The messages of a Chat Completions request, one turn each. */
import { GatewayError } from '../../errors.ts';
import type { AssistantPart, ImagePart, TextPart, ToolCallPart, Turn, UserPart } from '../conversation.ts';
import { writeCustomInput } from '../custom-tool.ts';
import { hasInk } from '../ink.ts';
import { asList, asObject, asText, isObject, type JsonObject } from '../json.ts';
import { invalid, type Notes, readName } from '../read-fields.ts';
import { readFile, readImageUrl } from './read-media.ts';

/** What is noticed on the way through the messages. */
export interface Reading {
  readonly dropped: Notes;
  /** Ids given to calls of the legacy `function_call` kind, by function name; results name only the function. */
  readonly functionIds: Map<string, string>;
}

type ReadPart<Part> = (part: JsonObject, path: string) => Part;

const TEXT: ReadPart<TextPart> = (part, path) => {
  if (typeof part.text !== 'string') throw invalid(`${path}.text`, 'expected a string');
  return { type: 'text', text: part.text };
};

/** Parts by role; anything else is refused rather than left out, because the question may be about it (O-21). */
const SYSTEM_PARTS: ReadonlyMap<string, ReadPart<TextPart>> = new Map([['text', TEXT]]);

const USER_PARTS: ReadonlyMap<string, ReadPart<UserPart>> = new Map<string, ReadPart<UserPart>>([
  ['text', TEXT],
  ['image_url', readImageUrl],
  ['file', readFile],
  ['input_audio', refuseAudio],
]);

const TOOL_PARTS: ReadonlyMap<string, ReadPart<TextPart | ImagePart>> = new Map<
  string,
  ReadPart<TextPart | ImagePart>
>([
  ['text', TEXT],
  ['image_url', readImageUrl],
]);

const ASSISTANT_PARTS: ReadonlyMap<string, ReadPart<TextPart | ToolCallPart>> = new Map<
  string,
  ReadPart<TextPart | ToolCallPart>
>([
  ['text', TEXT],
  ['refusal', (part) => ({ type: 'text', text: asText(part.refusal) })],
  // Some clients carry a call here and in `tool_calls` at once (O-23); the second one is recognised by its id.
  ['tool_use', readToolUse],
]);

type ReadTurn = (message: JsonObject, path: string, reading: Reading) => Turn;

const ROLES: ReadonlyMap<string, ReadTurn> = new Map<string, ReadTurn>([
  ['system', readSystem],
  ['developer', readSystem],
  ['user', readUser],
  ['assistant', readAssistant],
  ['tool', readToolResult],
  ['function', readFunctionResult],
]);

/**
 * Reads every message; empty ones stay, writers know what to make of them.
 *
 * @throws GatewayError `invalid_request` naming the place of an unknown role or part, `not_supported` for audio
 */
export function readMessages(value: unknown, dropped: Notes): readonly Turn[] {
  if (!Array.isArray(value) || value.length === 0) {
    throw invalid('messages', 'expected an array of at least one message');
  }
  const reading: Reading = { dropped, functionIds: new Map() };
  return value.map((message, i) => {
    const path = `messages.${i}`;
    if (!isObject(message)) throw invalid(path, 'expected an object');
    const read = ROLES.get(asText(message.role));
    if (read === undefined) throw invalid(`${path}.role`, `expected one of ${[...ROLES.keys()].join(', ')}`);
    if (message.name !== undefined && message.role !== 'function') dropped.add('messages.name');
    return read(message, path, reading);
  });
}

function readSystem(message: JsonObject, path: string): Turn {
  const parts = readContent(message.content, SYSTEM_PARTS, path);
  return {
    role: 'system',
    text: parts
      .map((part) => part.text)
      .filter(hasInk)
      .join('\n\n'),
  };
}

function readUser(message: JsonObject, path: string): Turn {
  return { role: 'user', parts: readContent(message.content, USER_PARTS, path) };
}

function readAssistant(message: JsonObject, path: string, reading: Reading): Turn {
  const content = message.content ?? [];
  const parts: AssistantPart[] = [
    ...readReasoning(message),
    ...readContent(content, ASSISTANT_PARTS, path),
    ...(hasInk(asText(message.refusal)) ? [{ type: 'text', text: asText(message.refusal) } as const] : []),
    ...readCalls(message.tool_calls, path),
    ...readFunctionCall(message.function_call, path, reading),
  ];
  if (isObject(message.audio)) reading.dropped.add('messages.audio');
  return { role: 'assistant', parts: withoutRepeatedCalls(parts) };
}

/**
 * Reasoning as clients hand it back. Only OpenRouter's `reasoning_details` can carry Claude's signature; without
 * one it cannot go to Claude again (O-05), which the writer decides.
 */
function readReasoning(message: JsonObject): readonly AssistantPart[] {
  const details = asList(message.reasoning_details).map(asObject);
  const signed = details.flatMap((detail): readonly AssistantPart[] => {
    if (detail.type === 'reasoning.encrypted' && asText(detail.data) !== '') {
      return [{ type: 'redacted-reasoning', data: asText(detail.data) }];
    }
    if (detail.type !== 'reasoning.text' || asText(detail.signature) === '') return [];
    return [{ type: 'reasoning', text: asText(detail.text), signature: asText(detail.signature) }];
  });
  if (signed.length > 0) return signed;
  const text = asText(message.reasoning_content) || asText(message.reasoning);
  return text === '' ? [] : [{ type: 'reasoning', text, signature: '' }];
}

function readCalls(value: unknown, path: string): readonly ToolCallPart[] {
  return asList(value).map((given, i) => {
    const at = `${path}.tool_calls.${i}`;
    const call = asObject(given);
    const id = readName(call.id, `${at}.id`);
    if (call.type === 'custom') {
      const custom = asObject(call.custom);
      const input = writeCustomInput(asText(custom.input));
      return { type: 'tool-call', id, name: readName(custom.name, `${at}.custom.name`), arguments: input };
    }
    const { name, arguments: json } = asObject(call.function);
    return {
      type: 'tool-call',
      id,
      name: readName(name, `${at}.function.name`),
      arguments: toJsonText(json),
    };
  });
}

/** The legacy form has no ids; one from the message's place is the same in every later request (P5). */
function readFunctionCall(value: unknown, path: string, reading: Reading): readonly ToolCallPart[] {
  if (!isObject(value)) return [];
  const name = readName(value.name, `${path}.function_call.name`);
  const id = `call_${path.slice('messages.'.length)}`;
  reading.functionIds.set(name, id);
  return [{ type: 'tool-call', id, name, arguments: toJsonText(value.arguments) }];
}

function readToolResult(message: JsonObject, path: string): Turn {
  const id = readName(message.tool_call_id, `${path}.tool_call_id`);
  return toResultTurn(id, message, path);
}

function readFunctionResult(message: JsonObject, path: string, reading: Reading): Turn {
  const name = readName(message.name, `${path}.name`);
  return toResultTurn(reading.functionIds.get(name) ?? `function_${name}`, message, path);
}

/** Chat Completions has no error flag, and guessing one from the text would be wrong often enough (O-06). */
function toResultTurn(id: string, message: JsonObject, path: string): Turn {
  const content = readContent(message.content ?? [], TOOL_PARTS, path);
  return { role: 'user', parts: [{ type: 'tool-result', id, isError: false, content }] };
}

function readToolUse(part: JsonObject, path: string): ToolCallPart {
  return {
    type: 'tool-call',
    id: readName(part.id, `${path}.id`),
    name: readName(part.name, `${path}.name`),
    arguments: toJsonText(part.input),
  };
}

function withoutRepeatedCalls(parts: readonly AssistantPart[]): readonly AssistantPart[] {
  const calls = parts.filter((part) => part.type === 'tool-call');
  if (calls.length < 2) return parts;
  const seen = new Set<string>();
  return parts.filter((part) => {
    if (part.type !== 'tool-call') return true;
    const same = JSON.stringify([part.id, part.name]);
    const isNew = !seen.has(same);
    seen.add(same);
    return isNew;
  });
}

function readContent<Part>(
  content: unknown,
  known: ReadonlyMap<string, ReadPart<Part>>,
  path: string,
): readonly Part[] {
  const parts = typeof content === 'string' ? [{ type: 'text', text: content }] : content;
  if (!Array.isArray(parts)) throw invalid(`${path}.content`, 'expected a string or an array of parts');
  return parts.map((part: unknown, i) => {
    const at = `${path}.content.${i}`;
    const read = known.get(asText(asObject(part).type));
    if (read === undefined) throw invalid(`${at}.type`, `expected one of ${[...known.keys()].join(', ')}`);
    return read(asObject(part), at);
  });
}

/** Arguments are JSON text; some clients send the object itself. */
function toJsonText(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function refuseAudio(_: JsonObject, path: string): never {
  throw new GatewayError('not_supported', `${path}: audio is not available on this model`);
}
