/** What is asked of every contender: bodies as a coding agent sends them, in four sizes, and streams. */

/** Content events of one streamed answer. */
export const STREAM_EVENTS = 50;
/** Time between two of them. Milliseconds. */
export const EVENT_PAUSE_MS = 10;

export interface Workload {
  readonly name: string;
  /** What the client speaks. */
  readonly dialect: 'anthropic' | 'responses';
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
  dialect: 'anthropic',
  bytes,
  stream: false,
  translated,
  connections: 16,
  requests,
});
const streams = (name: string, translated: boolean): Workload => ({
  name,
  dialect: 'anthropic',
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
  ...[
    body('Responses, 20 kB', 20_000, 10_000),
    body('Responses, 200 kB', 200_000, 2_500),
    streams('Responses, stream event', false),
    body('Responses, 20 kB translated', 20_000, 4_000, true),
    body('Responses, 200 kB translated', 200_000, 800, true),
    streams('Responses, stream event translated', true),
  ].map((one) => ({ ...one, dialect: 'responses' as const })),
];

/** Where each dialect is spoken, and what stands near the end of its streams. */
export const ENDPOINTS = {
  anthropic: { path: '/v1/messages', ending: 'message_stop' },
  responses: { path: '/v1/responses', ending: 'total_tokens' },
} as const;

/** Models of the plan in `contenders.ts`: of each dialect the first is served in it, the second translated. */
export const MODELS = {
  anthropic: { same: 'claude-opus-4-8', translated: 'claude-haiku-5-5' },
  responses: { same: 'gpt-5.5', translated: 'gpt-5.5-mini' },
} as const;

const CODE = `export function add(a: number, b: number): number {
  // "quoted" text, a tab\there and a backslash \\ as source code has them
  return a + b; // größer als 0
}
`;

interface Telling {
  readonly tool: (name: string, description: string, schema: object) => object;
  readonly user: (text: string) => object;
  /** A call and its result. */
  readonly turn: (id: number, text: string) => readonly object[];
  readonly body: (
    model: string,
    stream: boolean,
    tools: readonly object[],
    said: readonly object[],
  ) => object;
}

const SYSTEM = 'You are a careful engineer.';

const TELLINGS: Readonly<Record<Workload['dialect'], Telling>> = {
  anthropic: {
    tool: (name, description, input_schema) => ({ name, description, input_schema }),
    user: (text) => ({ role: 'user', content: [{ type: 'text', text }] }),
    turn: (id, text) => [
      {
        role: 'assistant',
        content: [{ type: 'tool_use', id: `toolu_${id}`, name: 'read', input: { path: `src/${id}.ts` } }],
      },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: `toolu_${id}`, content: text }] },
    ],
    body: (model, stream, tools, messages) => ({
      model,
      max_tokens: 4096,
      stream,
      system: [{ type: 'text', text: SYSTEM }],
      tools,
      messages,
    }),
  },
  responses: {
    tool: (name, description, parameters) => ({ type: 'function', name, description, parameters }),
    user: (text) => ({ type: 'message', role: 'user', content: [{ type: 'input_text', text }] }),
    turn: (id, text) => [
      { type: 'function_call', call_id: `call_${id}`, name: 'read', arguments: `{"path":"src/${id}.ts"}` },
      { type: 'function_call_output', call_id: `call_${id}`, output: text },
    ],
    body: (model, stream, tools, input) => ({
      model,
      stream,
      store: false,
      instructions: SYSTEM,
      tools,
      input,
    }),
  },
};

/** A request with tools, a tool loop and text, padded to exactly so many bytes. */
export function bodyOf({ dialect, bytes, stream, translated }: Workload): Buffer {
  const telling = TELLINGS[dialect];
  const schema = { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] };
  const tools = ['read', 'write'].map((name) =>
    telling.tool(name, `Runs ${name} on a file of the project.`, schema),
  );
  const model = MODELS[dialect][translated ? 'translated' : 'same'];
  const said: object[] = [telling.user('Add two numbers.')];
  const textOf = () => JSON.stringify(telling.body(model, stream, tools, said));
  const size = () => Buffer.byteLength(textOf());
  const perTurn = CODE.repeat(12);
  const cost = Buffer.byteLength(JSON.stringify(telling.turn(1000, perTurn))) + 1;
  const turns = Math.max(0, Math.floor((bytes - size()) / cost) - 1);
  for (let id = 0; id < turns; id++) said.push(...telling.turn(1000 + id, perTurn));
  said.push(telling.user(''));
  const padding = bytes - size();
  said.pop();
  said.push(telling.user('x'.repeat(Math.max(0, padding))));
  return Buffer.from(textOf());
}
