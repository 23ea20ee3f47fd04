/** How a wish for reasoning is said to Claude, and what it leaves room for (O-10, O-14, O-16). */
import type { Conversation, Effort } from '../conversation.ts';
import type { JsonObject } from '../json.ts';
import type { ClaudeTraits } from './claude-models.ts';

export interface ThinkingChoice {
  /** `thinking`, or nothing. */
  readonly thinking: JsonObject | null;
  readonly effort: Effort | null;
  readonly maxTokens: number;
  /** Whether Claude will reason; sampling parameters are refused then. */
  readonly thinks: boolean;
}

export interface ThinkingLimits {
  readonly traits: ClaudeTraits;
  /** `max_tokens` where the client named none. */
  readonly maxOutputTokens: number;
  /** The request goes on with a tool turn whose reasoning is lost; budget models refuse to think then. */
  readonly resumesUnsignedTurn: boolean;
}

const BUDGETS: Readonly<Record<Effort, number>> = {
  minimal: 4096,
  low: 4096,
  medium: 10_000,
  high: 24_000,
  xhigh: 32_000,
  max: 32_000,
};

/** Claude's own minimum, and the least that is left for the answer itself. */
const SMALLEST_BUDGET = 1024;
const SMALLEST_ANSWER = 1024;

/** Decides on reasoning and on `max_tokens`, which depend on each other where reasoning has a budget. */
export function chooseThinking(
  conversation: Conversation,
  limits: ThinkingLimits,
  dropped: Set<string>,
): ThinkingChoice {
  const { reasoning, toolChoice } = conversation;
  const { traits } = limits;
  const plain = {
    thinking: null,
    effort: null,
    maxTokens: conversation.maxTokens ?? limits.maxOutputTokens,
    thinks: traits.thinking === 'adaptive' && !traits.disableThinking,
  };
  const off = traits.disableThinking ? { ...plain, thinking: { type: 'disabled' } } : plain;
  if (reasoning.kind !== 'on') return reasoning.kind === 'off' ? off : plain;
  // A forced tool and reasoning are refused together; the tool is what the client insisted on (O-14).
  const forced = toolChoice?.kind === 'any' || toolChoice?.kind === 'tool';
  if (forced || traits.thinking === 'none') {
    dropped.add('reasoning_effort');
    return forced ? off : plain;
  }
  const wished = effortOf(reasoning);
  if (traits.thinking === 'adaptive') {
    const thinking = { type: 'adaptive', display: reasoning.shown ? 'summarized' : 'omitted' };
    return {
      ...plain,
      thinking,
      effort: wished === null ? null : nearest(wished, traits.efforts),
      thinks: true,
    };
  }
  const choice = limits.resumesUnsignedTurn
    ? null
    : chooseBudget(reasoning.budget ?? BUDGETS[wished ?? 'medium'], conversation.maxTokens, limits);
  if (choice !== null) return { ...plain, ...choice, thinks: true };
  dropped.add('reasoning_effort');
  return off;
}

function effortOf({ effort, budget }: { effort: Effort | null; budget: number | null }): Effort | null {
  if (effort !== null || budget === null) return effort;
  if (budget < 4000) return 'low';
  return budget < 16_000 ? 'medium' : 'high';
}

const RANKS: readonly Effort[] = ['minimal', 'low', 'medium', 'high', 'xhigh', 'max'];

/** The highest accepted effort that is not above the wished one, else the lowest. */
function nearest(wished: Effort, accepted: readonly Effort[]): Effort | null {
  const notAbove = accepted.filter((effort) => RANKS.indexOf(effort) <= RANKS.indexOf(wished));
  return notAbove.at(-1) ?? accepted[0] ?? null;
}

/** The client counted its tokens for the answer, so the budget comes on top as far as the model allows. */
function chooseBudget(
  wished: number,
  maxTokens: number | null,
  { traits, maxOutputTokens }: ThinkingLimits,
): Pick<ThinkingChoice, 'thinking' | 'maxTokens'> | null {
  const room =
    maxTokens === null
      ? maxOutputTokens
      : Math.max(maxTokens, Math.min(maxTokens + Math.max(wished, SMALLEST_BUDGET), traits.maxOutput));
  const budget = Math.min(Math.max(wished, SMALLEST_BUDGET), room - SMALLEST_ANSWER);
  if (budget < SMALLEST_BUDGET) return null;
  return { thinking: { type: 'enabled', budget_tokens: budget }, maxTokens: room };
}
