/**
 * Schemas for Claude's structured outputs, which understand a part of JSON schema: what is not understood moves
 * into the description, where the model can still read it (O-17).
 */
import { asText, isObject, type JsonObject } from '../json.ts';

/** Keywords kept as they are. */
const KEPT = new Set(['type', 'enum', 'const', 'default', 'required', '$ref', 'title', 'description']);

const FORMATS = new Set([
  'date-time',
  'time',
  'date',
  'duration',
  'email',
  'hostname',
  'uri',
  'ipv4',
  'ipv6',
  'uuid',
]);

/** Keywords that say nothing to a model. */
const SILENT = new Set(['$schema', '$id', '$comment', 'additionalProperties']);

/** Keywords that hold schemas: one, a list, or one per name; `oneOf` is only understood as `anyOf`. */
const HOLDERS: ReadonlyMap<string, readonly ['one' | 'list' | 'map', string]> = new Map([
  ['items', ['one', 'items']],
  ['properties', ['map', 'properties']],
  ['$defs', ['map', '$defs']],
  ['definitions', ['map', 'definitions']],
  ['anyOf', ['list', 'anyOf']],
  ['oneOf', ['list', 'anyOf']],
  ['allOf', ['list', 'allOf']],
] as const);

/** Rewrites a schema for `output_config.format` or a strict tool. Key order is kept, so that equal schemas stay equal. */
export function toClaudeSchema(schema: JsonObject): JsonObject {
  const result: Record<string, unknown> = {};
  const told: string[] = [];
  for (const [key, value] of Object.entries(schema)) {
    const holder = HOLDERS.get(key);
    if (SILENT.has(key)) continue;
    if (holder !== undefined && isHolding(holder[0], value)) result[holder[1]] = rewrite(holder[0], value);
    else if (KEPT.has(key) || isUnderstood(key, value)) result[key] = value;
    else told.push(`${key}: ${JSON.stringify(value)}`);
  }
  if (told.length > 0) {
    const rules = `{${told.join(', ')}}`;
    result.description = [asText(schema.description), rules].filter((text) => text !== '').join('\n\n');
  }
  if (isObjectSchema(schema)) result.additionalProperties = false;
  return result;
}

function isUnderstood(key: string, value: unknown): boolean {
  if (key === 'format') return typeof value === 'string' && FORMATS.has(value);
  return key === 'minItems' && (value === 0 || value === 1);
}

function isHolding(kind: 'one' | 'list' | 'map', value: unknown): boolean {
  return kind === 'list' ? Array.isArray(value) : isObject(value);
}

function rewrite(kind: 'one' | 'list' | 'map', value: unknown): unknown {
  const inner = (one: unknown): unknown => (isObject(one) ? toClaudeSchema(one) : one);
  if (kind === 'list') return Array.isArray(value) ? value.map(inner) : value;
  if (kind === 'one' || !isObject(value)) return inner(value);
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, inner(one)]));
}

function isObjectSchema({ type, properties }: JsonObject): boolean {
  return type === 'object' || (Array.isArray(type) && type.includes('object')) || isObject(properties);
}
