/**
 * The gateway before a real vLLM (`npm run test:vllm`). Its model has no weights, so that every answer is random
 * tokens: what is tested is that the client gets a legal, whole and truthful answer whatever comes.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type GatewayProcess, startGatewayProcess } from '../../test/support/gateway-process.ts';
import { runClaudeCode } from '../support/claude-code.ts';
import { type CountingProxy, startCountingProxy } from '../support/counting-proxy.ts';
import { SDKS } from '../support/sdks.ts';
import { KEYS, staticKeys } from '../support/stage.ts';
import { type Answer, askChat, askMessages, assertWholeCalls, type Frames, type Json, post } from './ask.ts';
import { readMetric, waitForMetric } from './metrics.ts';

const timeout = 120_000;
const MODEL = 'qwen3-32b';
/** What the server is started with. */
const WINDOW = 40_960;
const RUNNING = 'vllm:num_requests_running';

const vllm = process.env.MODEL_SERVER_URL ?? '';
let upstream: CountingProxy;
/** vLLM by its Chat Completions, as `INTERNAL_LLM_URL` alone sets it up. */
let translated: GatewayProcess;
/** vLLM by its own Messages endpoint. */
let native: GatewayProcess;

before(async () => {
  assert.notEqual(vllm, '', 'run by: npm run test:vllm');
  upstream = await startCountingProxy(vllm);
  translated = await startGatewayProcess({
    env: { INTERNAL_LLM_URL: `${upstream.url}/v1`, STATIC_KEYS: staticKeys(['enterprise']) },
  });
  native = await startGatewayProcess({
    env: { STATIC_KEYS: staticKeys(['enterprise']) },
    configYaml: `backends:\n  internal:\n    kind: internal\n    url: ${upstream.url}\n    format: anthropic\n`,
  });
});
after(async () => {
  await native?.kill();
  await translated?.kill();
  await upstream?.close();
});

/** What the gateway asked vLLM to generate since the request before `run`. */
async function countUpstream(run: () => Promise<unknown>): Promise<number> {
  const seen = upstream.seen.length;
  await run();
  return upstream.seen
    .slice(seen)
    .filter(({ method, path }) => method === 'POST' && /\/(messages|completions)(\?|$)/.test(path)).length;
}

type Ask = (body: Json) => Promise<Answer>;

interface Way {
  readonly name: string;
  readonly dialect: 'anthropic' | 'openai';
  readonly frames: Frames;
  readonly ask: Ask;
}

/** Every way through the gateway: two dialects in front, two formats behind. */
const WAYS: readonly Way[] = [
  {
    name: 'Messages over Chat Completions',
    dialect: 'anthropic',
    frames: 'encoded',
    ask: (body) => askMessages(translated.url, body),
  },
  {
    name: 'Messages over its own Messages',
    dialect: 'anthropic',
    frames: 'passed-through',
    ask: (body) => askMessages(native.url, body, 'passed-through'),
  },
  {
    name: 'Chat Completions over Chat Completions',
    dialect: 'openai',
    frames: 'passed-through',
    ask: (body) => askChat(translated.url, body, 'passed-through'),
  },
  {
    name: 'Chat Completions over its own Messages',
    dialect: 'openai',
    frames: 'encoded',
    ask: (body) => askChat(native.url, body, 'encoded'),
  },
];

const CASES = WAYS.flatMap((way) => [false, true].map((stream) => ({ way, stream })));
const nameOf = ({ way, stream }: (typeof CASES)[number]) =>
  `${way.name}, ${stream ? 'streaming' : 'in one piece'}`;

/** A question that does not reason, in the words of either dialect. */
const question = (way: Way, stream: boolean, prompt: string, maxTokens: number): Json => ({
  model: MODEL,
  max_tokens: maxTokens,
  stream,
  messages: [{ role: 'user', content: prompt }],
  ...(way.dialect === 'anthropic' && { thinking: { type: 'disabled' } }),
  ...(way.dialect === 'openai' && { reasoning_effort: 'none' }),
  ...(way.dialect === 'openai' && stream && { stream_options: { include_usage: true } }),
});

