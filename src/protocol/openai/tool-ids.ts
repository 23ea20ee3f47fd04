/**
 * Tool-call ids as a backend wants to see them. Some accept only their own form, and Kimi falls silent when its
 * history carries foreign ones, so ids are rewritten for the call and its result alike.
 */
import type { BackendProfile } from '../profile.ts';

/** Gives each call of a request its id, in the order of the conversation. */
export type WriteToolId = (id: string, toolName: string) => string;

/** @param hash hex SHA-256; equal histories get equal ids, so that prefix caches hold (P5) */
export function createToolIdWriter(
  format: BackendProfile['toolIdFormat'],
  hash: (text: string) => string,
): WriteToolId {
  return WRITERS[format](hash);
}

const WRITERS: Readonly<
  Record<BackendProfile['toolIdFormat'], (hash: (text: string) => string) => WriteToolId>
> = {
  any: () => (id) => id,
  openai: (hash) => (id) => toOpenAIId(id, hash),
  mistral: createMistralIds,
  kimi: () => {
    let index = 0;
    return (_, toolName) => `functions.${toolName}:${index++}`;
  },
};

/** At most 40 characters. */
function toOpenAIId(id: string, hash: (text: string) => string): string {
  if (/^[A-Za-z0-9_-]{1,40}$/.test(id)) return id;
  return `${id.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, 31)}_${hash(id).slice(0, 8)}`;
}

/** Exactly nine letters or digits. */
function createMistralIds(hash: (text: string) => string): WriteToolId {
  const written = new Map<string, string>();
  const taken = new Set<string>();
  const choose = (id: string): string => {
    let chosen = /^[A-Za-z0-9]{9}$/.test(id) ? id : toNine(hash(id));
    for (let salt = 1; taken.has(chosen); salt++) chosen = toNine(hash(`${id}#${salt}`));
    return chosen;
  };
  return (id) => {
    const known = written.get(id);
    if (known !== undefined) return known;
    const chosen = choose(id);
    written.set(id, chosen);
    taken.add(chosen);
    return chosen;
  };
}

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

function toNine(hex: string): string {
  let rest = BigInt(`0x${hex.slice(0, 16)}`);
  let text = '';
  while (text.length < 9) {
    text += BASE62[Number(rest % 62n)];
    rest /= 62n;
  }
  return text;
}
