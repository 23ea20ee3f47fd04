/**
 * The gateway before llama.cpp's server with a small English model (`npm run test:llamacpp`): vLLM's list as far as
 * it goes. Its answers are real sentences that mostly end by themselves. It does not reason, its template has no
 * tools, so that a demanded call is a sentence all the same, and Claude Code's prompt alone is above its window.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type GatewayProcess, startGatewayProcess } from '../../test/support/gateway-process.ts';
import { SDKS } from '../support/sdks.ts';
import { KEYS, staticKeys } from '../support/stage.ts';
import { type Answer, askChat, askMessages, assertWholeCalls, type Json, post } from './ask.ts';
import { waitForMetric } from './metrics.ts';

const timeout = 120_000;
const MODEL = 'smollm2-135m';
/** What the server is started with. */
const WINDOW = 8192;
const RUNNING = 'llamacpp:requests_processing';

const llamacpp = process.env.MODEL_SERVER_URL ?? '';
let translated: GatewayProcess;
/** llama.cpp by its own Messages endpoint. */
let native: GatewayProcess;

const yaml = (format: string) => `backends:
  internal:
    kind: internal
    url: ${llamacpp}
    format: ${format}
    profile: { base: llamacpp, maxContext: ${WINDOW} }
`;

before(async () => {
  assert.notEqual(llamacpp, '', 'run by: npm run test:llamacpp');
  const env = { STATIC_KEYS: staticKeys(['enterprise']) };
  translated = await startGatewayProcess({ env, configYaml: yaml('openai') });
  native = await startGatewayProcess({ env, configYaml: yaml('anthropic') });
});
after(async () => {
  await native?.kill();
  await translated?.kill();
});

const question = (stream: boolean, prompt: string, maxTokens: number): Json => ({
  model: MODEL,
  max_tokens: maxTokens,
  stream,
  messages: [{ role: 'user', content: prompt }],
});

const WAYS: readonly {
  readonly name: string;
  readonly dialect: 'anthropic' | 'openai';
  readonly ask: (body: Json) => Promise<Answer>;
}[] = [
  {
    name: 'Messages over Chat Completions',
    dialect: 'anthropic',
    ask: (body) => askMessages(translated.url, body),
  },
  {
    name: 'Messages over its own Messages',
    dialect: 'anthropic',
    ask: (body) => askMessages(native.url, body, 'passed-through'),
  },
  {
    name: 'Chat Completions over Chat Completions',
    dialect: 'openai',
    ask: (body) => askChat(translated.url, body, 'passed-through'),
  },
  {
    name: 'Chat Completions over its own Messages',
    dialect: 'openai',
    ask: (body) => askChat(native.url, body, 'encoded'),
  },
];

const CITY = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };

const toolsFor = (dialect: 'anthropic' | 'openai') =>
  ['get_weather', 'get_tide'].map((name) =>
    dialect === 'anthropic'
      ? { name, input_schema: CITY }
      : { type: 'function', function: { name, parameters: CITY } },
  );

const CHOICES: readonly { readonly what: string; readonly anthropic: Json; readonly openai: unknown }[] = [
  { what: 'some tool is demanded', anthropic: { type: 'any' }, openai: 'required' },
  {
    what: 'one tool is demanded',
    anthropic: { type: 'tool', name: 'get_tide' },
    openai: { type: 'function', function: { name: 'get_tide' } },
  },
];

for (const way of WAYS) {
  for (const stream of [false, true]) {
    const what = `${way.name}, ${stream ? 'streaming' : 'in one piece'}`;

    test(`${what}: English, usage and the end arrive`, { timeout }, async () => {
      const answer = await way.ask(question(stream, 'Say hello.', 30));
      assert.deepEqual([answer.status, answer.error], [200, null]);
      assert.match(answer.text, /[a-z]{3}/i);
      assert.ok(['end_turn', 'max_tokens', 'stop', 'length'].includes(String(answer.stop)));
    });

    test(`${what}: a tool on offer does no harm`, { timeout }, async () => {
      const answer = await way.ask({
        ...question(stream, 'What is the weather in Rome?', 60),
        tools: toolsFor(way.dialect),
      });
      assert.equal(answer.status, 200, JSON.stringify(answer.error));
      if (way.dialect === 'anthropic') assertWholeCalls(answer, stream);
    });

    for (const { what: demand, anthropic, openai } of CHOICES) {
      test(`${what}: when ${demand}, the answer is legal`, { timeout }, async () => {
        const answer = await way.ask({
          ...question(stream, 'What is the weather in Rome?', 40),
          tools: toolsFor(way.dialect),
          tool_choice: way.dialect === 'anthropic' ? anthropic : openai,
        });
        assert.equal(answer.status, 200, JSON.stringify(answer.error));
        assert.ok(answer.text !== '' || answer.calls.length > 0);
        if (way.dialect === 'anthropic') assertWholeCalls(answer, stream);
      });
    }

    test(`${what}: a prompt above the window is refused as such`, { timeout }, async () => {
      const answer = await way.ask(question(stream, 'sky '.repeat(WINDOW + 2000), 100));
      assert.equal(answer.status, 400);
      const words =
        way.dialect === 'anthropic' ? /prompt is too long/ : /prompt is too long|available context size/;
      assert.match(String(answer.error?.message), words);
    });
  }
}