/** Tool input is the gateway's to answer for where it writes it; OpenAI clients get arguments as the text they are. */
const isOurs = ({ way, stream }: (typeof CASES)[number]) =>
  way.dialect === 'anthropic' && (way.frames === 'encoded' || !stream);

const WEATHER = {
  type: 'object',
  properties: { city: { type: 'string' }, days: { type: 'integer' } },
  required: ['city', 'days'],
  additionalProperties: false,
};

const toolsFor = ({ dialect }: Way, strict: boolean) =>
  ['get_weather', 'get_tide'].map((name) =>
    dialect === 'anthropic'
      ? { name, input_schema: WEATHER, ...(strict && { strict }) }
      : { type: 'function', function: { name, parameters: WEATHER, ...(strict && { strict }) } },
  );

const CHOICES: readonly { readonly what: string; readonly anthropic: Json; readonly openai: unknown }[] = [
  { what: 'some tool is demanded', anthropic: { type: 'any' }, openai: 'required' },
  {
    what: 'one tool is demanded',
    anthropic: { type: 'tool', name: 'get_tide' },
    openai: { type: 'function', function: { name: 'get_tide' } },
  },
];

for (const one of CASES) {
  const { way, stream } = one;

  test(`${nameOf(one)}: text, usage and the end arrive`, { timeout }, async () => {
    let answer: Answer | undefined;
    const asked = await countUpstream(async () => {
      answer = await way.ask(question(way, stream, 'Why is the sky blue?', 40));
    });
    assert.equal(asked, 1);
    assert.deepEqual([answer?.status, answer?.error ?? null, answer?.thinking], [200, null, '']);
    assert.match(answer?.text ?? '', /\S/);
    assert.equal(answer?.stop, way.dialect === 'anthropic' ? 'max_tokens' : 'length');
    const { usage } = answer;
    assert.equal(way.dialect === 'anthropic' ? usage.output_tokens : usage.completion_tokens, 40);
  });

  for (const { what, anthropic, openai } of CHOICES) {
    for (const strict of [false, true]) {
      const words = strict ? 'by its schema' : 'with arguments that are garbage';
      test(`${nameOf(one)}: when ${what}, ${words}, the answer is legal`, { timeout }, async () => {
        const answer = await way.ask({
          ...question(way, stream, 'What is the weather in Rome?', 150),
          tools: toolsFor(way, strict),
          tool_choice: way.dialect === 'anthropic' ? anthropic : openai,
        });
        // vLLM's own Messages fails on a call whose arguments are no object, and says so.
        const failed = way.name.endsWith('own Messages') && !strict && answer.status === 400;
        if (failed) assert.match(String(answer.error?.message), /valid dictionary/);
        else assert.equal(answer.status, 200, JSON.stringify(answer.error));
        if (isOurs(one)) assertWholeCalls(answer, stream);
      });
    }
  }

  test(`${nameOf(one)}: an answer that is cut within a tool call has no half call`, { timeout }, async () => {
    const answer = await way.ask({
      ...question(way, stream, 'What is the weather in Rome?', 6),
      tools: toolsFor(way, true),
      tool_choice: way.dialect === 'anthropic' ? { type: 'any' } : 'required',
    });
    assert.equal(answer.status, 200);
    if (isOurs(one)) assertWholeCalls(answer, stream);
  });

  test(`${nameOf(one)}: an answer follows its schema`, { timeout }, async () => {
    const schema = {
      type: 'object',
      properties: { colour: { enum: ['red', 'green'] }, dry: { type: 'boolean' } },
      required: ['colour', 'dry'],
      additionalProperties: false,
    };
    const answer = await way.ask({
      ...question(way, stream, 'Describe the sky.', 60),
      ...(way.dialect === 'anthropic'
        ? { output_config: { format: { type: 'json_schema', schema } } }
        : { response_format: { type: 'json_schema', json_schema: { name: 'sky', strict: true, schema } } }),
    });
    const { colour, dry, ...rest } = JSON.parse(answer.text) as Json;
    assert.ok(colour === 'red' || colour === 'green');
    assert.equal(typeof dry, 'boolean');
    assert.deepEqual(rest, {});
    assert.equal(answer.stop, way.dialect === 'anthropic' ? 'end_turn' : 'stop');
  });
}

