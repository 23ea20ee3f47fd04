/**
 * What Codex's `config.toml` needs for the gateway, and how it is taken out again. The file is edited line by
 * line, because nothing else keeps its comments; Codex itself adds tables to it, so no block of lines is ours for good:
 * our keys carry a note, our tables a name.
 */
import type { GatewayAccess } from './claude-settings.ts';

const PROVIDER = 'llm-gateway';
const NOTE = '# llm-gateway setup';
const ASIDE = '# llm-gateway setup has put aside: ';

const TABLES: readonly [string, string] = [
  `[model_providers.${PROVIDER}]`,
  `[model_providers.${PROVIDER}.auth]`,
];

/** Codex asks for the model by name, and takes searches for its own business unless told (codex.md §3). */
const TOP_KEYS = ['model', 'model_provider', 'web_search'];

/** @param model a name that the gateway lists */
export function withProvider(toml: string, { gateway, command }: GatewayAccess, model: string): string {
  const [program, ...args] = command;
  const { top, tables } = split(withoutProvider(toml));
  const own = [
    `model = ${quote(model)} ${NOTE}`,
    `model_provider = ${quote(PROVIDER)} ${NOTE}`,
    `web_search = "disabled" ${NOTE}`,
  ];
  const rest = [...top.map((line) => (isKeyOf(line, TOP_KEYS) ? ASIDE + line : line)), ...tables];
  const provider = [
    TABLES[0],
    'name = "LLM gateway"',
    `base_url = ${quote(`${gateway}/v1`)}`,
    'wire_api = "responses"',
    '',
    TABLES[1],
    `command = ${quote(program)}`,
    `args = [${[...args, 'token', '--url', gateway].map(quote).join(', ')}]`,
  ];
  return toText([...own, ...spaced(rest), '', ...provider]);
}

/** The file without our lines and tables; what was put aside is back. */
export function withoutProvider(toml: string): string {
  const { top, tables } = split(toml);
  const restored = top
    .filter((line) => !line.endsWith(NOTE))
    .map((line) => (line.startsWith(ASIDE) ? line.slice(ASIDE.length) : line));
  let isOwn = false;
  const kept = tables.filter((line) => {
    if (isHeader(line)) isOwn = TABLES.includes(line.trim());
    return !isOwn;
  });
  return toText([...restored, ...kept]);
}

/** Whether {@link withProvider} has been here. */
export const hasProvider = (toml: string): boolean => toml.includes(NOTE) || toml.includes(TABLES[0]);

/** The model that the file asks for; null where it names none. */
export function modelOf(toml: string): string | null {
  const line = split(toml).top.find((one) => isKeyOf(one, ['model']));
  return (
    /=\s*(?:"([^"]*)"|'([^']*)')/
      .exec(line ?? '')
      ?.slice(1)
      .find((text) => text !== undefined) ?? null
  );
}

/** Top-level keys come before the first table. */
function split(toml: string): { readonly top: readonly string[]; readonly tables: readonly string[] } {
  const lines = toml.split(/\r?\n/);
  const first = lines.findIndex(isHeader);
  return first < 0 ? { top: lines, tables: [] } : { top: lines.slice(0, first), tables: lines.slice(first) };
}

const isHeader = (line: string) => /^\s*\[\[?[^[\],]+\]\]?\s*(?:#.*)?$/.test(line);
const isKeyOf = (line: string, keys: readonly string[]) =>
  keys.includes(/^\s*([\w-]+)\s*=/.exec(line)?.[1] ?? '');

/** JSON's escapes are TOML's for basic strings. */
const quote = (text: string) => JSON.stringify(text);

const spaced = (lines: readonly string[]) => (lines.some((line) => line.trim() !== '') ? ['', ...lines] : []);

function toText(lines: readonly string[]): string {
  const text = lines
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .replace(/^\n+|\s+$/g, '');
  return text === '' ? '' : `${text}\n`;
}
