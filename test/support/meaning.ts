/**
 * What requests and answers mean, apart from the dialect they are said in: written and read here without any of the
 * gateway's own code, so that two dialects can be held against each other.
 */
import type { BackendFormat, Dialect } from '../../src/types.ts';
import { parseSse, payloadsOf } from './sse.ts';

type Json = Record<string, unknown>;

export interface SaidCall {
  readonly id: string;
  readonly name: string;
  readonly arguments: Json;
  readonly result: string;
}

/** One round: the user speaks, the assistant answers, its calls get results. */
export interface Round {
  readonly asked: string;
  readonly answered: string;
  readonly calls: readonly SaidCall[];
}

export type Choice = 'auto' | 'none' | 'any' | { readonly name: string };

export interface Story {
  readonly system: string;
  readonly rounds: readonly Round[];
  /** What the user says last. */
  readonly last: string;
  readonly tools: readonly { readonly name: string; readonly description: string; readonly schema: Json }[];
  readonly choice: Choice | null;
  readonly maxTokens: number;
  readonly stop: readonly string[];
  readonly stream: boolean;
}

/** A story, or what a body says of one: calls with their results in place of ids. */
export interface Meaning {
  readonly system: string;
  readonly said: readonly unknown[];
  readonly tools: readonly unknown[];
  readonly choice: unknown;
  readonly maxTokens: unknown;
  readonly stop: unknown;
  readonly stream: unknown;
}

export function meaningOf(story: Story): Meaning {
  const { system, rounds, last, tools, choice, maxTokens, stop, stream } = story;
  const said = rounds.flatMap(({ asked, answered, calls }) => [
    ['user', asked],
    ...(answered === '' ? [] : [['assistant', answered]]),
    ...calls.map((call) => ['call', call.name, call.arguments, call.result]),
  ]);
  return { system, said: [...said, ['user', last]], tools, choice, maxTokens, stop, stream };
}

/** The body in which a client of the dialect tells the story. */
export function tell(dialect: Dialect, story: Story): Json {
  return TELLERS[dialect](story);
}

const TELLERS = { anthropic: tellAnthropic, openai: tellOpenAI, responses: tellResponses };

function tellAnthropic(story: Story): Json {
  const messages: Json[] = [];
  let results: Json[] = [];
  const ask = (text: string): void => {
    messages.push({ role: 'user', content: [...results, { type: 'text', text }] });
    results = [];
  };
  for (const { asked, answered, calls } of story.rounds) {
    ask(asked);
    const uses = calls.map(({ id, name, arguments: input }) => ({ type: 'tool_use', id, name, input }));
    const texts = answered === '' ? [] : [{ type: 'text', text: answered }];
    messages.push({ role: 'assistant', content: [...texts, ...uses] });
    results = calls.map(({ id, result }) => ({ type: 'tool_result', tool_use_id: id, content: result }));
  }
  ask(story.last);
  const { choice } = story;
  return {
    model: 'asked',
    max_tokens: story.maxTokens,
    stream: story.stream,
    ...(story.system !== '' && { system: story.system }),
    ...(story.stop.length > 0 && { stop_sequences: story.stop }),
    tools: story.tools.map(({ name, description, schema }) => ({ name, description, input_schema: schema })),
    ...(choice !== null && {
      tool_choice: typeof choice === 'string' ? { type: choice } : { type: 'tool', name: choice.name },
    }),
    messages,
  };
}

const OPENAI_CHOICES = { auto: 'auto', none: 'none', any: 'required' } as const;

function tellOpenAI(story: Story): Json {
  const { choice } = story;
  const rounds = story.rounds.flatMap(({ asked, answered, calls }) => [
    { role: 'user', content: asked },
    {
      role: 'assistant',
      content: answered === '' ? null : answered,
      ...(calls.length > 0 && {
        tool_calls: calls.map(({ id, name, arguments: input }) => ({
          id,
          type: 'function',
          function: { name, arguments: JSON.stringify(input) },
        })),
      }),
    },
    ...calls.map(({ id, result }) => ({ role: 'tool', tool_call_id: id, content: result })),
  ]);
  return {
    model: 'asked',
    max_completion_tokens: story.maxTokens,
    stream: story.stream,
    ...(story.stop.length > 0 && { stop: story.stop }),
    tools: story.tools.map(({ name, description, schema }) => ({
      type: 'function',
      function: { name, description, parameters: schema },
    })),
    ...(choice !== null && {
      tool_choice:
        typeof choice === 'string'
          ? OPENAI_CHOICES[choice]
          : { type: 'function', function: { name: choice.name } },
    }),
    messages: [
      ...(story.system === '' ? [] : [{ role: 'system', content: story.system }]),
      ...rounds,
      { role: 'user', content: story.last },
    ],
  };
}

