/**
 * The official SDKs, today's and the major before, each behind the same question and answer. They are loaded by
 * name at run time: their types are not there before `npm run test:e2e` has installed them.
 */
import type { BackendFormat } from '../../src/types.ts';

export interface Question {
  /** Origin of the gateway. */
  readonly origin: string;
  readonly key: string;
  readonly model: string;
  readonly prompt: string;
  readonly stream: boolean;
  /** Given up when it fires. */
  readonly signal?: AbortSignal;
}

export interface SdkAnswer {
  readonly text: string;
  readonly toolCalls: readonly { readonly name: string; readonly arguments: unknown }[];
  readonly usage: { readonly input: number; readonly output: number };
  /** The stop reason in the dialect's own word. */
  readonly stop: string | null;
  /** The model that the answer names. */
  readonly model: string;
}

/** What the SDK throws at its user. */
export interface SdkError {
  /** Name of the class. */
  readonly kind: string;
  readonly status: number | undefined;
  readonly message: string;
  /** `error.type` of the envelope, as the SDK hands it on. */
  readonly type: unknown;
}

export interface Sdk {
  readonly name: string;
  readonly dialect: BackendFormat;
  /** Asks with one tool on offer, `get_weather {city}`; the SDK's own retries are on. */
  ask(question: Question): Promise<SdkAnswer>;
}

interface AnthropicMessage {
  readonly content: readonly {
    readonly type: string;
    readonly text?: string;
    readonly name?: string;
    readonly input?: unknown;
  }[];
  readonly usage: { readonly input_tokens: number; readonly output_tokens: number };
  readonly stop_reason: string | null;
  readonly model: string;
}

interface AnthropicClient {
  readonly messages: {
    create(params: unknown, options: unknown): Promise<AnthropicMessage>;
    stream(params: unknown, options: unknown): { finalMessage(): Promise<AnthropicMessage> };
  };
}

interface Completion {
  readonly choices: readonly {
    readonly message: {
      readonly content: string | null;
      readonly tool_calls?: readonly {
        readonly function: { readonly name: string; readonly arguments: string };
      }[];
    };
    readonly finish_reason: string;
  }[];
  readonly usage?: { readonly prompt_tokens: number; readonly completion_tokens: number };
  readonly model: string;
}

interface OpenAIClient {
  readonly chat: {
    readonly completions: {
      create(params: unknown, options: unknown): Promise<Completion>;
      stream(params: unknown, options: unknown): { finalChatCompletion(): Promise<Completion> };
    };
  };
}

interface ClientClass<T> {
  new (options: Readonly<Record<string, unknown>>): T;
}

const WEATHER = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };

function anthropicSdk(name: string, packageName: string): Sdk {
  return {
    name,
    dialect: 'anthropic',
    async ask({ origin, key, model, prompt, stream, signal }) {
      const { default: Anthropic } = (await import(packageName)) as { default: ClientClass<AnthropicClient> };
      const client = new Anthropic({ baseURL: origin, apiKey: key });
      const params = {
        model,
        max_tokens: 200,
        messages: [{ role: 'user', content: prompt }],
        tools: [{ name: 'get_weather', description: 'Tells the weather', input_schema: WEATHER }],
      };
      const message = stream
        ? await client.messages.stream(params, { signal }).finalMessage()
        : await client.messages.create(params, { signal });
      return {
        text: message.content.map((block) => block.text ?? '').join(''),
        toolCalls: message.content
          .filter((block) => block.type === 'tool_use')
          .map((block) => ({ name: block.name ?? '', arguments: block.input })),
        usage: { input: message.usage.input_tokens, output: message.usage.output_tokens },
        stop: message.stop_reason,
        model: message.model,
      };
    },
  };
}

function openaiSdk(name: string, packageName: string): Sdk {
  return {
    name,
    dialect: 'openai',
    async ask({ origin, key, model, prompt, stream, signal }) {
      const { default: OpenAI } = (await import(packageName)) as { default: ClientClass<OpenAIClient> };
      const client = new OpenAI({ baseURL: `${origin}/v1`, apiKey: key });
      const params = {
        model,
        max_completion_tokens: 200,
        messages: [{ role: 'user', content: prompt }],
        tools: [{ type: 'function', function: { name: 'get_weather', parameters: WEATHER } }],
      };
      const completion = stream
        ? await client.chat.completions
            .stream({ ...params, stream_options: { include_usage: true } }, { signal })
            .finalChatCompletion()
        : await client.chat.completions.create(params, { signal });
      const [choice] = completion.choices;
      return {
        text: choice?.message.content ?? '',
        toolCalls: (choice?.message.tool_calls ?? []).map((call) => ({
          name: call.function.name,
          arguments: JSON.parse(call.function.arguments),
        })),
        usage: {
          input: completion.usage?.prompt_tokens ?? -1,
          output: completion.usage?.completion_tokens ?? -1,
        },
        stop: choice?.finish_reason ?? null,
        model: completion.model,
      };
    },
  };
}

/** Every SDK in every version that is tried. */
export const SDKS: readonly Sdk[] = [
  anthropicSdk('Anthropic SDK 1', '@anthropic-ai/sdk'),
  anthropicSdk('Anthropic SDK 0', 'anthropic-sdk-0'),
  openaiSdk('OpenAI SDK 7', 'openai'),
  openaiSdk('OpenAI SDK 6', 'openai-6'),
];

/** The error that asking ends in; fails where it ends in an answer. */
export async function errorOf(asked: Promise<SdkAnswer>): Promise<SdkError> {
  try {
    await asked;
  } catch (error) {
    const { status, message, type, error: body } = error as Record<string, unknown>;
    const inner = (body as { error?: { type?: unknown }; type?: unknown } | undefined) ?? {};
    return {
      kind: (error as Error).constructor.name,
      status: typeof status === 'number' ? status : undefined,
      message: String(message),
      type: type ?? inner.error?.type ?? inner.type,
    };
  }
  throw new Error('an error was expected, but an answer came');
}