for (const stream of [false, true]) {
  const how = stream ? 'streaming' : 'in one piece';

  test(`reasoning that is asked for arrives as thinking, ${how}`, { timeout }, async () => {
    const answer = await askMessages(translated.url, {
      ...question(WAYS[0]!, stream, 'Why is the sky blue?', 40),
      thinking: { type: 'enabled', budget_tokens: 1024 },
    });
    assert.deepEqual([answer.status, answer.text, answer.stop], [200, '', 'max_tokens']);
    assert.match(answer.thinking, /\S/);
  });

  test(`a prompt above the window is "prompt is too long", ${how}`, { timeout }, async () => {
    for (const maxTokens of [100, 128_000]) {
      const answer = await askMessages(
        translated.url,
        question(WAYS[0]!, stream, 'sky '.repeat(WINDOW + 1000), maxTokens),
      );
      assert.equal(answer.status, 400);
      assert.match(String(answer.error?.message), /^prompt is too long: \d+ tokens > 40960 maximum$/);
      assert.equal(answer.error?.type, 'invalid_request_error');
    }
  });

  test(`a prompt above the window is "prompt is too long" by vLLM's own Messages, ${how}`, {
    timeout,
  }, async () => {
    const answer = await askMessages(
      native.url,
      question(WAYS[1]!, stream, 'sky '.repeat(WINDOW + 1000), 100),
      'passed-through',
    );
    assert.equal(answer.status, 400);
    assert.match(String(answer.error?.message), /prompt is too long/);
  });

  test(`a prompt above the window is told to an OpenAI client as such, ${how}`, { timeout }, async () => {
    const answer = await askChat(
      translated.url,
      question(WAYS[2]!, stream, 'sky '.repeat(WINDOW + 1000), 100),
      'passed-through',
    );
    assert.equal(answer.status, 400);
    assert.match(String(answer.error?.message), /maximum context length is 40960 tokens|prompt is too long/);
  });
}

async function firstBytes(reply: Promise<Response>): Promise<void> {
  await (await reply).body?.getReader().read();
}

const UNFINISHED = ['/v1/messages', '/v1/chat/completions'].flatMap((path) =>
  (['translated', 'native'] as const).flatMap((gateway) =>
    [true, false].map((stream) => ({ path, gateway, stream })),
  ),
);

for (const { path, gateway, stream } of UNFINISHED) {
  const what = `${path}, ${gateway}, ${stream ? 'streaming' : 'in one piece'}`;
  test(`vLLM stops within a second when the client gives up ${what}`, {
    timeout,
  }, async () => {
    const client = new AbortController();
    const body = {
      model: MODEL,
      max_tokens: 20_000,
      stream,
      messages: [{ role: 'user', content: 'Go on.' }],
    };
    const { url } = gateway === 'native' ? native : translated;
    const reply = post(url, path, body, client.signal);
    reply.catch(() => 'given up below');
    try {
      assert.ok(Number.isFinite(await waitForMetric(vllm, RUNNING, 1, 60_000)), 'vLLM is at work');
      // What a random model begins with may be kept back for long; the client gives up all the same.
      if (stream) await Promise.race([firstBytes(reply), pause(1000)]);
    } finally {
      client.abort();
    }
    const took = await waitForMetric(vllm, RUNNING, 0, 5000);
    assert.ok(took < 1000, `stopped after ${took} ms`);
  });
}

