/**
 * Requests that fit the model's window: shortened beforehand where the window is known, and tried once more with the
 * exact room where the backend names it (translation.md A-81, E-11). Claude is left out: its clients know its windows,
 * and act on its own words.
 */
import { type ContextOverflow, readContextOverflow } from '../protocol/context-overflow.ts';
import type { Candidate } from '../types.ts';
import { type Attempt, failedTry, isRefused, type RefusedExchange } from './attempt.ts';
import type { Backend } from './kinds.ts';
import type { OutboundWriter } from './outbound.ts';
import type { PromptSize } from './prompt-size.ts';

/** The judgement, which routing brings. All figures are tokens but `bodyBytes`. */
export interface ContextRules {
  readonly surelyFits: (maxTokens: number, bodyBytes: number, window: number) => boolean;
  readonly estimatePrompt: (size: PromptSize) => number;
  readonly fitMaxTokens: (asked: number, promptTokens: number, window: number) => number;
  /** `max_tokens` for one more try; null where none can help. */
  readonly roomAfter: (overflow: ContextOverflow, asked: number, estimate: () => number) => number | null;
  /** The refusal in the words that make Claude Code compact. */
  readonly sayTooLong: (overflow: ContextOverflow, asked: number | null) => string;
}

/** Tokens a candidate's model takes; null while nobody says. */
export type WindowOf = (backend: Backend, candidate: Candidate) => number | null;

const isClaude = ({ kind, format }: Backend) => kind === 'claude' && format === 'anthropic';

/** Shortens the answer asked for where prompt and answer would not fit together. */
export function withinWindow(attempt: Attempt, windowOf: WindowOf, rules: ContextRules): Attempt {
  return (one) => {
    const { backend, candidate, writer, changes } = one;
    if (isClaude(backend) || changes.maxTokens !== null) return attempt(one);
    const asked = writer.maxTokens();
    if (asked === null) return attempt(one);
    const window = windowOf(backend, candidate);
    if (window === null || rules.surelyFits(asked, writer.bodyBytes, window)) return attempt(one);
    const fitting = rules.fitMaxTokens(asked, rules.estimatePrompt(writer.promptSize()), window);
    return attempt(fitting < asked ? { ...one, changes: { ...changes, maxTokens: fitting } } : one);
  };
}

/** Tries once more with the room that a refusal leaves; where none is left, says so in Claude's words. */
export function withExactRoom(attempt: Attempt, rules: ContextRules): Attempt {
  return async (one) => {
    const first = await attempt(one);
    if (isClaude(one.backend) || !isRefused(first, 'context_overflow')) return first;
    const overflow = overflowOf(first);
    const asked = first.outbound.maxTokens;
    const room = asked === null ? null : rules.roomAfter(overflow, asked, () => estimate(one.writer, rules));
    if (room === null) return reword(first, rules.sayTooLong(overflow, asked));
    failedTry(one, 'context_overflow');
    const second = await attempt({ ...one, changes: { ...one.changes, maxTokens: room } });
    if (!isRefused(second, 'context_overflow')) return second;
    return reword(second, rules.sayTooLong(overflowOf(second), room));
  };
}

const estimate = (writer: OutboundWriter, rules: ContextRules) => rules.estimatePrompt(writer.promptSize());

const NOTHING_SAID: ContextOverflow = { promptTokens: null, maxTokens: null, limit: null };

/** The numbers survive their rewording into Claude's words, so they are read back from there. */
const overflowOf = ({ reply }: RefusedExchange) => readContextOverflow(reply.error.message) ?? NOTHING_SAID;

function reword(exchange: RefusedExchange, message: string): RefusedExchange {
  const { reply } = exchange;
  return { ...exchange, reply: { ...reply, error: { ...reply.error, message } } };
}
