/** Tool-call ids that a client can live with: legal, and new in the whole conversation, in every dialect. */
import type { ReplyContext } from './reply-events.ts';

const LEGAL = /^[A-Za-z0-9_-]{1,64}$/;
const MOST_MINTED = 8;

/**
 * Keeps a backend's id where it is legal and new. Claude Code mixes up results whose ids repeat within a message,
 * and loses the whole turn when an id of an earlier turn comes again (both measured).
 *
 * @returns a function from the backend's id (empty where it gave none) to the client's
 */
export function createToolIdReader(
  context: Pick<ReplyContext, 'usedToolIds' | 'mintToolId'>,
): (id: string) => string {
  const given = new Set<string>();
  const isNew = (id: string): boolean => LEGAL.test(id) && !given.has(id) && !context.usedToolIds.has(id);

  const mint = (): string => {
    let id = context.mintToolId();
    for (let i = 1; i < MOST_MINTED && !isNew(id); i++) id = context.mintToolId();
    for (let i = 1; !isNew(id); i++) id = `call_${given.size}_${i}`;
    return id;
  };

  return (id) => {
    const chosen = isNew(id) ? id : mint();
    given.add(chosen);
    return chosen;
  };
}
