/** What an answer's reader must know of the request that it answers. */
import type { Dialect } from '../types.ts';
import type { Conversation } from './conversation.ts';
import { CLIENT_DIALECTS } from './dialects.ts';
import type { ReplyContext } from './reply-events.ts';

/** A request that was translated on its way out. */
export interface TranslatedRequest {
  readonly conversation: Conversation;
  /** Tool names changed on the way out: name sent → name the client knows. */
  readonly toolNames: ReadonlyMap<string, string>;
}

export interface ReplyContextOptions {
  readonly dialect: Dialect;
  /** Model name to report. */
  readonly model: string;
  readonly requestId: string;
  /** Whether usage was asked for that the client did not ask for. */
  readonly asksUsage: boolean;
  /** Random text of letters and digits, for ids. */
  readonly randomText: () => string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly sealReasoning: ReplyContext['sealReasoning'];
  /** What the reply repeats of the request as the client sent it, over what the backend's was read to be. */
  readonly echo?: ReplyContext['echo'];
}

const NO_TOOLS: ReadonlySet<string> = new Set();
const NO_NAMES: ReadonlyMap<string, string> = new Map();

/** @param translated null where the request went out as it came */
export function toReplyContext(
  translated: TranslatedRequest | null,
  { dialect, model, requestId, asksUsage, randomText, now, sealReasoning, echo }: ReplyContextOptions,
): ReplyContext {
  const conversation = translated?.conversation;
  const { idPrefixes } = CLIENT_DIALECTS[dialect];
  return {
    messageId: idPrefixes.reply + randomText(),
    model,
    created: Math.floor(now / 1000),
    showReasoning: conversation === undefined || showsReasoning(conversation, dialect),
    streamUsage: !asksUsage && (conversation?.streamUsage ?? true),
    toolNames: translated?.toolNames ?? NO_NAMES,
    usedToolIds: conversation === undefined ? NO_TOOLS : toolIds(conversation),
    mintToolId: () => idPrefixes.toolCall + randomText(),
    requestId,
    tools: new Map(conversation?.tools.map((tool) => [tool.name, tool])),
    echo: echo === undefined ? conversation?.echo : { ...conversation?.echo, ...echo },
    sealReasoning,
    customTools: new Set(conversation?.tools.filter((tool) => tool.custom === true).map((tool) => tool.name)),
  };
}

/** As the client asked; said nothing, as its dialect has it. */
function showsReasoning({ reasoning }: Conversation, dialect: Dialect): boolean {
  if ('shown' in reasoning) return reasoning.shown;
  return reasoning.kind === 'default' && CLIENT_DIALECTS[dialect].showsReasoning;
}

function toolIds({ turns }: Conversation): ReadonlySet<string> {
  const ids = new Set<string>();
  for (const turn of turns) {
    if (turn.role !== 'assistant') continue;
    for (const part of turn.parts) if (part.type === 'tool-call') ids.add(part.id);
  }
  return ids;
}