/** Stop sequences are not part of this dialect. */
function tellResponses(story: Story): Json {
  const { choice } = story;
  const say = (role: string, type: string, text: string) =>
    text === '' ? [] : [{ type: 'message', role, content: [{ type, text }] }];
  const rounds = story.rounds.flatMap(({ asked, answered, calls }) => [
    ...say('user', 'input_text', asked),
    ...say('assistant', 'output_text', answered),
    ...calls.map(({ id, name, arguments: input }) => ({
      type: 'function_call',
      call_id: id,
      name,
      arguments: JSON.stringify(input),
    })),
    ...calls.map(({ id, result }) => ({ type: 'function_call_output', call_id: id, output: result })),
  ]);
  return {
    model: 'asked',
    max_output_tokens: story.maxTokens,
    stream: story.stream,
    tools: story.tools.map(({ name, description, schema: parameters }) => ({
      type: 'function',
      name,
      description,
      parameters,
    })),
    ...(choice !== null && {
      tool_choice:
        typeof choice === 'string' ? OPENAI_CHOICES[choice] : { type: 'function', name: choice.name },
    }),
    input: [
      ...say('developer', 'input_text', story.system),
      ...rounds,
      ...say('user', 'input_text', story.last),
    ],
  };
}

const list = (value: unknown): Json[] => (Array.isArray(value) ? (value as Json[]) : []);
const textOf = (content: unknown): string =>
  typeof content === 'string'
    ? content
    : list(content)
        .filter((part) => part.type === 'text')
        .map((part) => part.text)
        .join('|');

/** What a backend of the dialect is told by a body. */
export function understand(dialect: BackendFormat, body: Json): Meaning {
  return dialect === 'anthropic' ? understandAnthropic(body) : understandOpenAI(body);
}

function understandAnthropic(body: Json): Meaning {
  const blocks = list(body.messages).flatMap(({ role, content }) =>
    (typeof content === 'string' ? [{ type: 'text', text: content }] : list(content)).map(
      (block) => [String(role), block as Json] as const,
    ),
  );
  const results = new Map(
    blocks.flatMap(([, block]) =>
      block.type === 'tool_result' ? [[block.tool_use_id, textOf(block.content)] as const] : [],
    ),
  );
  const said = blocks.flatMap(([role, block]): unknown[] => {
    if (block.type === 'text') return [[role, block.text]];
    return block.type === 'tool_use' ? [['call', block.name, block.input, results.get(block.id)]] : [];
  });
  const choice = (body.tool_choice ?? null) as Json | null;
  return {
    system: textOf(body.system ?? ''),
    said,
    tools: list(body.tools).map(({ name, description, input_schema: schema }) => ({
      name,
      description,
      schema,
    })),
    choice: choice?.type === 'tool' ? { name: choice.name } : (choice?.type ?? null),
    maxTokens: body.max_tokens,
    stop: body.stop_sequences ?? [],
    stream: body.stream,
  };
}

function understandOpenAI(body: Json): Meaning {
  const messages = list(body.messages);
  const isSystem = ({ role }: Json) => role === 'system' || role === 'developer';
  const results = new Map(
    messages.flatMap((one) =>
      one.role === 'tool' ? [[one.tool_call_id, textOf(one.content)] as const] : [],
    ),
  );
  const said = messages.flatMap((message): unknown[] => {
    if (isSystem(message) || message.role === 'tool') return [];
    const text = textOf(message.content ?? '');
    const calls = list(message.tool_calls).map((call) => {
      const { name, arguments: json } = call.function as { name: string; arguments: string };
      return ['call', name, JSON.parse(json), results.get(call.id)];
    });
    return [...(text === '' ? [] : [[message.role, text]]), ...calls];
  });
  const choice = (body.tool_choice ?? null) as Json | string | null;
  const named = { auto: 'auto', none: 'none', required: 'any' }[String(choice)];
  return {
    system: messages
      .filter(isSystem)
      .map((one) => textOf(one.content))
      .join('|'),
    said,
    tools: list(body.tools).map((tool) => {
      const { name, description, parameters: schema } = tool.function as Json;
      return { name, description, schema };
    }),
    choice: choice === null ? null : (named ?? { name: ((choice as Json).function as Json).name }),
    maxTokens: body.max_completion_tokens ?? body.max_tokens,
    stop: body.stop ?? [],
    stream: body.stream,
  };
}

/** What an answer says. */
export interface AnswerMeaning {
  readonly text: string;
  readonly calls: readonly (readonly [name: unknown, input: unknown])[];
  readonly stop: unknown;
  /** Fresh input, cached input and output tokens. */
  readonly usage: readonly number[];
}

const STOPS: Readonly<Record<string, string>> = {
  end_turn: 'stop',
  stop: 'stop',
  max_tokens: 'length',
  length: 'length',
  tool_use: 'calls',
  tool_calls: 'calls',
  refusal: 'refusal',
  content_filter: 'refusal',
};
const stopOf = (reason: unknown): string => STOPS[String(reason)] ?? `unknown: ${reason}`;

