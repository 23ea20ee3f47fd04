/** The SDKs as strict readers: everything that their final message says, and what they throw. */
import type { BackendFormat } from '../../src/types.ts';

export interface SdkReading {
  /** Content blocks (Anthropic), or `content`, `reasoning` and `calls` (OpenAI). */
  readonly said: unknown;
  readonly stop: unknown;
  /** Input, cache read, cache write and output tokens; as OpenAI counts: prompt, cached, written, completion. */
  readonly usage: readonly unknown[];
}

/** What an SDK made of an answer: it, or the type (Anthropic) or code (OpenAI) of the error that it threw. */
export type SdkResult = { readonly reading: SdkReading } | { readonly error: string };

export interface SdkReader {
  readonly name: string;
  readonly dialect: BackendFormat;
  /** Asks one question, without tools and without tries of the SDK's own, at a base address without `/v1`. */
  read(origin: string, key: string, model: string, stream: boolean): Promise<SdkResult>;
}

type Json = Record<string, unknown>;

interface AnthropicClient {
  readonly messages: {
    create(params: unknown): Promise<Json>;
    stream(params: unknown): { finalMessage(): Promise<Json> };
  };
}

interface ChatStream {
  on(event: 'chunk', listener: (chunk: Json) => void): ChatStream;
  finalChatCompletion(): Promise<Json>;
}

interface OpenAIClient {
  readonly chat: {
    readonly completions: { create(params: unknown): Promise<Json>; stream(params: unknown): ChatStream };
  };
}

interface ClientClass<T> {
  new (options: Readonly<Record<string, unknown>>): T;
}

/** One client for each address, so that connections are kept. */
function clientsOf<T>(packageName: string, path: string): (origin: string, key: string) => Promise<T> {
  const clients = new Map<string, Promise<T>>();
  const create = async (origin: string, key: string): Promise<T> => {
    const { default: Client } = (await import(packageName)) as { default: ClientClass<T> };
    return new Client({ baseURL: origin + path, apiKey: key, maxRetries: 0 });
  };
  return (origin, key) => {
    const client = clients.get(origin) ?? create(origin, key);
    clients.set(origin, client);
    return client;
  };
}

const MESSAGES = [{ role: 'user', content: 'Say it.' }];

function anthropicReader(name: string, packageName: string): SdkReader {
  const clientOf = clientsOf<AnthropicClient>(packageName, '');
  return {
    name,
    dialect: 'anthropic',
    read: (origin, key, model, stream) =>
      orError(async () => {
        const { messages } = await clientOf(origin, key);
        const thinking = { type: 'enabled', budget_tokens: 1024 };
        const params = { model, max_tokens: 4000, messages: MESSAGES, thinking };
        const message = stream ? await messages.stream(params).finalMessage() : await messages.create(params);
        const usage = message.usage as Json;
        return {
          said: message.content,
          stop: message.stop_reason,
          usage: [
            usage.input_tokens,
            usage.cache_read_input_tokens,
            usage.cache_creation_input_tokens,
            usage.output_tokens,
          ],
        };
      }),
  };
}

function openaiReader(name: string, packageName: string): SdkReader {
  const clientOf = clientsOf<OpenAIClient>(packageName, '/v1');
  return {
    name,
    dialect: 'openai',
    read: (origin, key, model, stream) =>
      orError(async () => {
        const { completions } = (await clientOf(origin, key)).chat;
        const params = { model, messages: MESSAGES };
        if (!stream) return toReading(await completions.create(params), null);
        let reasoning = '';
        const completion = await completions
          .stream({ ...params, stream_options: { include_usage: true } })
          .on('chunk', (chunk) => {
            const [choice] = chunk.choices as { delta?: Json }[];
            reasoning += (choice?.delta?.reasoning_content as string | undefined) ?? '';
          })
          .finalChatCompletion();
        return toReading(completion, reasoning);
      }),
  };
}

/** The SDK keeps only the last piece of fields that it does not know, so reasoning is added up from the chunks. */
function toReading({ choices, usage }: Json, reasoning: string | null): SdkReading {
  const [choice] = choices as { message: Json; finish_reason: unknown }[];
  const message = choice?.message ?? {};
  const calls = (message.tool_calls ?? []) as {
    id: unknown;
    function: { name: unknown; arguments: unknown };
  }[];
  const counts = (usage ?? {}) as Json;
  const details = (counts.prompt_tokens_details ?? {}) as Json;
  return {
    said: {
      content: message.content ?? '',
      reasoning: reasoning ?? message.reasoning_content ?? '',
      calls: calls.map((call) => [call.id, call.function.name, call.function.arguments]),
    },
    stop: choice?.finish_reason,
    usage: [
      counts.prompt_tokens,
      details.cached_tokens,
      details.cache_write_tokens,
      counts.completion_tokens,
    ],
  };
}

async function orError(read: () => Promise<SdkReading>): Promise<SdkResult> {
  try {
    return { reading: await read() };
  } catch (thrown) {
    const error = thrown as {
      error?: Json & { error?: Json };
      code?: unknown;
      type?: unknown;
      message?: unknown;
    };
    // Anthropic's SDK hands on the envelope, OpenAI's the object inside it.
    const named = error.error?.error?.type ?? error.code ?? error.type;
    return { error: String(named ?? error.message) };
  }
}

/** The newest SDK of each kind, and one major version older. */
export const READERS: readonly SdkReader[] = [
  anthropicReader('Anthropic SDK 1', '@anthropic-ai/sdk'),
  anthropicReader('Anthropic SDK 0', 'anthropic-sdk-0'),
  openaiReader('OpenAI SDK 7', 'openai'),
  openaiReader('OpenAI SDK 6', 'openai-6'),
];
