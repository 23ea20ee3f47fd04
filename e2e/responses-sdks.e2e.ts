/** OpenAI's SDK and both Agents SDKs over Responses, in front of each format: every request counted. */
import assert from 'node:assert/strict';
import { skipBecause } from '../test/support/skip.ts';
import { askJavaScript } from './agents/javascript.ts';
import { askPython, installAgents } from './agents/python.ts';
import { CODEX_PLAN, CODEX_WAYS, type Way } from './support/codex-ways.ts';
import { call, onSharedStage, type Scene, textOf } from './support/scene.ts';

const scene = onSharedStage(CODEX_PLAN);

interface Response {
  readonly id: string;
  readonly output_text: string;
  readonly output: readonly {
    readonly type: string;
    readonly name?: string;
    readonly arguments?: string;
    readonly call_id?: string;
  }[];
  readonly output_parsed?: unknown;
  readonly status: string;
  readonly usage: {
    readonly input_tokens: number;
    readonly output_tokens: number;
    readonly total_tokens: number;
  };
}

interface Client {
  readonly responses: {
    create(params: unknown): Promise<Response>;
    parse(params: unknown): Promise<Response>;
    stream(
      params: unknown,
    ): AsyncIterable<{ readonly type: string }> & { finalResponse(): Promise<Response> };
  };
}

const VERSIONS = ['openai', 'openai-6'] as const;

async function clientOf(s: Scene, way: Way, version: string): Promise<Client> {
  const { default: OpenAI } = (await import(version)) as { default: new (options: unknown) => Client };
  return new OpenAI({ baseURL: `${s.proxy.url}/v1`, apiKey: way.key(s) });
}

const WEATHER = {
  type: 'function',
  name: 'get_weather',
  description: 'Tells the weather',
  strict: true,
  parameters: {
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
    additionalProperties: false,
  },
};

const WEATHER_REPORT = {
  type: 'object',
  properties: { city: { type: 'string' }, degrees: { type: 'integer' } },
  required: ['city', 'degrees'],
  additionalProperties: false,
};

for (const version of VERSIONS) {
  for (const way of CODEX_WAYS) {
    scene(`${version}: responses.create and .stream tell the same over ${way.format}`, async (s) => {
      const backend = way.backend(s);
      const client = await clientOf(s, way, version);
      backend.say({ text: 'The sky is blue.', usage: { input: 30, output: 6 } });
      backend.say({ text: 'The sky is blue.', usage: { input: 30, output: 6 } });
      const params = { model: way.model, instructions: 'Be brief.', input: 'Why is the sky blue?' };
      const whole = await client.responses.create(params);
      const stream = client.responses.stream(params);
      const types: string[] = [];
      for await (const { type } of stream) types.push(type);
      const streamed = await stream.finalResponse();
      for (const response of [whole, streamed]) {
        assert.deepEqual([response.output_text, response.status], ['The sky is blue.', 'completed']);
        assert.deepEqual(
          [response.usage.input_tokens, response.usage.output_tokens, response.usage.total_tokens],
          [30, 6, 36],
        );
        assert.match(response.id, /^resp_/);
      }
      assert.equal(types[0], 'response.created');
      assert.equal(types.at(-1), 'response.completed');
      assert.ok(types.filter((type) => type === 'response.output_text.delta').length > 1);
      assert.deepEqual([backend.requests.length, s.statuses()], [2, [200, 200]]);
    });

    scene(`${version}: a call is answered and its result goes back over ${way.format}`, async (s) => {
      const backend = way.backend(s);
      const client = await clientOf(s, way, version);
      backend.say({ thinking: 'Kiel.', tools: [call('call_1', 'get_weather', { city: 'Kiel' })] });
      backend.say({ text: '12 degrees.' });
      const question = { role: 'user', content: 'How is the weather in Kiel?' };
      const params = { model: way.model, tools: [WEATHER], include: ['reasoning.encrypted_content'] };
      const first = await client.responses.stream({ ...params, input: [question] }).finalResponse();
      const asked = first.output.find(({ type }) => type === 'function_call');
      assert.deepEqual([asked?.name, JSON.parse(asked?.arguments ?? '')], ['get_weather', { city: 'Kiel' }]);
      const result = { type: 'function_call_output', call_id: asked?.call_id, output: '12 degrees in Kiel' };
      const second = await client.responses.create({ ...params, input: [question, ...first.output, result] });
      assert.equal(second.output_text, '12 degrees.');
      assert.match(textOf(backend.requests[1]), /12 degrees in Kiel/);
      assert.equal(backend.requests.length, 2);
    });

    scene(`${version}: responses.parse reads a structured answer over ${way.format}`, async (s) => {
      const backend = way.backend(s);
      const client = await clientOf(s, way, version);
      backend.say({ text: '{"city":"Kiel","degrees":12}' });
      const format = { type: 'json_schema', name: 'weather', strict: true, schema: WEATHER_REPORT };
      const response = await client.responses.parse({
        model: way.model,
        input: 'How is the weather in Kiel?',
        text: { format },
      });
      assert.deepEqual(response.output_parsed, { city: 'Kiel', degrees: 12 });
      assert.deepEqual([backend.requests.length, s.statuses()], [1, [200]]);
      const schema = way.schemaIn(backend.requests[0]?.json as Record<string, never>);
      assert.match(JSON.stringify(schema), /"degrees"/);
    });
  }
}

