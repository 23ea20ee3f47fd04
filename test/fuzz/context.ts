/** The request that mutated answers answer. */
import { CLIENT_DIALECTS } from '../../src/protocol/dialects.ts';
import type { ReplyContext } from '../../src/protocol/reply-events.ts';
import type { Dialect } from '../../src/types.ts';

const TOOL = { name: 'patch', description: null, schema: {}, strict: false };

/** Every option switched on; minted ids count up. */
export function fuzzContext(dialect: Dialect): ReplyContext {
  let minted = 0;
  const { idPrefixes } = CLIENT_DIALECTS[dialect];
  return {
    messageId: `${idPrefixes.reply}fuzz`,
    model: 'claude-opus-5-5',
    created: 1_795_000_000,
    showReasoning: true,
    streamUsage: true,
    toolNames: new Map([['read_12345678', 'mcp__files.read']]),
    customTools: new Set(['patch']),
    tools: new Map([
      ['patch', { ...TOOL, custom: true }],
      ['a', { ...TOOL, search: true }],
      ['mcp__files.read', { ...TOOL, namespaced: { namespace: 'mcp__files', name: 'read' } }],
    ]),
    echo: { metadata: { a: 'b' } },
    sealReasoning: (parts) => JSON.stringify(parts),
    usedToolIds: new Set(['call_1']),
    mintToolId: () => `${idPrefixes.toolCall}fuzz${++minted}`,
    requestId: 'req_fuzz',
  };
}

export const FUZZ_OPTIONS = {
  signatures: true,
  toolNames: new Set(['read', 'patch', 'read_12345678', 'constructor']),
};
