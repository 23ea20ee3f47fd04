/**
 * Which turn a request belongs to: one prompt of a person, with the calls of tools, sub-agents and side calls that
 * follow from it. The wire says so only between the lines; claude-code.md §1 and codex.md have what clients send.
 */
import { promptPrefix, sessionOf } from './conversation-key.ts';
import { asObject } from './json.ts';
import { type ByteRange, findField, parseBody, type RequestScan, scanArray } from './scan-request.ts';

export interface TurnSign {
  /** Digest of the session; of a client that names none, of its conversation's beginning. */
  readonly session: string;
  /** Digest of the prompt and its place; null for a request that goes on with whatever turn is open. */
  readonly prompt: string | null;
}

export interface TurnCandidate {
  readonly body: Uint8Array;
  readonly scan: RequestScan;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** Where the dialects keep what was said. */
const TURN_FIELDS = ['messages', 'input'] as const;
/** Behind these stands no person: an agent goes on by itself, or starts with what another one told it. */
const AGENT_HEADERS = ['x-claude-code-agent-id'] as const;
/** Claude Code's own number of a prompt, sent where hint headers are on. */
const PROMPT_HEADER = 'x-claude-code-prompt-id';
/** Of a prompt so many bytes count; its place in the conversation tells longer ones apart. */
const MOST_BYTES = 16 * 1024;

/** How the prompts begin that Claude Code writes itself: it goes on after a cut, and sums up a long conversation. */
const OWN_PROMPTS = [
  'Output token limit hit. Resume directly',
  'Your response above was cut off',
  'CRITICAL: Respond with TEXT ONLY',
  'This session is being continued from a previous conversation',
];

/** @param digest makes a short text of a long one, always the same */
export function readTurn(
  { body, scan, headers }: TurnCandidate,
  digest: (text: string | Uint8Array) => string,
): TurnSign {
  const session = digest(sessionOf(headers) ?? promptPrefix(body, scan));
  const numbered = headers[PROMPT_HEADER];
  if (typeof numbered === 'string' && numbered !== '') return { session, prompt: digest(numbered) };
  if (AGENT_HEADERS.some((name) => headers[name] !== undefined)) return { session, prompt: null };
  const field = TURN_FIELDS.map((name) => scan.fields.get(name)).find((range) => range !== undefined);
  if (field === undefined) return { session, prompt: null };
  return { session, prompt: readPrompt(body, field, digest) };
}

function readPrompt(
  body: Uint8Array,
  field: ByteRange,
  digest: (text: string | Uint8Array) => string,
): string | null {
  const told = scanArray(body, field);
  // `input` may be one text.
  if (told.length === 0) return digest(cut(body, field));
  const place = told.findLastIndex((one) => !isInstruction(roleOf(body, one)));
  const last = told[place];
  if (last === undefined || roleOf(body, last) !== 'user' || isOwn(body, last)) return null;
  return digest(`${place} ${digest(cut(body, last))}`);
}

const cut = (body: Uint8Array, { start, end }: ByteRange) =>
  body.subarray(start, Math.min(end, start + MOST_BYTES));

/** Clients put instructions behind what was said as well. */
const isInstruction = (role: unknown) => role === 'system' || role === 'developer';

function roleOf(body: Uint8Array, one: ByteRange): unknown {
  const range = findField(body, one, 'role');
  return range === undefined ? undefined : valueAt(body, range);
}

/** A user's message that no person wrote: results of tools, or words that the client put there. */
function isOwn(body: Uint8Array, message: ByteRange): boolean {
  const content = findField(body, message, 'content');
  if (content === undefined) return false;
  const blocks = scanArray(body, content);
  if (blocks.length === 0) return isOwnPrompt(valueAt(body, content));
  for (const block of blocks) {
    const type = findField(body, block, 'type');
    if (type !== undefined && valueAt(body, type) === 'tool_result') return true;
  }
  const last = blocks.at(-1);
  return last !== undefined && isOwnPrompt(asObject(valueAt(body, last)).text);
}

const isOwnPrompt = (text: unknown) =>
  typeof text === 'string' && OWN_PROMPTS.some((beginning) => text.startsWith(beginning));

const valueAt = (body: Uint8Array, { start, end }: ByteRange) => parseBody(body.subarray(start, end));
