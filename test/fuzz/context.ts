/** The request that mutated answers answer. */
import type { ReplyContext } from '../../src/protocol/reply-events.ts';
import type { Dialect } from '../../src/types.ts';

/** Every option switched on; minted ids count up. */
export function fuzzContext(dialect: Dialect): ReplyContext {
  let minted = 0;
  const prefix = dialect === 'anthropic' ? 'toolu_' : 'call_';
  return {
    messageId: 'msg_fuzz',
    model: 'claude-opus-5-5',
    created: 1_795_000_000,
    showReasoning: true,
    streamUsage: true,
    toolNames: new Map([['read_12345678', 'mcp__files.read']]),
    customTools: new Set(['patch']),
    usedToolIds: new Set(['call_1']),
    mintToolId: () => `${prefix}fuzz${++minted}`,
    requestId: 'req_fuzz',
  };
}

export const FUZZ_OPTIONS = {
  toolNames: new Set(['read', 'patch', 'read_12345678', 'constructor']),
};
