/** Tools and tool choice of Anthropic requests. */
import { GatewayError } from '../../errors.ts';
import type { Tool, ToolChoice } from '../conversation.ts';
import { asObject, asText, isObject, type JsonObject } from '../json.ts';
import { invalid, type Notes, noteOf, readName } from '../read-fields.ts';
import { findClientTool } from './client-tools.ts';

/**
 * Tools that the client runs. Those that Claude's platform would run are left out, with a note.
 *
 * @throws GatewayError `invalid_request` for a tool without a name, or a name used twice; `not_supported` where
 *   the request cannot mean anything without a tool that was left out
 */
export function readTools(value: unknown, choice: unknown, dropped: Notes): readonly Tool[] {
  if (value === undefined || value === null) value = [];
  if (!Array.isArray(value)) throw invalid('tools', 'expected an array of tools');
  const hosted: string[] = [];
  const tools = value.flatMap((given, i) => {
    if (!isObject(given)) throw invalid(`tools.${i}`, 'expected an object');
    const tool = readTool(given, `tools.${i}`);
    if (tool === null) {
      hosted.push(asText(given.name) || asText(given.type));
      dropped.add(noteOf('tools', asText(given.type)));
    }
    return tool ?? [];
  });
  refuseRepeatedNames(tools);
  refuseMissingTool(tools, hosted, asObject(choice));
  return tools;
}

/** What may be called. An unknown kind counts as `auto`, with a note. */
export function readToolChoice(value: unknown, dropped: Notes): ToolChoice | null {
  if (value === undefined || value === null) return null;
  if (!isObject(value)) throw invalid('tool_choice', 'expected an object');
  if (value.type === 'tool') return { kind: 'tool', name: asText(value.name) };
  if (value.type === 'any' || value.type === 'none' || value.type === 'auto') return { kind: value.type };
  dropped.add('tool_choice');
  return { kind: 'auto' };
}

/** `disable_parallel_tool_use`, whatever the kind of choice; `null` where it is not said. */
export function readParallelTools(choice: unknown): boolean | null {
  const disabled = asObject(choice).disable_parallel_tool_use;
  return typeof disabled === 'boolean' ? !disabled : null;
}

/** `null` for a tool that the client cannot run: hosted tools come without a schema. */
function readTool(given: JsonObject, path: string): Tool | null {
  const type = given.type ?? 'custom';
  if (typeof type !== 'string') throw invalid(`${path}.type`, 'expected a string');
  const builtIn = findClientTool(type);
  if (builtIn !== null) return { ...builtIn, name: asText(given.name) || builtIn.name, strict: false };
  const schema = isObject(given.input_schema) ? given.input_schema : null;
  if (type !== 'custom' && schema === null) return null;
  const name = readName(given.name, `${path}.name`);
  if (schema === null && given.input_schema !== undefined && given.input_schema !== null) {
    throw invalid(`${path}.input_schema`, 'expected a JSON schema');
  }
  return {
    name,
    description: typeof given.description === 'string' ? given.description : null,
    schema: schema ?? {},
    strict: given.strict === true,
  };
}

function refuseRepeatedNames(tools: readonly Tool[]): void {
  if (new Set(tools.map((tool) => tool.name)).size === tools.length) return;
  throw invalid('tools', 'Tool names must be unique.');
}

function refuseMissingTool(tools: readonly Tool[], hosted: readonly string[], choice: JsonObject): void {
  if (choice.type === 'tool' && !tools.some((tool) => tool.name === choice.name)) {
    const known = hosted.find((name) => name === choice.name);
    if (known !== undefined) throw unavailable(known);
    throw invalid('tool_choice.name', 'expected the name of one of the tools');
  }
  if (tools.length > 0) return;
  // Claude Code's WebSearch is a request of its own with nothing but this tool; an answer from memory would
  // pass for search results.
  const needed = choice.type === 'any' ? hosted[0] : hosted.find((name) => name.startsWith('web_search'));
  if (needed !== undefined) throw unavailable(needed);
}

function unavailable(name: string): GatewayError {
  return new GatewayError('not_supported', `${noteOf(name)} is not available on this model`);
}
