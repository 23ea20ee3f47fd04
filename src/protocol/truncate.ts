/**
 * A conversation cut at its beginning until its prompt fits, as clients ask for with `truncation: "auto"`. Instructions
 * and tools stay, and so do the user's last message and the last step taken for it; whole exchanges go before single
 * steps, and no call is left without its result.
 */
import type { Conversation, Turn } from './conversation.ts';
import { estimatePart } from './estimate-tokens.ts';

export interface PromptRoom {
  /** Tokens that the prompt may have. */
  readonly tokens: number;
  /** What the backend counted of the prompt as it is; null where it did not say. */
  readonly promptTokens: number | null;
}

/** Estimates err high, but not more than so: a count that seems far lower is one that stopped early (vLLM). */
const LEAST_SCALE = 0.7;

/** The turns that fit, one exchange or step fewer at least; null where no cut makes them fit. */
export function truncateTurns(
  { system, tools, turns }: Conversation,
  { tokens, promptTokens }: PromptRoom,
): readonly Turn[] | null {
  const whole = estimatePart([system, tools, turns]);
  const scale = promptTokens === null ? 1 : Math.max(LEAST_SCALE, promptTokens / whole);
  let excess = whole - tokens / scale;
  const gone = new Set<number>();
  for (const step of toSteps(turns)) {
    if (excess <= 0 && gone.size > 0) break;
    for (const index of step) gone.add(index);
    excess -= estimatePart(step.map((index) => turns[index]));
  }
  return gone.size === 0 || excess > 0 ? null : withoutOrphans(turns, gone);
}

/** What may go, each together, by its places; the oldest first. */
function toSteps(turns: readonly Turn[]): readonly (readonly number[])[] {
  const question = turns.findLastIndex(isQuestion);
  const answer = turns.findLastIndex((turn) => turn.role === 'assistant');
  const steps: number[][] = [];
  let last: number[] | undefined;
  turns.forEach((turn, index) => {
    if (turn.role === 'system' || index === question || index >= Math.max(question, answer)) return;
    const begins = index < question ? isQuestion(turn) : turn.role === 'assistant';
    if (begins || last === undefined) {
      last = [];
      steps.push(last);
    }
    last.push(index);
  });
  return steps;
}

/** Whether a user says something beside the results of tools. */
const isQuestion = (turn: Turn): boolean =>
  turn.role === 'user' && turn.parts.some(({ type }) => type !== 'tool-result');

/** The turns that stay, without results whose calls are gone. */
function withoutOrphans(turns: readonly Turn[], gone: ReadonlySet<number>): readonly Turn[] {
  const calls = new Set(
    turns.flatMap((turn, index) =>
      turn.role === 'assistant' && gone.has(index)
        ? turn.parts.flatMap((part) => (part.type === 'tool-call' ? [part.id] : []))
        : [],
    ),
  );
  return turns.flatMap((turn, index): readonly Turn[] => {
    if (gone.has(index)) return [];
    if (turn.role !== 'user') return [turn];
    const parts = turn.parts.filter((part) => part.type !== 'tool-result' || !calls.has(part.id));
    return parts.length === 0 && turn.parts.length > 0 ? [] : [{ ...turn, parts }];
  });
}
