/**
 * Tool names that every OpenAI-format backend accepts. Anthropic allows 128 characters, and names of MCP tools
 * use them.
 */

const ACCEPTED = /^[A-Za-z0-9_-]{1,64}$/;
const LONGEST = 64;
const HASH_LENGTHS = [8, 16, 32];

export interface ToolNames {
  /** The name to send; the same for a tool, a choice and every call in the history. */
  toSent(name: string): string;
  /** Names that had to change: name sent → name the client knows. */
  readonly changed: ReadonlyMap<string, string>;
}

/**
 * Computes the names once for a whole request, so that equal requests get equal names.
 *
 * @param names every name that occurs in the request
 * @param hash hex SHA-256
 */
export function createToolNames(names: Iterable<string>, hash: (text: string) => string): ToolNames {
  const known = new Set(names);
  const sent = new Map<string, string>();
  const changed = new Map<string, string>();

  const shorten = (name: string): string => {
    const digest = hash(name);
    const candidates = HASH_LENGTHS.map((length) => withSuffix(name, digest.slice(0, length)));
    return candidates.find((one) => !known.has(one) && !changed.has(one)) ?? digest;
  };

  for (const name of known) {
    const accepted = ACCEPTED.test(name) ? name : shorten(name);
    sent.set(name, accepted);
    if (accepted !== name) changed.set(accepted, name);
  }
  return { toSent: (name) => sent.get(name) ?? name, changed };
}

function withSuffix(name: string, suffix: string): string {
  const prefix = name.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, LONGEST - 1 - suffix.length);
  return `${prefix}_${suffix}`;
}
