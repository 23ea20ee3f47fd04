/**
 * A conversation cut where Chat Completions needs it: each assistant turn together with everything said before
 * the next one, because tool results must follow their calls at once.
 */
import { append } from './append.ts';
import type { AssistantPart, ToolCallPart, ToolResultPart, Turn, UserPart } from './conversation.ts';
import { hasInk } from './ink.ts';

/** What came in reply to an assistant turn, tool results apart. */
export type Reply =
  | { readonly role: 'user'; readonly parts: readonly UserPart[] }
  | { readonly role: 'system'; readonly text: string };

export interface Exchange {
  /** Empty in an exchange that opens the conversation. */
  readonly assistant: readonly AssistantPart[];
  /** Calls of the assistant turn, in order, each id once. */
  readonly calls: readonly ToolCallPart[];
  /** The result of each call by its id. */
  readonly results: ReadonlyMap<string, ToolResultPart>;
  /** Everything else, in order; tool results in here answer no call of this exchange. */
  readonly replies: readonly Reply[];
  /** Whether the user said something beside tool results and reminders. */
  readonly fromUser: boolean;
}

/**
 * Groups turns into exchanges. Assistant turns in a row become one (Anthropic merges them too), results spread
 * over several user turns are collected, of two results for one call the later counts.
 */
export function toExchanges(turns: readonly Turn[], dropped: Set<string>): readonly Exchange[] {
  const groups: { assistant: AssistantPart[]; replies: Reply[] }[] = [];
  for (const turn of turns.filter(isSaid)) {
    const last = groups.at(-1);
    if (turn.role !== 'assistant') {
      if (last === undefined) groups.push({ assistant: [], replies: [turn] });
      else last.replies.push(turn);
    } else if (last !== undefined && last.replies.length === 0) append(last.assistant, turn.parts);
    else groups.push({ assistant: [...turn.parts], replies: [] });
  }
  return groups.map(({ assistant, replies }) => toExchange(assistant, replies, dropped));
}

function toExchange(
  assistant: readonly AssistantPart[],
  replies: readonly Reply[],
  dropped: Set<string>,
): Exchange {
  const calls = new Map<string, ToolCallPart>();
  for (const part of assistant) {
    if (part.type !== 'tool-call') continue;
    if (calls.has(part.id)) dropped.add('messages.repeated_tool_use');
    else calls.set(part.id, part);
  }
  const results = new Map<string, ToolResultPart>();
  let fromUser = false;
  const rest = replies.map((reply) => {
    if (reply.role !== 'user') return reply;
    fromUser ||= reply.parts.some(isFromUser);
    const parts = reply.parts.filter((part) => {
      if (part.type !== 'tool-result' || !calls.has(part.id)) return true;
      if (results.has(part.id)) dropped.add('messages.repeated_tool_result');
      results.set(part.id, part);
      return false;
    });
    return parts.length === reply.parts.length ? reply : { ...reply, parts };
  });
  return { assistant, calls: [...calls.values()], results, replies: rest, fromUser };
}

const REMINDER = /^\s*<system-reminder>[\s\S]*<\/system-reminder>\s*$/;

/** Claude Code puts reminders beside tool results in the middle of a loop; they begin no new one. */
function isFromUser(part: UserPart): boolean {
  return part.type === 'text' ? !REMINDER.test(part.text) : part.type !== 'tool-result';
}

/** Reasoning alone is no message: a turn that holds nothing else is left out. */
function isSaid(turn: Turn): boolean {
  if (turn.role === 'system') return hasInk(turn.text);
  return turn.parts.some((part) => {
    if (part.type === 'text') return hasInk(part.text);
    return part.type !== 'reasoning' && part.type !== 'redacted-reasoning';
  });
}
