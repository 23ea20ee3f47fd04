/** Small total readers for values that came out of `JSON.parse`: no shape is trusted before it was looked at. */

export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The object itself, or an empty one. */
export function asObject(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

/** The list itself, or an empty one. */
export function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The text itself, or an empty one. */
export function asText(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** Parses without throwing; `undefined` when the text is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Deepest nesting in a tool call's arguments. V8 reads far deeper than it can write, so more could not go on. */
const MAX_DEPTH = 512;

/** Parses the arguments of a tool call; `undefined` when they are not JSON, or nest deeper than 512 levels. */
export function parseArguments(text: string): unknown {
  return text.length > 2 * MAX_DEPTH && nestsTooDeep(text) ? undefined : parseJson(text);
}

function nestsTooDeep(text: string): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    // Braces and brackets differ from each other in one bit: `{` and `[`, `}` and `]`.
    else if ((code | 0x20) === OPEN_BRACE && ++depth > MAX_DEPTH) return true;
    else if ((code | 0x20) === CLOSE_BRACE) depth--;
  }
  return false;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Place of the closing quote, or the end of the text. */
function endOfString(text: string, start: number): number {
  let quote = start;
  let escaped = true;
  while (escaped) {
    quote = text.indexOf('"', quote + 1);
    if (quote === -1) return text.length;
    let before = quote;
    while (text.charCodeAt(before - 1) === BACKSLASH) before--;
    escaped = (quote - before) % 2 === 1;
  }
  return quote;
}

/** What stands for arguments that nest too deep: no tool knows the name, so the call is refused (S-38). */
const TOO_DEEP = JSON.stringify({ __unparsed_arguments: 'nested too deep' });

/** JSON text of a tool call's arguments that came as a value; parsed values can nest deeper than can be written. */
export function writeArguments(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch {
    return TOO_DEEP;
  }
}