for (const version of VERSIONS) {
  scene(`${version}: a used-up day is one request and our sentence`, async (s) => {
    const [, way] = CODEX_WAYS;
    assert.ok(way);
    const client = await clientOf(s, way, version);
    for (let request = 0; request < 10; request += 1) {
      s.internal.say({ text: 'Spent.' });
      await client.responses.create({ model: way.model, input: 'Hi' });
    }
    const refused = await client.responses.create({ model: way.model, input: 'Hi' }).then(
      () => assert.fail('an error was expected'),
      (error: { status: number; message: string; code: string }) => error,
    );
    assert.deepEqual([refused.status, refused.code], [429, 'usage_limit_reached']);
    assert.match(refused.message, /Daily quota of 10 requests used up/);
    assert.deepEqual(s.statuses().slice(10), [429]);
  });
}

const missing = installAgents();
if (missing !== null) skipBecause(missing);

const AGENTS = [
  { language: 'JavaScript', ask: askJavaScript, handOver: 'transfer_to_Weather_expert' },
  ...(missing === null
    ? [{ language: 'Python', ask: askPython, handOver: 'transfer_to_weather_expert' }]
    : []),
];

for (const { language, ask, handOver } of AGENTS) {
  for (const way of CODEX_WAYS) {
    scene(`Agents SDK for ${language}: a tool is run over ${way.format}`, async (s) => {
      const backend = way.backend(s);
      backend.say({ tools: [call('call_1', 'get_weather', { city: 'Kiel' })] }, { text: '12 degrees.' });
      const answer = await ask('tools', s.proxy.url, way.key(s), way.model);
      assert.deepEqual([answer.output, answer.asked, answer.streamed], ['12 degrees.', ['Kiel'], true]);
      assert.match(textOf(backend.requests[1]), /12 degrees in Kiel/);
      assert.deepEqual([backend.requests.length, s.statuses()], [2, [200, 200]]);
    });

    scene(`Agents SDK for ${language}: one agent hands over to another over ${way.format}`, async (s) => {
      const backend = way.backend(s);
      backend.say({ tools: [call('call_1', handOver, {})] }, { text: 'Cold.' });
      const answer = await ask('handoff', s.proxy.url, way.key(s), way.model);
      assert.deepEqual([answer.output, answer.agent], ['Cold.', 'Weather expert']);
      assert.equal(backend.requests.length, 2);
    });

    scene(`Agents SDK for ${language}: an answer has its type over ${way.format}`, async (s) => {
      const backend = way.backend(s);
      backend.say({ text: '{"city":"Kiel","degrees":12}' });
      const answer = await ask('structured', s.proxy.url, way.key(s), way.model);
      assert.deepEqual(answer.output, { city: 'Kiel', degrees: 12 });
      assert.equal(backend.requests.length, 1);
    });
  }
}
