/** What is asked of every contender: bodies as a coding agent sends them, in four sizes, and streams. */

/** Content events of one streamed answer. */
export const STREAM_EVENTS = 50;
/** Time between two of them. Milliseconds. */
export const EVENT_PAUSE_MS = 10;

export interface Workload {
  readonly name: string;
  /** Body size in bytes, exact. */
  readonly bytes: number;
  readonly stream: boolean;
  /** Whether a gateway must translate it; a plain proxy passes it on as it is. */
  readonly translated: boolean;
  /** Requests under way at once, each on a connection of its own. */
  readonly connections: number;
  /** Requests of one round. */
  readonly requests: number;
}

const body = (name: string, bytes: number, requests: number, translated = false): Workload => ({
  name,
  bytes,
  stream: false,
  translated,
  connections: 16,
  requests,
});
const streams = (name: string, translated: boolean): Workload => ({
  name,
  bytes: 20_000,
  stream: true,
  translated,
  connections: 32,
  requests: 192,
});

export const WORKLOADS: readonly Workload[] = [
  body('1 kB', 1_000, 12_000),
  body('20 kB', 20_000, 10_000),
  body('200 kB', 200_000, 2_500),
  body('1 MB', 1_000_000, 500),
  streams('stream event', false),
  body('1 kB translated', 1_000, 6_000, true),
  body('20 kB translated', 20_000, 4_000, true),
  body('200 kB translated', 200_000, 800, true),
  streams('stream event translated', true),
];

/** Models of the plan in `contenders.ts`: the first is served in the client's dialect, the second translated. */
export const SAME_DIALECT_MODEL = 'claude-opus-4-8';
export const TRANSLATED_MODEL = 'claude-haiku-5-5';

const CODE = `export function add(a: number, b: number): number {
  // "quoted" text, a tab\there and a backslash \\ as source code has them
  return a + b; // größer als 0
}
`;

/** An Anthropic request with tools, a tool loop and text, padded to exactly so many bytes. */
export function bodyOf({ bytes, stream, translated }: Workload): Buffer {
  const tool = (name: string) => ({
    name,
    description: `Runs ${name} on a file of the project.`,
    input_schema: { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] },
  });
  const request = {
    model: translated ? TRANSLATED_MODEL : SAME_DIALECT_MODEL,
    max_tokens: 4096,
    stream,
    system: [{ type: 'text', text: 'You are a careful engineer.' }],
    tools: ['read', 'write'].map(tool),
    messages: [{ role: 'user', content: [{ type: 'text', text: 'Add two numbers.' }] }] as object[],
  };
  const turn = (id: number, text: string) => [
    {
      role: 'assistant',
      content: [{ type: 'tool_use', id: `toolu_${id}`, name: 'read', input: { path: `src/${id}.ts` } }],
    },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: `toolu_${id}`, content: text }] },
  ];
  const size = () => Buffer.byteLength(JSON.stringify(request));
  const perTurn = CODE.repeat(12);
  const cost = Buffer.byteLength(JSON.stringify(turn(1000, perTurn))) + 1;
  const turns = Math.max(0, Math.floor((bytes - size()) / cost) - 1);
  for (let id = 0; id < turns; id++) request.messages.push(...turn(1000 + id, perTurn));
  request.messages.push({ role: 'user', content: [{ type: 'text', text: '' }] });
  const padding = bytes - size();
  request.messages.pop();
  request.messages.push({
    role: 'user',
    content: [{ type: 'text', text: 'x'.repeat(Math.max(0, padding)) }],
  });
  return Buffer.from(JSON.stringify(request));
}
