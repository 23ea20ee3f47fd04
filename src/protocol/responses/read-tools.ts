/**
 * Tools of Responses requests, wherever they are declared: in `tools`, in namespaces, in an `additional_tools` item of
 * the lighter request shape, and in what a tool search found.
 */
import { GatewayError } from '../../errors.ts';
import type { Tool, ToolChoice } from '../conversation.ts';
import { toCustomFunction } from '../custom-tool.ts';
import { asList, asObject, asText, isObject, type JsonObject } from '../json.ts';
import { readFunction } from '../openai/read-tools.ts';
import { invalid, type Notes, noteOf, readName } from '../read-fields.ts';

/** The tools of a request by the one name that every backend gets to see. */
export interface ToolBox {
  /** Takes a list of declarations. Of the same tool declared again, the later counts. */
  declare(value: unknown, path: string): void;
  /** Everything declared so far, in order. */
  tools(): readonly Tool[];
}

/** The client's own search for tools, where it names no parameters. */
const SEARCH_PARAMETERS = {
  type: 'object',
  properties: { query: { type: 'string' }, limit: { type: 'integer' } },
  required: ['query'],
};

export const SEARCH_NAME = 'tool_search';

/**
 * One flat name for a tool in a namespace. Its writer shortens it where it is too long for a backend.
 *
 * @param namespace empty: none
 */
export function flatName(namespace: string, name: string): string {
  if (namespace === '') return name;
  return namespace.endsWith('__') ? namespace + name : `${namespace}__${name}`;
}

/** Makes an empty box. What no other dialect knows is left out, with a note. */
export function createToolBox(dropped: Notes): ToolBox {
  const box = new Map<string, { readonly tool: Tool; readonly identity: string }>();

  const add = (tool: Tool, namespace: string, path: string): void => {
    const identity = JSON.stringify([namespace, tool.namespaced?.name ?? tool.name]);
    const present = box.get(tool.name);
    if (present !== undefined && present.identity !== identity) {
      throw invalid(`${path}.name`, `collides with another tool: both are called "${tool.name}" here`);
    }
    box.set(tool.name, { tool, identity });
  };

  const declareOne = (given: JsonObject, namespace: string, path: string): void => {
    const tool = readTool(given, path);
    if (tool === null) {
      dropped.add(noteOf('tools', asText(given.type)));
      return;
    }
    const name = flatName(namespace, tool.name);
    const named = namespace === '' ? tool : { ...tool, name, namespaced: { namespace, name: tool.name } };
    add(named, namespace, path);
  };

  const declare = (value: unknown, namespace: string, path: string): void => {
    if (value === undefined || value === null) return;
    if (!Array.isArray(value)) throw invalid(path, 'expected an array of tools');
    for (const [i, given] of value.entries()) {
      const at = `${path}.${i}`;
      if (!isObject(given)) throw invalid(at, 'expected an object');
      if (given.type === 'namespace' && namespace === '')
        declare(given.tools, readName(given.name, `${at}.name`), `${at}.tools`);
      else declareOne(given, namespace, at);
    }
  };

  return {
    declare: (value, path) => declare(value, '', path),
    tools: () => [...box.values()].map(({ tool }) => tool),
  };
}

/** `null` for tools that OpenAI's platform runs. */
function readTool(given: JsonObject, path: string): Tool | null {
  if (given.type === 'function') return readFunction(given, path);
  if (given.type === 'custom') return readCustom(given, path);
  return given.type === 'tool_search' && given.execution === 'client' ? readSearch(given) : null;
}

function readCustom(given: JsonObject, path: string): Tool {
  const { syntax, definition } = asObject(given.format);
  return toCustomFunction({
    name: readName(given.name, `${path}.name`),
    description: asText(given.description),
    grammar: { syntax: asText(syntax), definition: asText(definition) },
  });
}

function readSearch(given: JsonObject): Tool {
  return {
    name: SEARCH_NAME,
    description: asText(given.description) || 'Finds further tools by what they do.',
    schema: isObject(given.parameters) ? given.parameters : SEARCH_PARAMETERS,
    strict: false,
    search: true,
  };
}

const PLAIN_CHOICES: ReadonlyMap<unknown, ToolChoice> = new Map<unknown, ToolChoice>([
  ['auto', { kind: 'auto' }],
  ['none', { kind: 'none' }],
  ['required', { kind: 'any' }],
]);

export interface ChosenTools {
  readonly tools: readonly Tool[];
  readonly choice: ToolChoice | null;
}

/**
 * Reads `tool_choice`; `allowed_tools` narrows the tools to those that it names.
 *
 * @throws GatewayError `invalid_request` for a name that no tool has, `not_supported` for a hosted tool that must run
 */
export function chooseTools(value: unknown, declared: readonly Tool[], dropped: Notes): ChosenTools {
  if (declared.length === 0 || value === undefined || value === null) {
    return { tools: declared, choice: null };
  }
  const plain = PLAIN_CHOICES.get(value);
  if (plain !== undefined) return { tools: declared, choice: plain };
  const given = asObject(value);
  if (given.type === 'allowed_tools') {
    const names = new Set(asList(given.tools).map((tool) => nameIn(asObject(tool))));
    const tools = declared.filter((tool) => names.has(tool.name));
    return {
      tools,
      choice: tools.length === 0 ? null : { kind: given.mode === 'required' ? 'any' : 'auto' },
    };
  }
  return { tools: declared, choice: readNamed(given, declared, dropped) };
}

function readNamed(given: JsonObject, declared: readonly Tool[], dropped: Notes): ToolChoice {
  const name = nameIn(given);
  if (declared.some((tool) => tool.name === name)) return { kind: 'tool', name };
  if (given.type === 'function' || given.type === 'custom') {
    throw invalid('tool_choice', 'expected the name of one of the tools');
  }
  if (asText(given.type) !== '') {
    throw new GatewayError(
      'not_supported',
      `tool_choice: ${noteOf(asText(given.type))} is not available on this model`,
    );
  }
  dropped.add('tool_choice');
  return { kind: 'auto' };
}

const nameIn = (given: JsonObject): string =>
  given.type === 'tool_search' ? SEARCH_NAME : flatName(asText(given.namespace), asText(given.name));
