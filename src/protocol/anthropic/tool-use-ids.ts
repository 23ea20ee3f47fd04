/** Tool-call ids that Claude accepts: its own characters, and each id once in the whole conversation. */

const ACCEPTED = /^[A-Za-z0-9_-]+$/;

/**
 * Gives each call its id, in the order of the conversation. Depends on nothing that comes later, so earlier turns
 * keep their ids while a conversation grows and Claude's prompt cache holds (P5).
 *
 * @param hash hex SHA-256
 */
export function createToolUseIds(hash: (text: string) => string): (id: string) => string {
  const taken = new Set<string>();
  return (id) => {
    // The suffix keeps two foreign ids apart that differ only in what is replaced.
    const own = ACCEPTED.test(id) ? id : `${id.replace(/[^A-Za-z0-9_-]/g, '_')}_${hash(id).slice(0, 8)}`;
    let unique = own;
    // Some servers count their calls per message, so `call_0` comes again in a later turn (O-23).
    for (let n = 2; taken.has(unique); n += 1) unique = `${own}_${n}`;
    taken.add(unique);
    return unique;
  };
}
