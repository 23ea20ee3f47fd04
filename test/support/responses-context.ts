/** The request that translated answers for a Responses client answer. */
import type { Tool } from '../../src/protocol/conversation.ts';
import type { ReplyContext, ReplyEvent } from '../../src/protocol/reply-events.ts';
import { createResponsesEncoder } from '../../src/protocol/responses/encode-reply.ts';

const tool = (name: string, more: Partial<Tool> = {}): Tool => ({
  name,
  description: null,
  schema: { type: 'object' },
  strict: false,
  ...more,
});

/** One tool of each kind. */
export const TOOLS: readonly Tool[] = [
  tool('f'),
  tool('apply_patch', { custom: true }),
  tool('mcp__demo__add', { namespaced: { namespace: 'mcp__demo', name: 'add' } }),
  tool('ns__patch', { custom: true, namespaced: { namespace: 'ns', name: 'patch' } }),
  tool('tool_search', { search: true }),
];

/** A context whose minted ids count up: `call_1`, `call_2`, … */
export function responsesContext(changes: Partial<ReplyContext> = {}): ReplyContext {
  let minted = 0;
  return {
    messageId: 'resp_test',
    model: 'gpt-like',
    created: 1_795_000_000,
    showReasoning: true,
    streamUsage: true,
    toolNames: new Map(),
    tools: new Map(TOOLS.map((one) => [one.name, one])),
    usedToolIds: new Set(),
    mintToolId: () => `call_${++minted}`,
    requestId: 'req_test',
    ...changes,
  };
}

/** What the client of a streamed request reads. */
export function encodeResponses(events: readonly ReplyEvent[], context = responsesContext()): string {
  const encoder = createResponsesEncoder(context);
  return events.map((event) => encoder.push(event)).join('');
}