for (const stream of [false, true]) {
  const how = stream ? 'streaming' : 'in one piece';

  test(`an answer follows its schema, ${how}`, { timeout }, async () => {
    const schema = {
      type: 'object',
      properties: { colour: { enum: ['red', 'green'] } },
      required: ['colour'],
      additionalProperties: false,
    };
    const answer = await askMessages(translated.url, {
      ...question(stream, 'Which colour is grass?', 60),
      output_config: { format: { type: 'json_schema', schema } },
    });
    const { colour, ...rest } = JSON.parse(answer.text) as Json;
    assert.ok(colour === 'red' || colour === 'green');
    assert.deepEqual(rest, {});
  });
}

for (const way of WAYS.filter(({ name }) => name.endsWith('over Chat Completions'))) {
  test(`${way.name}: a wish for more than the window holds is cut to it`, { timeout }, async () => {
    const schema = { enum: ['red', 'green'] };
    const answer = await way.ask({
      ...question(false, 'Which colour is grass?', 128_000),
      ...(way.dialect === 'anthropic'
        ? { output_config: { format: { type: 'json_schema', schema } } }
        : { response_format: { type: 'json_schema', json_schema: { name: 'colour', schema } } }),
    });
    assert.deepEqual([answer.status, answer.error], [200, null]);
    assert.match(answer.text, /^\s*"(red|green)"\s*$/);
  });
}

test('tokens are counted by its own Messages where it speaks it, else estimated near its count', {
  timeout,
}, async () => {
  const ask = { model: MODEL, messages: [{ role: 'user', content: 'The sky is blue. '.repeat(50) }] };
  const path = '/v1/messages/count_tokens';
  const count = async (origin: string) =>
    Number(((await (await post(origin, path, ask)).json()) as Json).input_tokens);
  const own = await count(llamacpp);
  assert.ok(own > 200);
  assert.equal(await count(native.url), own);
  // Words of three letters, and a template with a system prompt of its own, which no estimate sees.
  const estimated = await count(translated.url);
  assert.ok(estimated > 0.8 * own && estimated < 1.5 * own, `${estimated} for ${own}`);
});

// A whole answer is another matter: this server writes it to its end when nobody waits any more, with or without us.
test('llama.cpp stops within a second when the client gives up a stream', { timeout }, async () => {
  const client = new AbortController();
  const body = question(true, 'Write a very long story about the sea.', 6000);
  const reply = post(translated.url, '/v1/messages', body, client.signal);
  reply.catch(() => 'given up below');
  assert.ok(Number.isFinite(await waitForMetric(llamacpp, RUNNING, 1, 20_000)), 'llama.cpp is at work');
  client.abort();
  const took = await waitForMetric(llamacpp, RUNNING, 0, 5000);
  assert.ok(took < 1000, `stopped after ${took} ms`);
});

for (const sdk of SDKS) {
  for (const stream of [false, true]) {
    test(`${sdk.name} is answered, ${stream ? 'streaming' : 'in one piece'}`, { timeout }, async () => {
      const answer = await sdk.ask({
        origin: translated.url,
        key: KEYS.enterprise,
        model: MODEL,
        prompt: 'Say hello.',
        stream,
      });
      assert.ok(answer.text !== '' || answer.toolCalls.length > 0);
      assert.ok(answer.usage.output > 0);
      assert.equal(answer.model, MODEL);
    });
  }
}

test('nothing of it is left running', { timeout }, async () => {
  assert.ok(Number.isFinite(await waitForMetric(llamacpp, RUNNING, 0, 5000)));
});
