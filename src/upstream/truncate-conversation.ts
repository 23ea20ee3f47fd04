/**
 * Conversations whose client lets their beginning be left out (`truncation: "auto"`): sent whole, and cut by the
 * backend's own count where it, and every larger model of the route, has refused them as too long.
 */
import { type ContextOverflow, readContextOverflow } from '../protocol/context-overflow.ts';
import type { Conversation } from '../protocol/conversation.ts';
import { truncateTurns } from '../protocol/truncate.ts';
import type { Candidate } from '../types.ts';
import { isRefused } from './attempt.ts';
import { NO_CHANGES } from './changes.ts';
import type { WindowOf } from './fit-window.ts';
import type { OutboundWriter } from './outbound.ts';
import { measurePrompt } from './prompt-size.ts';
import type { SendFirst } from './send-first.ts';
import type { Sending, Served } from './try-replicas.ts';

/** A count by another tokenizer than the model's may need a second cut; what then is too long stays so. */
const MOST_CUTS = 2;

/** @param promptRoom tokens that a prompt may have beside an answer of so many, in a window */
export function withTruncation(
  sendFirst: SendFirst,
  windowOf: WindowOf,
  promptRoom: (asked: number | null, window: number) => number,
): SendFirst {
  return async (sending) => {
    let current = sending;
    let served = await sendFirst(current);
    for (let cuts = 0; cuts < MOST_CUTS; cuts++) {
      const shorter = shorten(served, current);
      if (shorter === null) break;
      current.signal.throwIfAborted();
      current = shorter;
      served = await sendFirst(current);
    }
    return served;
  };

  /** The same for the candidates of the model that refused, with fewer turns; null where that does not help. */
  function shorten(served: Served, sending: Sending): Sending | null {
    const { backend, outbound, reply } = served;
    const conversation = outbound.translation?.conversation;
    if (conversation?.truncates !== true || !isRefused(served, 'context_overflow')) return null;
    const overflow = readContextOverflow(served.reply.error.message) ?? NOTHING_SAID;
    const { promptTokens, maxTokens, limit } = overflow;
    const window = limit ?? windowOf(backend, reply.candidate);
    // Where only the answer was too long, fewer turns do not help.
    if (window === null || (promptTokens === null && maxTokens !== null)) return null;
    const turns = truncateTurns(conversation, {
      tokens: promptRoom(outbound.maxTokens, window),
      promptTokens,
    });
    if (turns === null) return null;
    const { backend: name, model } = reply.candidate;
    const isOfTheModel = (one: Candidate) => one.backend === name && one.model === model;
    const [first = reply.candidate, ...others] = sending.candidates.filter(isOfTheModel);
    return {
      ...sending,
      candidates: [first, ...others],
      writer: withTurns(sending.writer, { ...conversation, turns }),
    };
  }
}

const NOTHING_SAID: ContextOverflow = { promptTokens: null, maxTokens: null, limit: null };

/** Writes the shorter conversation, or one that was cut from it, and measures that. */
function withTurns(writer: OutboundWriter, conversation: Conversation): OutboundWriter {
  const { system, tools, turns } = conversation;
  const prompt = Buffer.from(JSON.stringify([system, tools, turns]));
  return {
    ...writer,
    bodyBytes: prompt.length,
    promptSize: () => measurePrompt(prompt),
    write: (candidate, backend, changes = NO_CHANGES) =>
      writer.write(candidate, backend, { turns, ...changes }),
  };
}
