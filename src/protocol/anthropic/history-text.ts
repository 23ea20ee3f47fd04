/**
 * Blocks that only Claude's platform understands, as text: a conversation that began on Claude and goes on with
 * another model keeps what those blocks said.
 */
import { hasInk } from '../ink.ts';
import { asList, asObject, asText, isObject, type JsonObject } from '../json.ts';

/** Deep enough for every documented block; deeper content is left out. */
const MAX_DEPTH = 6;

const TEXTS: ReadonlyMap<string, (block: JsonObject) => string> = new Map([
  [
    'tool_reference',
    (block: JsonObject) => `Tool available: ${asText(block.tool_name) || asText(block.name)}`,
  ],
  [
    'search_result',
    (block: JsonObject) =>
      lines([`[search result: ${asText(block.title)}]`, asText(block.source), textIn(block.content)]),
  ],
  ['server_tool_use', (block: JsonObject) => `[${asText(block.name)} ${toInputText(block.input)}]`],
  [
    'mcp_tool_use',
    (block: JsonObject) => `[${asText(block.server_name)} ${asText(block.name)} ${toInputText(block.input)}]`,
  ],
  [
    'compaction',
    (block: JsonObject) => headed('[summary of the conversation so far]', textIn(block.content)),
  ],
]);

const RESULT = /^(.+)_tool_result$/;

/** The block as text; empty where it has nothing to say, `null` where it is of an unknown kind. */
export function toHistoryText(block: JsonObject): string | null {
  const type = asText(block.type);
  const known = TEXTS.get(type);
  if (known !== undefined) return known(block);
  const hosted = RESULT.exec(type)?.[1];
  return hosted === undefined ? null : lines([`[${hosted} result]`, textIn(block.content)]);
}

function toInputText(input: unknown): string {
  const query = asObject(input).query;
  return JSON.stringify(typeof query === 'string' ? query : (input ?? {}));
}

function headed(heading: string, text: string): string {
  return hasInk(text) ? lines([heading, text]) : '';
}

function lines(parts: readonly string[]): string {
  return parts.filter(hasInk).join('\n');
}

/** Every readable piece: texts, titles with addresses, output of programs, error codes. */
function textIn(value: unknown, depth = 0): string {
  if (typeof value === 'string') return value;
  if (depth > MAX_DEPTH) return '';
  if (Array.isArray(value)) return lines(value.map((one) => textIn(one, depth + 1)));
  if (!isObject(value)) return '';
  const block = value;
  const heading = [asText(block.title), asText(block.url)].filter(hasInk).join(' ');
  const said = ['text', 'stdout', 'stderr', 'error_code'].map((key) => asText(block[key]));
  const names = asList(block.tool_references).map((one) => textIn(asObject(one).tool_name, depth + 1));
  const inner = asObject(block.source).type === 'text' ? asText(asObject(block.source).data) : '';
  return lines([heading, ...said, ...names, inner, textIn(block.content, depth + 1)]);
}
