/** Tools and tool choice of Chat Completions requests, the older `functions` included (O-13, O-14). */

import type { Tool, ToolChoice } from '../conversation.ts';
import { toCustomFunction } from '../custom-tool.ts';
import { asList, asObject, asText, isObject, type JsonObject } from '../json.ts';
import { invalid, type Notes, noteOf, readName } from '../read-fields.ts';

export interface ToolSet {
  readonly tools: readonly Tool[];
  readonly choice: ToolChoice | null;
}

const PLAIN_CHOICES: ReadonlyMap<unknown, ToolChoice> = new Map<unknown, ToolChoice>([
  ['auto', { kind: 'auto' }],
  ['none', { kind: 'none' }],
  ['required', { kind: 'any' }],
]);

/**
 * Reads `tools`, `functions`, `tool_choice` and `function_call`. Without tools there is no choice.
 *
 * @throws GatewayError `invalid_request` for a tool without a name, and for a choice that names no tool
 */
export function readToolSet(request: JsonObject, dropped: Notes): ToolSet {
  const declared = [...readTools(request.tools, dropped), ...readFunctions(request.functions)];
  const given = request.tool_choice ?? request.function_call ?? null;
  const allowed = readAllowed(given);
  const tools = allowed === null ? declared : declared.filter((tool) => allowed.names.has(tool.name));
  const choice = allowed?.choice ?? readChoice(given, dropped);
  if (choice?.kind === 'tool' && !tools.some((tool) => tool.name === choice.name)) {
    throw invalid('tool_choice', 'expected the name of one of the tools');
  }
  return { tools, choice: tools.length === 0 ? null : choice };
}

function readTools(value: unknown, dropped: Notes): readonly Tool[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw invalid('tools', 'expected an array of tools');
  return value.flatMap((given, i) => {
    if (!isObject(given)) throw invalid(`tools.${i}`, 'expected an object');
    const type = given.type ?? 'function';
    if (type === 'function') return readFunction(given.function, `tools.${i}.function`);
    if (type === 'custom') return readCustom(given.custom, `tools.${i}.custom`);
    dropped.add(noteOf('tools', asText(type)));
    return [];
  });
}

function readFunctions(value: unknown): readonly Tool[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw invalid('functions', 'expected an array of functions');
  return value.map((given, i) => readFunction(given, `functions.${i}`));
}

/** A declared function: in `function` of Chat Completions, by itself in Responses. */
export function readFunction(value: unknown, path: string): Tool {
  const given = asObject(value);
  const schema = given.parameters ?? {};
  if (!isObject(schema)) throw invalid(`${path}.parameters`, 'expected a JSON schema');
  return {
    name: readName(given.name, `${path}.name`),
    description: asText(given.description) || null,
    schema,
    strict: given.strict === true,
  };
}

function readCustom(value: unknown, path: string): Tool {
  const given = asObject(value);
  const { syntax, definition } = asObject(asObject(given.format).grammar);
  return toCustomFunction({
    name: readName(given.name, `${path}.name`),
    description: asText(given.description),
    grammar: { syntax: asText(syntax), definition: asText(definition) },
  });
}

/** `allowed_tools` narrows the declarations; its mode is the choice among them. */
function readAllowed(value: unknown): { names: ReadonlySet<string>; choice: ToolChoice } | null {
  const given = asObject(value);
  if (given.type !== 'allowed_tools') return null;
  const { mode, tools } = asObject(given.allowed_tools ?? given);
  const names = asList(tools).map((tool) => namedIn(asObject(tool)));
  return { names: new Set(names), choice: { kind: mode === 'required' ? 'any' : 'auto' } };
}

/** An unknown kind counts as `auto`, with a note. */
function readChoice(value: unknown, dropped: Notes): ToolChoice | null {
  if (value === null) return null;
  const plain = PLAIN_CHOICES.get(value);
  if (plain !== undefined) return plain;
  const name = namedIn(asObject(value));
  if (name !== '') return { kind: 'tool', name };
  dropped.add('tool_choice');
  return { kind: 'auto' };
}

/** The name in `{function:{name}}`, `{custom:{name}}` or the legacy `{name}`. */
function namedIn(given: JsonObject): string {
  return asText(asObject(given.function).name) || asText(asObject(given.custom).name) || asText(given.name);
}
