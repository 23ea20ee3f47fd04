/** How a client's wish about reasoning is said to an OpenAI-format backend. */
import type { Conversation, Effort, ReasoningRequest } from '../conversation.ts';
import type { JsonObject } from '../json.ts';
import type { BackendProfile } from '../profile.ts';

const RANKS: ReadonlyMap<string, number> = new Map(
  ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'].map((name, rank) => [name, rank] as const),
);

/** Plain switches, by the vendors that have them: model servers, Alibaba, and DeepSeek with GLM and Kimi. */
const SWITCHES: ReadonlyMap<string, (on: boolean) => JsonObject> = new Map([
  ['chat-template', (on: boolean): JsonObject => ({ chat_template_kwargs: { enable_thinking: on } })],
  ['enable-thinking', (on: boolean): JsonObject => ({ enable_thinking: on })],
  ['thinking-type', (on: boolean): JsonObject => ({ thinking: { type: on ? 'enabled' : 'disabled' } })],
]);

/**
 * The fields that switch reasoning. A client that says nothing means "off" where the backend has a plain switch:
 * Anthropic's default is no reasoning, Qwen3's is reasoning.
 */
export function writeReasoning(
  conversation: Conversation,
  profile: BackendProfile,
  dropped: Set<string>,
): JsonObject {
  const { reasoning, tools } = conversation;
  if (reasoning.kind === 'as-the-model-likes') return {};
  const flip = SWITCHES.get(profile.reasoningToggle);
  if (flip !== undefined) {
    return { ...flip(reasoning.kind === 'on'), ...writeEffortBeside(reasoning, profile, dropped) };
  }
  // Silence stays silence: models without reasoning refuse any effort at all.
  if (reasoning.kind === 'default') return {};
  if (profile.reasoningToggle === 'none') {
    dropped.add('thinking');
    return {};
  }
  const wished = wishedEffort(reasoning);
  if (wished === null) return {};
  const effort = tools.length > 0 && !profile.effortWithTools ? null : nearestEffort(wished, profile.efforts);
  if (effort !== null && (wished !== 'none' || isLowest(effort))) return { reasoning_effort: effort };
  dropped.add(wished === 'none' ? 'thinking' : 'output_config.effort');
  return {};
}

/** How hard to reason, beside a switch that is on. */
function writeEffortBeside(
  reasoning: ReasoningRequest,
  { efforts }: BackendProfile,
  dropped: Set<string>,
): JsonObject {
  if (reasoning.kind !== 'on') return {};
  const wished = wishedEffort(reasoning);
  const effort = wished === null ? null : nearestEffort(wished, efforts);
  if (effort !== null) return { reasoning_effort: effort };
  if (reasoning.effort !== null) dropped.add('output_config.effort');
  return {};
}

/** `null`: the model's own default. */
function wishedEffort(reasoning: ReasoningRequest): Effort | 'none' | null {
  if (reasoning.kind !== 'on') return 'none';
  if (reasoning.effort !== null) return reasoning.effort;
  if (reasoning.budget === null) return null;
  if (reasoning.budget < 4000) return 'low';
  return reasoning.budget < 16_000 ? 'medium' : 'high';
}

/** The nearest of the accepted efforts; of two equally near the higher. `null` where none is known. */
function nearestEffort(wished: string, accepted: readonly string[]): string | null {
  const goal = RANKS.get(wished) ?? 0;
  let best: { name: string; distance: number } | null = null;
  for (const name of accepted) {
    const rank = RANKS.get(name);
    if (rank === undefined) continue;
    const distance = Math.abs(rank - goal);
    if (best === null || distance <= best.distance) best = { name, distance };
  }
  return best?.name ?? null;
}

/** Only these mean "do not reason"; a backend that knows neither is left alone. */
function isLowest(effort: string): boolean {
  return effort === 'none' || effort === 'minimal';
}
