/**
 * Reasoning that a stateless client carries back for us (`encrypted_content`): what the backend said and signed,
 * tagged with whose it is, sealed so that nobody reads or changes it on the way. Blobs of others are no business of
 * ours, and ours none of theirs (codex.md §8, §10).
 */
import type {
  AssistantPart,
  Conversation,
  ReasoningOrigin,
  ReasoningPart,
  RedactedReasoningPart,
  Turn,
} from '../conversation.ts';
import { asList, asObject, asText, isObject, parseJson } from '../json.ts';
import type { SealedPart } from '../reply-events.ts';

/** Authenticated encryption of a text; stateless, and the same key at every replica. */
export interface Seal {
  /** `null` where there is no key yet. */
  readonly seal: (text: string) => string | null;
  /** `null` for what was not sealed with this key, or was changed since. */
  readonly open: (sealed: string) => string | null;
}

/** What every blob of ours begins with, whatever the key. */
export const SEAL_MARK = 'gwr1.';

/** A seal without a key: nothing is sealed, nothing opens. */
export const NO_SEAL: Seal = { seal: () => null, open: () => null };

/** Seals the reasoning of one item. */
export function sealReasoning(
  parts: readonly SealedPart[],
  { backend, model }: ReasoningOrigin,
  { seal }: Seal,
): string | null {
  return seal(JSON.stringify({ backend, model, parts: parts.map(toCompact) }));
}

const toCompact = (part: SealedPart) =>
  part.type === 'reasoning' ? { text: part.text, signature: part.signature } : { data: part.data };

/** Reads a blob back; `null` where it is not ours. */
export function openReasoning(
  blob: string,
  { open }: Seal,
): readonly (ReasoningPart | RedactedReasoningPart)[] | null {
  if (!blob.startsWith(SEAL_MARK)) return null;
  const value = parseJson(open(blob) ?? '');
  if (!isObject(value)) return null;
  const origin = { backend: asText(value.backend), model: asText(value.model) };
  return asList(value.parts)
    .map(asObject)
    .map(({ text, signature, data }) =>
      typeof data === 'string'
        ? { type: 'redacted-reasoning', data, origin }
        : { type: 'reasoning', text: asText(text), signature: asText(signature), origin },
    );
}

/** The conversation without reasoning of other backends and models, as far as it is known whose it is. */
export function keepOwnReasoning(conversation: Conversation, own: ReasoningOrigin): Conversation {
  const isForeign = (part: AssistantPart): boolean =>
    'origin' in part &&
    part.origin !== undefined &&
    (part.origin.backend !== own.backend || part.origin.model !== own.model);
  let found = false;
  const turns = conversation.turns.map((turn): Turn => {
    if (turn.role !== 'assistant' || !turn.parts.some(isForeign)) return turn;
    found = true;
    return { role: 'assistant', parts: turn.parts.filter((part) => !isForeign(part)) };
  });
  if (!found) return conversation;
  return { ...conversation, turns, dropped: [...conversation.dropped, 'input.reasoning'] };
}
