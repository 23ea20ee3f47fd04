/** What two configurations differ in, said without giving a secret away. */
import type { Config } from './schema.ts';

/** One option that differs. */
export interface Change {
  /** Dotted path in the file. */
  readonly key: string;
  /** The values as a log may show them; `undefined` where there was none or is none. */
  readonly from: unknown;
  readonly to: unknown;
}

/**
 * Lists what differs, option by option. A list counts as one option. Secrets are compared by their values and shown as
 * `[secret]`; lists of sections (keys, realms, routes) are shown by their length, since who is in them is nobody's
 * business in a log.
 */
export function changesBetween(before: Config, after: Config): readonly Change[] {
  return compare([], before, after);
}

/** Whether one of the options, or one below them, is among the changes. */
export function touches(changes: readonly Change[], keys: readonly string[]): boolean {
  return changes.some(({ key }) => keys.some((one) => key === one || key.startsWith(`${one}.`)));
}

/** Takes the options at `keys` from `source` and all others from `config`. */
export function withOptionsOf(config: Config, source: Config, keys: readonly string[]): Config {
  const result = copySections(config);
  for (const key of keys) {
    const path = key.split('.');
    const last = path.pop() ?? '';
    const [from, to] = [source, result].map((tree) =>
      path.reduce<Section | undefined>((node, name) => node?.[name] as Section | undefined, tree as Section),
    );
    if (to !== undefined) to[last] = from?.[last];
  }
  return result as unknown as Config;
}

type Section = Record<string, unknown>;

/** Secrets are objects too, with nothing in them to see. */
interface Hidden {
  reveal(): string;
}

const isHidden = (value: unknown): value is Hidden =>
  typeof (value as Partial<Hidden> | null | undefined)?.reveal === 'function';

const isSection = (value: unknown): value is Section =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !isHidden(value);

function compare(path: readonly string[], before: unknown, after: unknown): readonly Change[] {
  if (isSection(before) && isSection(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return names.flatMap((name) => compare([...path, name], before[name], after[name]));
  }
  if (identify(before) === identify(after)) return [];
  return [{ key: path.join('.'), from: show(before), to: show(after) }];
}

/** The value as text that is equal for equal values only; stays inside this file. */
function identify(value: unknown): string {
  if (isHidden(value)) return `secret ${value.reveal()}`;
  if (Array.isArray(value)) return `[${value.map(identify).join()}]`;
  if (isSection(value)) {
    return `{${Object.keys(value)
      .sort()
      .map((name) => `${JSON.stringify(name)}:${identify(value[name])}`)
      .join()}}`;
  }
  return JSON.stringify(value) ?? 'undefined';
}

function show(value: unknown): unknown {
  if (isHidden(value)) return '[secret]';
  if (isSection(value)) return '{…}';
  if (Array.isArray(value)) return value.every(isPlain) ? value : `${value.length} entries`;
  return value;
}

const isPlain = (value: unknown) => typeof value !== 'object' || value === null;

function copySections(section: object): Section {
  return Object.fromEntries(
    Object.entries(section).map(([name, value]) => [name, isSection(value) ? copySections(value) : value]),
  );
}
