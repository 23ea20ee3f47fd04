/**
 * What stays the same through a conversation, so that its requests can be brought to the replica that remembers it.
 */
import { type ByteRange, findField, type RequestScan, scanArray } from './scan-request.ts';

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** Claude Code's and Codex's own names for a session. */
const SESSION_HEADERS = ['x-claude-code-session-id', 'session-id', 'session_id'] as const;
/** Where the three dialects say who the model is to be, and what was said. */
const SYSTEM_FIELDS = ['system', 'instructions'] as const;
const TURN_FIELDS = ['messages', 'input'] as const;

/** Of each part so many bytes count; prompts that differ later only share what comes before anyway. */
const MOST_BYTES = 2048;

const UTF8 = new TextDecoder();

/** The client's own name for its session, or null. */
export function sessionOf(headers: Headers): string | null {
  for (const name of SESSION_HEADERS) {
    const value = headers[name];
    if (typeof value === 'string' && value !== '') return value;
  }
  return null;
}

/** The beginning of the prompt up to the first word of the user: the same in every later turn. */
export function promptPrefix(body: Uint8Array, { fields }: RequestScan): string {
  const text = ({ start, end }: ByteRange) =>
    UTF8.decode(body.subarray(start, Math.min(end, start + MOST_BYTES)));
  const system = SYSTEM_FIELDS.flatMap((name) => fields.get(name) ?? []).map(text);
  const turns = TURN_FIELDS.flatMap((name) => fields.get(name) ?? []);
  return [...system, ...turns.flatMap((range) => openingOf(body, range).map(text))].join('\n');
}

/** The first turns, the first of the user being the last of them; `input` may be one text. */
function openingOf(body: Uint8Array, range: ByteRange): readonly ByteRange[] {
  const turns = scanArray(body, range);
  if (turns.length === 0) return [range];
  const first = turns.findIndex((turn) => isUsers(body, turn));
  return first < 0 ? turns.slice(0, 1) : turns.slice(0, first + 1);
}

function isUsers(body: Uint8Array, turn: ByteRange): boolean {
  const role = findField(body, turn, 'role');
  return role !== undefined && UTF8.decode(body.subarray(role.start, role.end)) === '"user"';
}
