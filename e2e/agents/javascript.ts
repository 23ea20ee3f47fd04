/** OpenAI's Agents SDK for JavaScript against the gateway, in the same cases as `ask.py`. */
import type { AgentAnswer } from './python.ts';

interface Streamed {
  readonly completed: Promise<unknown>;
  readonly finalOutput: unknown;
  readonly lastAgent: { readonly name: string };
  [Symbol.asyncIterator](): AsyncIterator<unknown>;
}

/** Loaded by name at run time: the types are not there before `npm run test:e2e` has installed them. */
interface Sdk {
  readonly Agent: new (options: unknown) => unknown;
  readonly OpenAIResponsesModel: new (client: unknown, model: string) => unknown;
  readonly run: (agent: unknown, input: string, options: { stream: true }) => Promise<Streamed>;
  readonly tool: (options: unknown) => unknown;
  readonly setTracingDisabled: (disabled: boolean) => void;
}

interface Zod {
  readonly z: Readonly<Record<'object' | 'string' | 'number', (shape?: unknown) => unknown>>;
}

const load = <T>(name: string): Promise<T> => import(name) as Promise<T>;

export async function askJavaScript(
  kind: string,
  origin: string,
  key: string,
  model: string,
): Promise<AgentAnswer> {
  const sdk = await load<Sdk>('@openai/agents');
  const { z } = await load<Zod>('zod');
  const { default: OpenAI } = await load<{ default: new (options: unknown) => unknown }>('openai');
  sdk.setTracingDisabled(true);
  const client = new OpenAI({ baseURL: `${origin}/v1`, apiKey: key });
  const served = new sdk.OpenAIResponsesModel(client, model);
  const asked: string[] = [];
  const weather = sdk.tool({
    name: 'get_weather',
    description: 'Tells the weather.',
    parameters: z.object({ city: z.string() }),
    execute: ({ city }: { city: string }) => {
      asked.push(city);
      return `12 degrees in ${city}`;
    },
  });
  const expert = () => new sdk.Agent({ name: 'Weather expert', instructions: 'Know.', model: served });
  const more: Readonly<Record<string, () => object>> = {
    tools: () => ({ tools: [weather] }),
    structured: () => ({ outputType: z.object({ city: z.string(), degrees: z.number() }) }),
    handoff: () => ({ handoffs: [expert()] }),
  };
  const agent = new sdk.Agent({ name: 'Desk', instructions: 'Report.', model: served, ...more[kind]?.() });
  const streamed = await sdk.run(agent, 'How is the weather in Kiel?', { stream: true });
  let events = 0;
  for await (const _ of streamed) events += 1;
  await streamed.completed;
  return {
    output: streamed.finalOutput,
    agent: streamed.lastAgent.name,
    asked,
    streamed: events > 0,
  };
}
