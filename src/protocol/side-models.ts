/**
 * Models that a request names besides `model`: fallbacks, and hosted tools that consult another model. A tier's
 * limits would be worth nothing if a Haiku request could bring an Opus in through its tools.
 */
import { type ByteRange, findField, parseBody, type RequestScan, scanArray } from './scan-request.ts';

/** Top-level fields by which some vendors let a request name further models. */
const MODEL_FIELDS = ['fallback', 'fallbacks', 'fallback_model', 'fallback_models', 'models'];

/** A `"model": "…"` pair, or an escape that could spell one. */
const COULD_NAME_A_MODEL = /"model"\s*:\s*"|\\u00/i;

/**
 * Every further model that the body names, at any depth of the fields that can name one.
 *
 * Costs one native search over `tools` where there is nothing to find.
 */
export function sideModels(body: Uint8Array, scan: RequestScan): readonly string[] {
  const found: string[] = [];
  for (const field of MODEL_FIELDS) {
    const range = scan.fields.get(field);
    if (range !== undefined) collectStrings(parse(body, range), found);
  }
  for (const tools of [scan.fields.get('tools'), ...additionalTools(body, scan)]) {
    if (tools === undefined || !COULD_NAME_A_MODEL.test(decode(body, tools))) continue;
    const list = parse(body, tools);
    if (Array.isArray(list)) for (const tool of list) collectModel(tool, found);
  }
  return found;
}

/** Tools that the items of a Responses request declare. */
function additionalTools(body: Uint8Array, scan: RequestScan): readonly (ByteRange | undefined)[] {
  const input = scan.fields.get('input');
  if (input === undefined || !scan.declaresTools) return [];
  return scanArray(body, input)
    .filter((item) => {
      const type = findField(body, item, 'type');
      return type !== undefined && parse(body, type) === 'additional_tools';
    })
    .map((item) => findField(body, item, 'tools'));
}

function collectModel(tool: unknown, found: string[]): void {
  const model =
    typeof tool === 'object' && tool !== null ? (tool as Record<string, unknown>).model : undefined;
  if (typeof model === 'string') found.push(model);
}

/** Strings of `"a"`, `["a"]`, `[{model: "a"}]` and the like. */
function collectStrings(value: unknown, found: string[]): void {
  if (typeof value === 'string') found.push(value);
  else if (Array.isArray(value)) for (const one of value) collectStrings(one, found);
  else collectModel(value, found);
}

const parse = (body: Uint8Array, range: ByteRange) => parseBody(body.subarray(range.start, range.end));

// The pattern is ASCII, and Node decodes UTF-8 natively but latin1 byte by byte.
const UTF8 = new TextDecoder();
const decode = (body: Uint8Array, range: ByteRange) => UTF8.decode(body.subarray(range.start, range.end));
