/**
 * PURE. Model names as clients write them, read into families. Names change every month; families do not, so the
 * rules of a plan speak of families and tomorrow's names are covered today.
 */

/** A model name, understood as far as it safely can be. */
export interface ModelName {
  /** As the client sent it. */
  readonly raw: string;
  /** Without vendor prefix and context suffix, lower case where a family was recognised. */
  readonly name: string;
  readonly family: 'claude' | 'gpt' | 'other';
  /**
   * `opus`, `sonnet`, `haiku` … when the whole name has the exact shape of such a model's; else null. Only an exact
   * shape may select a rule such as `claude:haiku`, so that `claude-opus-haiku` can never pass as a Haiku.
   */
  readonly variant: string | null;
}

/** Longest name that is looked at; real ones stay below 100 characters. */
export const MAX_MODEL_NAME_LENGTH = 256;

const VENDOR_PREFIX = /^(?:(?:us|eu|apac|global)\.)?(?:anthropic[./]|openai[./]|models\/|internal\/)/i;
const CONTEXT_SUFFIX = /\[\d+[mk]\]$/i;

/** `claude-opus-4-1-20250805`, `claude-3-5-haiku-latest`, `claude-haiku-5-5@20261001`, `…-v1:0`. */
const CLAUDE =
  /^claude-(?:\d+(?:[-.]\d+)?-)?(?<variant>[a-z]+)(?:-\d{1,2}(?:[-.]\d{1,2})?)?(?:[-@]\d{8})?(?:-latest)?(?:-v\d+(?::\d+)?)?$/;
const GPT = /^(?:(?:chat)?gpt-[a-z0-9][a-z0-9.:-]*|o\d{1,2}(?:-[a-z0-9.-]+)?|codex-[a-z0-9.-]+)$/;

/** Whether a name is fit to be looked at: printable ASCII without spaces, of sensible length. */
export function isModelName(text: unknown): text is string {
  return typeof text === 'string' && text.length <= MAX_MODEL_NAME_LENGTH && /^[\x21-\x7e]+$/.test(text);
}

/** Reads a name; total, and constant time for names that passed {@link isModelName}. */
export function readModelName(raw: string): ModelName {
  const name = raw.replace(VENDOR_PREFIX, '').replace(CONTEXT_SUFFIX, '');
  const lower = name.toLowerCase();
  if (lower === 'claude' || lower.startsWith('claude-')) {
    return { raw, name: lower, family: 'claude', variant: CLAUDE.exec(lower)?.groups?.variant ?? null };
  }
  if (GPT.test(lower)) return { raw, name: lower, family: 'gpt', variant: null };
  return { raw, name, family: 'other', variant: null };
}

/**
 * The name to pass on when a rule's `match` fits, or null when it does not.
 *
 * @param match a rule's pattern: `claude`, `claude:<variant>`, `gpt`, `models-of:<backend>`, `<backend>/*`, or a
 *   name in which `*` stands for any characters
 * @param modelsOf the models that a backend is known to serve
 */
export function matchModel(
  match: string,
  model: ModelName,
  modelsOf: (backend: string) => readonly string[],
): string | null {
  if (match === 'claude' || match === 'gpt') return model.family === match ? model.name : null;
  if (match.startsWith('claude:')) return model.variant === match.slice('claude:'.length) ? model.name : null;
  if (match.startsWith('models-of:')) {
    const models = modelsOf(match.slice('models-of:'.length));
    return [model.raw, model.name].find((name) => models.includes(name)) ?? null;
  }
  if (match.endsWith('/*')) return withoutPrefix(match.slice(0, -1), model.raw);
  return toPattern(match).test(model.name) ? model.name : null;
}

/** Whether a model's name fits a pattern that asks no backend which models it serves. */
export function fitsModel(pattern: string, name: string): boolean {
  return matchModel(pattern, readModelName(name), () => []) !== null;
}

function withoutPrefix(prefix: string, name: string): string | null {
  return name.startsWith(prefix) && name.length > prefix.length ? name.slice(prefix.length) : null;
}

const patterns = new Map<string, RegExp>();

/** Patterns come from the configuration, so there are few and they are kept. */
function toPattern(match: string): RegExp {
  const known = patterns.get(match);
  if (known !== undefined) return known;
  const source = match
    .split('*')
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('.*');
  const pattern = new RegExp(`^${source}$`);
  patterns.set(match, pattern);
  return pattern;
}
