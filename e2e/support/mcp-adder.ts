/** A tool server of our own for Codex: the Model Context Protocol on standard input and output, one tool, `add`. */
import { createInterface } from 'node:readline';

interface Message {
  readonly id?: number | string;
  readonly method: string;
  readonly params?: { readonly protocolVersion?: string; readonly arguments?: { a?: number; b?: number } };
}

const ADD = {
  name: 'add',
  description: 'Adds two numbers',
  inputSchema: {
    type: 'object',
    properties: { a: { type: 'number' }, b: { type: 'number' } },
    required: ['a', 'b'],
  },
};

const RESULTS: Readonly<Record<string, (message: Message) => unknown>> = {
  initialize: ({ params }) => ({
    protocolVersion: params?.protocolVersion ?? '2025-06-18',
    capabilities: { tools: {} },
    serverInfo: { name: 'adder', version: '1.0.0' },
  }),
  ping: () => ({}),
  'tools/list': () => ({ tools: [ADD] }),
  'tools/call': ({ params }) => {
    const { a = 0, b = 0 } = params?.arguments ?? {};
    return { content: [{ type: 'text', text: `the sum is ${a + b}` }] };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const message = JSON.parse(line) as Message;
  if (message.id === undefined) continue;
  const result = RESULTS[message.method]?.(message);
  const answer = result === undefined ? { error: { code: -32601, message: 'no such method' } } : { result };
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id: message.id, ...answer })}\n`);
}
