/** Tool and output schemas, made fit for OpenAI-format backends without changing what they allow. */
import { asList, asObject, isObject, type JsonObject } from '../json.ts';

/** Keywords that hold one schema, a list of schemas, or schemas by name. */
const SCHEMA_IN: Readonly<Record<string, 'one' | 'list' | 'map'>> = {
  additionalProperties: 'one',
  contains: 'one',
  else: 'one',
  if: 'one',
  items: 'one',
  not: 'one',
  propertyNames: 'one',
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON schema
  then: 'one',
  unevaluatedItems: 'one',
  unevaluatedProperties: 'one',
  allOf: 'list',
  anyOf: 'list',
  oneOf: 'list',
  prefixItems: 'list',
  $defs: 'map',
  definitions: 'map',
  dependentSchemas: 'map',
  patternProperties: 'map',
  properties: 'map',
};

const KEYWORDS = new Map(Object.entries(SCHEMA_IN));

/** A tool's parameters: an object with `properties` where nothing else is said, which templates rely on. */
export function cleanParameters(schema: JsonObject): JsonObject {
  const clean = cleanOutputSchema(schema);
  return Object.keys(clean).length === 0 ? { type: 'object', properties: {} } : clean;
}

/** A schema for structured output. */
export function cleanOutputSchema(schema: JsonObject): JsonObject {
  const { $schema: _, $id: __, ...rest } = schema;
  return cleanSchema(rest);
}

/**
 * Repairs what backends stumble over: `required: null`, an object without `properties`, an array without `items`,
 * and patterns with `\p{…}`, which OpenAI and grammar-guided decoders do not know. Key order is kept.
 */
function cleanSchema(schema: JsonObject): JsonObject {
  const kept = Object.entries(schema).filter(([key, value]) => !isRefused(key, value));
  const clean = Object.fromEntries(kept.map(([key, value]) => [key, cleanKeyword(key, value)]));
  if (clean.type === 'object' && clean.properties === undefined) clean.properties = {};
  if (clean.type === 'array' && clean.items === undefined && clean.prefixItems === undefined)
    clean.items = {};
  return clean;
}

function isRefused(key: string, value: unknown): boolean {
  if (key === 'required') return value === null;
  return key === 'pattern' && typeof value === 'string' && /\\[pP]\{/.test(value);
}

function cleanKeyword(key: string, value: unknown): unknown {
  const holds = KEYWORDS.get(key);
  if (holds === 'one' && isObject(value)) return cleanSchema(value);
  if (holds === 'list' && Array.isArray(value)) return value.map(cleanIfSchema);
  if (holds === 'map' && isObject(value)) return mapValues(value, cleanIfSchema);
  return value;
}

const cleanIfSchema = (value: unknown): unknown => (isObject(value) ? cleanSchema(value) : value);

function mapValues(object: JsonObject, change: (value: unknown) => unknown): JsonObject {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value)]));
}

/**
 * Whether OpenAI takes the schema as strict: every object closed and every property required. Schemas are never
 * rewritten to get there, because optional parameters would become mandatory.
 */
export function isStrictSchema(schema: JsonObject): boolean {
  if (schema.type === 'object' && !isClosedObject(schema)) return false;
  return Object.entries(schema).every(([key, value]) => {
    const holds = KEYWORDS.get(key);
    if (holds === 'list') return asList(value).every(isStrictOrNone);
    if (holds === 'map') return Object.values(asObject(value)).every(isStrictOrNone);
    return holds !== 'one' || isStrictOrNone(value);
  });
}

const isStrictOrNone = (value: unknown): boolean => !isObject(value) || isStrictSchema(value);

function isClosedObject(schema: JsonObject): boolean {
  const required = new Set(asList(schema.required));
  return (
    schema.additionalProperties === false &&
    Object.keys(asObject(schema.properties)).every((name) => required.has(name))
  );
}
