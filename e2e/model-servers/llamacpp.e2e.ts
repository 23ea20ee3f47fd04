/**
 * The gateway before llama.cpp's server with a small English model (`npm run test:llamacpp`). It has no tool template,
 * so that tools are offered but never demanded; its answers are real sentences that end by themselves.
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

/** Its counter is no `/tokenize` of messages, so tokens are estimated. */
const yaml = (format: string) => `backends:
  internal:
    kind: internal
    url: ${llamacpp}
    format: ${format}
    profile: { tokenizePath: null, maxContext: ${WINDOW} }
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
      const schema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
      const tool =
        way.dialect === 'anthropic'
          ? { name: 'get_weather', input_schema: schema }
          : { type: 'function', function: { name: 'get_weather', parameters: schema } };
      const answer = await way.ask({
        ...question(stream, 'What is the weather in Rome?', 60),
        tools: [tool],
      });
      assert.equal(answer.status, 200, JSON.stringify(answer.error));
      if (way.dialect === 'anthropic') assertWholeCalls(answer, stream);
    });

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
