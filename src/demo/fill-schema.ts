/**
 * The smallest JSON value that a schema allows, as far as its plain keywords tell. Pure.
 */

type Fields = Readonly<Record<string, unknown>>;

/** Deeper than this a schema is taken to contain itself. */
const DEEPEST = 12;
/** A schema that branches into itself is cut off after so many values. */
const MOST_VALUES = 1000;

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const asCount = (value: unknown): number =>
  typeof value === 'number' && value > 0 ? Math.min(Math.ceil(value), 100) : 0;

/**
 * Fills a schema with a minimal value: required properties only, first of every choice.
 *
 * @param word text for a string property, by the property's name
 */
export function fillSchema(schema: unknown, word: (property: string) => string): unknown {
  const root = schema;
  let values = 0;

  const fill = (node: unknown, property: string, depth: number): unknown => {
    values += 1;
    if (!isFields(node) || depth > DEEPEST || values > MOST_VALUES) return null;
    if ('const' in node) return node.const;
    if (Array.isArray(node.enum)) return node.enum[0] ?? null;
    if (typeof node.$ref === 'string') return fill(lookUp(root, node.$ref), property, depth + 1);
    const choice = [node.anyOf, node.oneOf, node.allOf].find(Array.isArray);
    if (choice !== undefined && node.properties === undefined) return fill(choice[0], property, depth + 1);
    return byType[typeOf(node)]?.(node, property, depth) ?? null;
  };

  const byType: Readonly<Record<string, (node: Fields, property: string, depth: number) => unknown>> = {
    object: (node, _, depth) => {
      const properties = isFields(node.properties) ? node.properties : {};
      const required = Array.isArray(node.required) ? node.required.map(String) : [];
      return Object.fromEntries(required.map((name) => [name, fill(properties[name], name, depth + 1)]));
    },
    array: (node, property, depth) =>
      Array.from({ length: asCount(node.minItems) }, () => fill(node.items, property, depth + 1)),
    string: (node, property) => word(property).padEnd(asCount(node.minLength), '.'),
    integer: (node) => Math.ceil(leastNumber(node)),
    number: leastNumber,
    boolean: () => false,
  };

  return fill(root, '', 0);
}

function typeOf(node: Fields): string {
  const named = Array.isArray(node.type) ? node.type.find((type) => type !== 'null') : node.type;
  if (typeof named === 'string') return named;
  if (node.properties !== undefined) return 'object';
  return node.items === undefined ? 'string' : 'array';
}

function leastNumber(node: Fields): number {
  if (typeof node.minimum === 'number') return node.minimum;
  if (typeof node.exclusiveMinimum === 'number') return node.exclusiveMinimum + 1;
  return typeof node.maximum === 'number' ? Math.min(0, node.maximum) : 0;
}

/** Follows a reference within the same document (`#/$defs/name`). */
function lookUp(root: unknown, reference: string): unknown {
  const steps = reference
    .replace(/^#\/?/, '')
    .split('/')
    .filter((step) => step !== '');
  return steps.reduce<unknown>((node, step) => (isFields(node) ? node[step] : undefined), root);
}