/** What a client of the dialect reads in a whole answer. */
export function readAnswer(dialect: Dialect, body: Json): AnswerMeaning {
  if (dialect === 'anthropic') {
    const content = list(body.content);
    return {
      text: textOf(content),
      calls: content.filter((block) => block.type === 'tool_use').map(({ name, input }) => [name, input]),
      stop: stopOf(body.stop_reason),
      usage: anthropicUsage(body.usage as Json),
    };
  }
  if (dialect === 'responses') return readResponse(body);
  const { message, finish_reason } = list(body.choices)[0] as { message: Json; finish_reason: unknown };
  const calls = list(message.tool_calls).map((call) => call.function as Json);
  return {
    text: String(message.content ?? ''),
    calls: calls.map(({ name, arguments: json }) => [name, JSON.parse(String(json))]),
    stop: stopOf(finish_reason),
    usage: openaiUsage(body.usage as Json),
  };
}

function readResponse(body: Json): AnswerMeaning {
  const items = list(body.output);
  const calls = items.filter((item) => item.type === 'function_call');
  const stop = body.status === 'incomplete' ? 'length' : 'stop';
  const { input_tokens, input_tokens_details, output_tokens } = body.usage as Json;
  const cached = Number((input_tokens_details as Json).cached_tokens);
  return {
    text: items
      .filter((item) => item.type === 'message')
      .flatMap((item) => list(item.content).map((part) => part.text))
      .join('|'),
    calls: calls.map(({ name, arguments: json }) => [name, JSON.parse(String(json))]),
    stop: calls.length > 0 && stop === 'stop' ? 'calls' : stop,
    usage: [Number(input_tokens) - cached, cached, Number(output_tokens)],
  };
}

/** What a client of the dialect reads in a streamed answer. */
export function readStreamedAnswer(dialect: Dialect, stream: string): AnswerMeaning {
  const payloads = payloadsOf(parseSse(stream));
  if (dialect === 'responses') return readResponse((payloads.at(-1) as Json).response as Json);
  return dialect === 'anthropic' ? addUpEvents(payloads) : addUpChunks(payloads);
}

function addUpEvents(events: readonly Json[]): AnswerMeaning {
  const blocks: { type: unknown; name: unknown; text: string }[] = [];
  let usage: Json = {};
  let stop: unknown;
  for (const event of events) {
    const delta = (event.delta ?? {}) as Json;
    const last = blocks.at(-1);
    if (event.type === 'message_start') usage = (event.message as Json).usage as Json;
    if (event.type === 'content_block_start') {
      const { type, name } = event.content_block as Json;
      blocks.push({ type, name, text: '' });
    }
    if (event.type === 'content_block_delta' && last !== undefined)
      last.text += delta.text ?? delta.partial_json ?? '';
    if (event.type !== 'message_delta') continue;
    stop = delta.stop_reason;
    usage = { ...usage, ...(event.usage as Json) };
  }
  return {
    text: blocks.flatMap(({ type, text }) => (type === 'text' ? [text] : [])).join('|'),
    calls: blocks.flatMap(({ type, name, text }) =>
      type === 'tool_use' ? [[name, JSON.parse(text || '{}')] as const] : [],
    ),
    stop: stopOf(stop),
    usage: anthropicUsage(usage),
  };
}

function addUpChunks(chunks: readonly Json[]): AnswerMeaning {
  const calls: { name: unknown; text: string }[] = [];
  let text = '';
  let stop: unknown;
  let usage: Json = {};
  for (const chunk of chunks) {
    usage = (chunk.usage as Json | null) ?? usage;
    const [choice] = list(chunk.choices);
    const delta = (choice?.delta ?? {}) as Json;
    stop = choice?.finish_reason ?? stop;
    text += delta.content ?? '';
    for (const { index, function: called } of list(delta.tool_calls)) {
      const { name, arguments: json } = called as Json;
      const call = calls[index as number];
      if (call === undefined) calls[index as number] = { name, text: String(json ?? '') };
      else call.text += json ?? '';
    }
  }
  return {
    text,
    calls: calls.map((call) => [call.name, JSON.parse(call.text)] as const),
    stop: stopOf(stop),
    usage: openaiUsage(usage),
  };
}

const anthropicUsage = (usage: Json): number[] => [
  Number(usage.input_tokens),
  Number(usage.cache_read_input_tokens),
  Number(usage.output_tokens),
];

function openaiUsage(usage: Json): number[] {
  const cached = Number((usage.prompt_tokens_details as Json).cached_tokens);
  return [Number(usage.prompt_tokens) - cached, cached, Number(usage.completion_tokens)];
}
