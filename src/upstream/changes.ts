/** What a further try changes about a request that a backend did not take. */
import type { Conversation, OutputFormat, Turn } from '../protocol/conversation.ts';
import type { BackendProfile } from '../protocol/profile.ts';

/** Fields the gateway itself puts into translated requests, and which a backend may not know. */
export type OptionalField = 'stream_options' | 'response_format';

export interface Changes {
  /** `max_tokens` to send instead of what the client asked; null: as asked. */
  readonly maxTokens: number | null;
  /** The turns that the conversation is cut to; absent: all of them. */
  readonly turns?: readonly Turn[];
  /** Fields to do without, where the gateway put them in: a client's own are its own affair. */
  readonly without: ReadonlySet<OptionalField>;
}

export const NO_CHANGES: Changes = { maxTokens: null, without: new Set() };

/** The conversation with the changes made to it. */
export function changeConversation(
  conversation: Conversation,
  { maxTokens, turns, without }: Changes,
): Conversation {
  const changed = {
    ...conversation,
    ...(maxTokens !== null && { maxTokens }),
    ...(turns !== undefined && { turns, dropped: [...conversation.dropped, TRUNCATED] }),
  };
  if (!without.has('response_format') || conversation.format.kind === 'text') return changed;
  const system = [...conversation.system, describeFormat(conversation.format)];
  return { ...changed, system, format: { kind: 'text' } };
}

/** How a cut is told, as everything that is left out. */
const TRUNCATED = 'input.truncated';

/** The profile with the changes made to it. */
export function changeProfile(profile: BackendProfile, { without }: Changes): BackendProfile {
  return without.has('stream_options') ? { ...profile, streamUsage: false } : profile;
}

/** What the field would have enforced, asked for in words. */
function describeFormat(format: Exclude<OutputFormat, { kind: 'text' }>): string {
  const plain = 'Answer with one JSON object only: no other words before or after it, and no code fence.';
  if (format.kind === 'json-object') return plain;
  return `${plain} It must be valid against this JSON schema:\n${JSON.stringify(format.schema)}`;
}