for (const way of WAYS) {
  test(`a wish for more than the window holds, ${way.name}`, { timeout }, async () => {
    const stop = way.dialect === 'anthropic' ? { stop_sequences: ['e'] } : { stop: ['e'] };
    const answer = await way.ask({ ...question(way, true, 'Go on.', 128_000), ...stop });
    // The window is read from vLLM, and the wish is cut to it.
    assert.deepEqual([answer.status, answer.error], [200, null]);
    assert.equal(answer.stop, way.dialect === 'anthropic' ? 'stop_sequence' : 'stop');
  });
}

test("counted tokens are vLLM's own count, and those of the answer's usage", { timeout }, async () => {
  const text = 'Zürich – 21 °C ☀, "perfect"\n\tfor a swim. '.repeat(20);
  const ask = { model: MODEL, system: 'Be brief.', messages: [{ role: 'user', content: text }] };
  const counted = await post(translated.url, '/v1/messages/count_tokens', ask);
  const tokenized = await fetch(`${vllm}/tokenize`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: MODEL,
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: text },
      ],
      chat_template_kwargs: { enable_thinking: false },
    }),
  });
  const { count } = (await tokenized.json()) as Json;
  assert.deepEqual(await counted.json(), { input_tokens: count });
  const { usage } = await askMessages(translated.url, { ...ask, max_tokens: 1 });
  const { input_tokens, cache_read_input_tokens } = usage;
  assert.equal(Number(input_tokens) + Number(cache_read_input_tokens), count);
});

test("counted tokens are those of vLLM's own Messages where it speaks it", { timeout }, async () => {
  const ask = {
    model: MODEL,
    system: 'Be brief.',
    messages: [{ role: 'user', content: 'Zürich '.repeat(50) }],
  };
  const path = '/v1/messages/count_tokens';
  const direct = await post(vllm, path, ask);
  const counted = await post(native.url, path, ask);
  const { input_tokens } = (await counted.json()) as Json;
  assert.equal(typeof input_tokens, 'number');
  assert.deepEqual({ input_tokens }, { input_tokens: ((await direct.json()) as Json).input_tokens });
});

for (const sdk of SDKS) {
  for (const stream of [false, true]) {
    for (const gateway of ['translated', 'native'] as const) {
      test(`${sdk.name} is answered, ${stream ? 'streaming' : 'in one piece'}, ${gateway}`, {
        timeout,
      }, async () => {
        const { url } = gateway === 'native' ? native : translated;
        const answer = await sdk.ask({
          origin: url,
          key: KEYS.enterprise,
          model: MODEL,
          prompt: 'What is the weather in Zürich?',
          stream,
        });
        assert.equal(answer.usage.output, 200);
        assert.equal(answer.stop, sdk.dialect === 'anthropic' ? 'max_tokens' : 'length');
        assert.equal(answer.model, MODEL);
      });
    }
  }
}

for (const gateway of ['translated', 'native'] as const) {
  test(`Claude Code is answered, ${gateway}: a model that never stops costs four requests`, {
    timeout,
  }, async () => {
    const { url } = gateway === 'native' ? native : translated;
    let run: Awaited<ReturnType<typeof runClaudeCode>> | undefined;
    const asked = await countUpstream(async () => {
      run = await runClaudeCode({
        prompt: 'Why is the sky blue?',
        baseUrl: url,
        token: KEYS.enterprise,
        env: { CLAUDE_CODE_MAX_OUTPUT_TOKENS: '60' },
        timeoutMs: 110_000,
      });
    });
    assert.match(run?.result ?? '', /exceeded the 60 output token maximum/, run?.stdout);
    // The question, and three times "go on".
    assert.equal(asked, 4);
  });
}

test('nothing of it is left running', { timeout }, async () => {
  assert.equal(await readMetric(vllm, RUNNING), 0);
});
