/** What is asked of every contender: bodies as a coding agent sends them, in four sizes, and streams. */

/**
 * Streamed answers: how many content events, how far apart. A request names its stream by `max_tokens`, the one number
 * that every gateway passes on.
 */
export const STREAMS = {
  /** An answer of a few lines. */
  short: { events: 50, pauseMs: 10 },
  /** A whole file. */
  long: { events: 2_000, pauseMs: 2 },
  /** One that stands open while others are opened beside it. */
  open: { events: 30, pauseMs: 500 },
} as const;

/** Users of the workload that has many. */
export const MANY_USERS = 1_000;

export interface Workload {
  readonly name: string;
  /** What the client speaks. */
  readonly dialect: 'anthropic' | 'responses';
  /** Body size in bytes, exact. */
  readonly bytes: number;
  /** How the answer is streamed; null: whole. */
  readonly stream: (typeof STREAMS)[keyof typeof STREAMS] | null;
  /** Whether a gateway must translate it; a plain proxy passes it on as it is. */
  readonly translated: boolean;
  /** Requests under way at once, each on a connection of its own. */
  readonly connections: number;
  /** Requests of one round, at most: a slow contender gets as many as it answers in `ROUND_MS`. */
  readonly requests: number;
  /** Users who take turns. */
  readonly users: number;
  /** Part of the short run. */
  readonly isCore: boolean;
}

const body = (name: string, bytes: number, requests: number): Workload => ({
  name,
  dialect: 'anthropic',
  bytes,
  stream: null,
  translated: false,
  connections: 16,
  requests,
  users: 1,
  isCore: true,
});
const streams = (name: string, stream: keyof typeof STREAMS): Workload => ({
  ...body(name, 20_000, stream === 'short' ? 192 : 32),
  stream: STREAMS[stream],
  connections: 32,
});
const translated = (workload: Workload): Workload => ({
  ...workload,
  name: `${workload.name} translated`,
  translated: true,
});
const further = (name: string, workload: Workload, changes: Partial<Workload>): Workload => ({
  ...workload,
  ...changes,
  name,
  isCore: false,
});

export const SMALL = body('1 kB', 1_000, 8_000);
const USUAL = body('20 kB', 20_000, 6_000);
const LARGE = body('200 kB', 200_000, 1_500);
const HUGE = body('1 MB', 1_000_000, 400);
const EVENTS = streams('stream event', 'short');
const MANY_EVENTS = streams('event of 2,000', 'long');
const asResponses = (workload: Workload): Workload =>
  further(`Responses, ${workload.name}`, workload, { dialect: 'responses' });

export const WORKLOADS: readonly Workload[] = [
  SMALL,
  USUAL,
  LARGE,
  HUGE,
  EVENTS,
  translated({ ...USUAL, requests: 3_000 }),
  translated({ ...LARGE, requests: 600 }),
  translated(EVENTS),
  further('1 kB translated', translated(SMALL), {}),
  further('1 MB translated', translated({ ...HUGE, requests: 100 }), {}),
  further('event of 2,000', MANY_EVENTS, {}),
  further('event of 2,000 translated', translated(MANY_EVENTS), {}),
  further('1 kB, 1 connection', SMALL, { connections: 1, requests: 3_000 }),
  further('1 kB, 128 connections', SMALL, { connections: 128 }),
  further('20 kB, 1 connection', USUAL, { connections: 1, requests: 3_000 }),
  further('20 kB, 128 connections', USUAL, { connections: 128 }),
  further('1 kB, 1,000 users', SMALL, { users: MANY_USERS }),
  ...[USUAL, LARGE, EVENTS].map(asResponses),
  ...[USUAL, LARGE, EVENTS].map(translated).map(asResponses),
];

/** Asked at half of the gateway's capacity, however fast it is answered. */
export const PACED: readonly Workload[] = [SMALL, USUAL, LARGE].map((one) => ({ ...one, connections: 128 }));

/** A thousand streams, open at once; a user of ours may not have so many. */
export const OPEN_STREAMS: Workload = {
  ...streams('1,000 open streams', 'open'),
  users: MANY_USERS,
  connections: 1_000,
  requests: 1_000,
};

/** Where each dialect is spoken, and what stands near the end of its streams. */
export const ENDPOINTS = {
  anthropic: { path: '/v1/messages', ending: 'message_stop' },
  responses: { path: '/v1/responses', ending: 'total_tokens' },
} as const;

/** Models of the plan in `contenders/gateway.ts`: of each dialect the first is served in it, the second translated. */
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
    stream: Workload['stream'],
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
      max_tokens: stream?.events ?? 4096,
      stream: stream !== null,
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
      max_output_tokens: stream?.events ?? 4096,
      stream: stream !== null,
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
