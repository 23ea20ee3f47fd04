import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { MockBackend } from '../support/mock-backend.ts';
import { errorReply } from '../support/mock-replies.ts';
import { chat, messages, type Rig, startRig } from '../support/rig.ts';
import { assertAnthropicStream, parseSse, payloadsOf } from '../support/sse.ts';

const WINDOW = 32_768;

let rig: Rig;
before(async () => {
  rig = await startRig({}, `backends: { internal: { kind: internal, contextWindow: ${WINDOW} } }\n`);
});
after(() => rig.close());
beforeEach(() => {
  for (const mock of [rig.internal, rig.claude, rig.openai]) mock.reset();
});

type Body = Record<string, unknown>;

const bodyOf = (mock: MockBackend, number = 1) => mock.requests[number - 1]?.json as Body;

async function used(): Promise<number> {
  const standing = (await (await rig.get('/quota', 'pro')).json()) as { used: number; pending: number };
  assert.equal(standing.pending, 0);
  return standing.used;
}

async function messageOf(response: Response): Promise<string> {
  return ((await response.json()) as { error: { message: string } }).error.message;
}

const refusal = (message: string, type = 'BadRequestError', status = 400) =>
  errorReply('openai', status, type, message);

/** Words for prompt and answer that do not fit together, and the room that they leave. */
const TOGETHER = (asked: number): readonly (readonly [string, string, number])[] => [
  [
    'vLLM',
    `This model's maximum context length is 40960 tokens. However, you requested ${asked + 18_700} tokens (18700 in the messages, ${asked} in the completion). Please reduce the length of the messages or completion.`,
    40_960 - 18_700,
  ],
  [
    'vLLM, answer too large for the room',
    `'max_tokens' or 'max_completion_tokens' is too large: ${asked}. This model's maximum context length is 40960 tokens and your request has 18700 input tokens (${asked} > 40960 - 18700).`,
    40_960 - 18_700,
  ],
  [
    'OpenAI with functions',
    `This model's maximum context length is 40960 tokens. However, you requested 45700 tokens (13000 in the messages, 1000 in the functions, and ${asked} in the completion).`,
    40_960 - 13_000,
  ],
  [
    'SGLang',
    `Requested token count exceeds the model's maximum context length of 40960 tokens. You requested a total of 45700 tokens: 18700 tokens from the input messages and ${asked} tokens for the completion.`,
    40_960 - 18_700,
  ],
];

for (const [server, words, room] of TOGETHER(30_000)) {
  test(`prompt and answer too long together (${server}): asked once more with the exact room`, async () => {
    rig.openai.reply(refusal(words));
    rig.openai.say({ text: 'It fits.' });
    const response = await rig.post(
      '/v1/messages',
      'enterprise',
      messages('gpt-5', { max_tokens: 30_000, stream: true }),
    );
    assert.equal(response.status, 200);
    assert.match(await response.text(), /It fits/);
    assert.equal(rig.openai.requests.length, 2);
    assert.equal(bodyOf(rig.openai, 1).max_completion_tokens, 30_000);
    assert.deepEqual(bodyOf(rig.openai, 2), { ...bodyOf(rig.openai, 1), max_completion_tokens: room });
    rig.assertPlayed();
  });
}

test('the retry is charged as one request', async () => {
  const before = await used();
  rig.internal.reply(refusal(TOGETHER(20_000)[0]?.[1] ?? ''));
  rig.internal.say({});
  const response = await rig.post('/v1/messages', 'pro', messages('gpt-5', { max_tokens: 30_000 }));
  assert.equal(response.status, 200);
  await response.text();
  assert.equal(rig.internal.requests.length, 2);
  // The exact room is not estimated anew, although this backend's window is known.
  assert.equal(bodyOf(rig.internal, 2).max_tokens, 40_960 - 18_700);
  assert.equal(await used(), before + 1);
  rig.assertPlayed();
});

test('a prompt that vLLM counted only as far as it had to is tried with the estimated room', async () => {
  rig.openai.reply(
    refusal(
      "This model's maximum context length is 40960 tokens. However, you requested 30000 output tokens and your prompt contains at least 10961 input tokens, for a total of at least 40961 tokens.",
    ),
  );
  rig.openai.say({});
  const response = await rig.post('/v1/messages', 'enterprise', messages('gpt-5', { max_tokens: 30_000 }));
  assert.equal(response.status, 200);
  await response.text();
  // The floor plus the margin: the prompt itself is short.
  assert.equal(bodyOf(rig.openai, 2).max_completion_tokens, 40_960 - 10_961 - 256);
  rig.assertPlayed();
});

for (const [what, words, room] of [
  [
    'the whole window',
    'max_tokens=64000 cannot be greater than max_model_len=40960. Please request fewer output tokens. (parameter=max_tokens, value=64000)',
    40_960,
  ],
  [
    'the model’s longest answer',
    'max_tokens is too large: 64000. This model supports at most 16384 completion tokens, whereas you provided 64000.',
    16_384,
  ],
] as const) {
  test(`an answer larger than ${what} is asked for again as large as it may be`, async () => {
    rig.openai.reply(refusal(words));
    rig.openai.say({});
    const response = await rig.post('/v1/messages', 'enterprise', messages('gpt-5', { max_tokens: 64_000 }));
    assert.equal(response.status, 200);
    await response.text();
    assert.equal(bodyOf(rig.openai, 2).max_completion_tokens, room);
    rig.assertPlayed();
  });
}

/** Words for a prompt that does not fit at all, and what Claude Code is to read. */
const TOO_LONG: readonly (readonly [string, string, string])[] = [
  [
    'vLLM 0.32, whose number is a floor',
    "This model's maximum context length is 40960 tokens. However, your prompt contains at least 40961 input tokens, which exceeds this limit even without any output tokens. Please reduce the length of the input prompt. (parameter=input_tokens, value=40961)",
    'prompt is too long: 40961 tokens > 40960 maximum',
  ],
  [
    'vLLM and OpenAI',
    "This model's maximum context length is 128000 tokens. However, your messages resulted in 130007 tokens. Please reduce the length of the messages.",
    'prompt is too long: 130007 tokens > 128000 maximum',
  ],
  [
    'vLLM’s engine',
    'The decoder prompt (length 50000) is longer than the maximum model length of 40960. Make sure that `max_model_len` is no smaller than the number of text tokens.',
    'prompt is too long: 50000 tokens > 40960 maximum',
  ],
  [
    'vLLM, hardly any room left',
    "This model's maximum context length is 40960 tokens. However, you requested 72000 tokens (40000 in the messages, 32000 in the completion).",
    'prompt is too long: 40000 tokens > 38912 maximum',
  ],
  [
    'SGLang',
    "The input (50001 tokens) is longer than the model's context length (32768 tokens).",
    'prompt is too long: 50001 tokens > 32768 maximum',
  ],
  [
    'llama.cpp',
    'request (20010 tokens) exceeds the available context size (8192 tokens), try increasing it',
    'prompt is too long: 20010 tokens > 8192 maximum',
  ],
  [
    'Mistral',
    'Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length',
    'prompt is too long: 40000 tokens > 32768 maximum',
  ],
  ['one without numbers', 'Input is too long for requested model.', 'prompt is too long'],
];

for (const [server, words, said] of TOO_LONG) {
  test(`a prompt too long (${server}): one request, and the words that make Claude Code compact`, async () => {
    const before = await used();
    rig.internal.reply(refusal(words));
    const response = await rig.post('/v1/messages', 'pro', messages('gpt-5', { max_tokens: 32_000 }));
    assert.equal(response.status, 400);
    assert.equal(await messageOf(response), said);
    assert.equal(rig.internal.requests.length, 1);
    assert.equal(await used(), before);
    rig.assertPlayed();
  });
}

test('what is still too long at the second try is said, not tried a third time', async () => {
  rig.openai.reply(
    refusal('max_tokens=64000 cannot be greater than max_model_len=40960.'),
    refusal(
      "This model's maximum context length is 40960 tokens. However, your prompt contains at least 40961 input tokens.",
    ),
  );
  const response = await rig.post('/v1/messages', 'enterprise', messages('gpt-5', { max_tokens: 64_000 }));
  assert.equal(response.status, 400);
  assert.equal(await messageOf(response), 'prompt is too long: 40961 tokens > 40960 maximum');
  rig.assertPlayed();
});

test('an OpenAI client reads the own words of a backend that gives the code', async () => {
  const message = TOO_LONG[1]?.[1] ?? '';
  const error = {
    message,
    type: 'invalid_request_error',
    param: 'messages',
    code: 'context_length_exceeded',
  };
  rig.internal.reply({ json: { error }, status: 400 });
  const response = await rig.post('/v1/chat/completions', 'pro', chat('gpt-5'));
  assert.equal(response.status, 400);
  assert.deepEqual(await response.json(), { error });
  rig.assertPlayed();
});

test('Claude’s own overflow is passed on as it is, in one request', async () => {
  const words = 'input length and `max_tokens` exceed context limit: 190000 + 32000 > 200000, decrease it';
  rig.claude.reply(errorReply('anthropic', 400, 'invalid_request_error', words));
  const response = await rig.post(
    '/v1/messages',
    'pro',
    messages('claude-haiku-5-5', { max_tokens: 32_000 }),
  );
  assert.equal(await messageOf(response), words);
  rig.assertPlayed();
});

test('what Claude Code asks of a small model is shortened beforehand', async () => {
  rig.internal.say({});
  const prompt = 'word '.repeat(10_000);
  const body = messages('claude-opus-5-5', {
    max_tokens: 64_000,
    messages: [{ role: 'user', content: prompt }],
  });
  const response = await rig.post('/v1/messages', 'free', body);
  assert.equal(response.status, 200);
  await response.text();
  const room = Number(bodyOf(rig.internal).max_tokens);
  assert.equal(room, WINDOW - Math.ceil(JSON.stringify(body).length / 3.5) - 256);
  rig.assertPlayed();
});

test('an OpenAI body is changed in one number only, and only where that must be', async () => {
  rig.internal.say({}, {});
  const body = (limit: number) =>
    `{ "model":"qwen3-32b", "odd": [1.0, "\\u00e9"],"max_tokens" : ${limit} ,"messages":[{"role":"user","content":"hi"}] }`;
  const allowed = body(30_000).replace('"odd": [1.0, "\\u00e9"]', '"stop": ["\\u00e9"],"seed":1');
  for (const text of [allowed, allowed.replace('30000', '40000')]) {
    const response = await rig.post('/v1/chat/completions', 'enterprise', text);
    assert.equal(response.status, 200);
    await response.text();
  }
  assert.equal(rig.internal.requests[0]?.body.toString(), allowed);
  const estimate = Math.ceil(allowed.length / 3.5);
  const fitted = allowed.replace('30000', String(WINDOW - estimate - 256));
  assert.equal(rig.internal.requests[1]?.body.toString(), fitted);
  rig.assertPlayed();
});

test('an OpenAI client’s request is tried once more as well', async () => {
  rig.openai.reply(refusal(TOGETHER(30_000)[0]?.[1] ?? ''));
  rig.openai.say({});
  const body = chat('gpt-5', { max_completion_tokens: 30_000 });
  const response = await rig.post('/v1/chat/completions', 'enterprise', body);
  assert.equal(response.status, 200);
  await response.text();
  assert.deepEqual(bodyOf(rig.openai, 2), { ...body, max_completion_tokens: 40_960 - 18_700 });
  rig.assertPlayed();
});

test('a backend that refuses stream_options is asked without them, once found out', async () => {
  const fresh = await startRig();
  try {
    fresh.internal.reply(
      errorReply(
        'openai',
        422,
        'invalid_request_error',
        'body.stream_options: Extra inputs are not permitted',
      ),
    );
    fresh.internal.say({ text: 'one' }, { text: 'two' });
    for (const text of ['one', 'two']) {
      const response = await fresh.post(
        '/v1/messages',
        'free',
        messages('claude-opus-5-5', { stream: true }),
      );
      assert.equal(response.status, 200);
      assert.match(await response.text(), new RegExp(text));
    }
    assert.deepEqual(
      fresh.internal.requests.map(({ json }) => 'stream_options' in (json as Body)),
      [true, false, false],
    );
    fresh.assertPlayed();
  } finally {
    await fresh.close();
  }
});

test('a backend that refuses response_format is asked in words instead, once found out', async () => {
  const schema = { type: 'object', properties: { title: { type: 'string' } }, required: ['title'] };
  const body = messages('gpt-5', { output_config: { format: { type: 'json_schema', schema } } });
  rig.openai.reply({
    status: 400,
    json: { error: { message: 'Not supported with this model.', param: 'response_format', code: null } },
  });
  rig.openai.say({ text: '{"title":"a"}' }, { text: '{"title":"b"}' });
  for (const title of ['a', 'b']) {
    const response = await rig.post('/v1/messages', 'enterprise', body);
    assert.equal(response.status, 200);
    assert.match(await response.text(), new RegExp(`title.*${title}`));
    assert.match(response.headers.get('x-gateway-dropped') ?? '', /response_format/);
  }
  assert.deepEqual(
    rig.openai.requests.map(({ json }) => 'response_format' in (json as Body)),
    [true, false, false],
  );
  assert.match(JSON.stringify(bodyOf(rig.openai, 2).messages), /JSON schema.*title/);
  rig.assertPlayed();
});

for (const stream of [false, true]) {
  test(`the fifth stop sequence is kept by the gateway (${stream ? 'streamed' : 'in one piece'})`, async () => {
    rig.openai.say({ text: 'One line. Then STOP HERE and more that nobody wants.' });
    const stop_sequences = ['a1', 'b2', 'c3', 'd4', 'STOP HERE'];
    const response = await rig.post(
      '/v1/messages',
      'enterprise',
      messages('gpt-5', { stop_sequences, stream }),
    );
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('x-gateway-dropped'), null);
    const said = await response.text();
    if (stream) assertAnthropicStream(parseSse(said));
    assert.match(said, /"stop_reason":"stop_sequence","stop_sequence":"STOP HERE"/);
    const words = stream
      ? payloadsOf(parseSse(said))
          .map(({ delta }) => (delta as { text?: string } | undefined)?.text ?? '')
          .join('')
      : (JSON.parse(said) as { content: { text: string }[] }).content[0]?.text;
    assert.equal(words, 'One line. Then ');
    assert.deepEqual(bodyOf(rig.openai).stop, stop_sequences.slice(0, 4));
    rig.assertPlayed();
  });
}

test('A-83 a vendor that takes no stop sequences is chosen by its profile, and the gateway stops for it', async () => {
  const fresh = await startRig({}, 'backends: { internal: { kind: internal, profile: { base: xai } } }\n');
  try {
    fresh.internal.say({ text: 'One line. STOP and more that nobody wants.' });
    const request = messages('claude-opus-5-5', { stop_sequences: ['STOP'] });
    const response = await fresh.post('/v1/messages', 'free', request);
    const { content, stop_sequence } = (await response.json()) as Record<string, unknown>;
    assert.deepEqual([content, stop_sequence], [[{ type: 'text', text: 'One line. ' }], 'STOP']);
    assert.equal('stop' in bodyOf(fresh.internal), false);
    const health = (await (await fresh.get('/health')).json()) as {
      backends: Record<string, { profile: string; profile_changes: string[] }>;
    };
    const { profile, profile_changes } = health.backends.internal ?? {};
    assert.deepEqual([profile, profile_changes], ['xai', []]);
    fresh.assertPlayed();
  } finally {
    await fresh.close();
  }
});

test('a tool call that comes as text is logged once for its backend, without its words', async () => {
  const fresh = await startRig({}, 'server: { drainDelaySeconds: 0 }\n');
  try {
    const tools = [{ name: 'look', description: 'Looks.', input_schema: { type: 'object' } }];
    for (const more of [{}, { tools }, { tools, stream: true }]) {
      fresh.internal.say({
        text: '<tool_call>\n{"name":"look","arguments":{"canary-answer":1}}\n</tool_call>',
      });
      const response = await fresh.post('/v1/messages', 'free', messages('claude-opus-5-5', more));
      assert.match(await response.text(), /<tool_cal/);
    }
    await fresh.gateway.stop();
    const log = fresh.gateway.stderr();
    assert.equal(log.match(/tool parser is not configured/g)?.length, 1);
    assert.doesNotMatch(log, /canary-answer/);
    fresh.assertPlayed();
  } finally {
    await fresh.close();
  }
});

for (const stream of [false, true]) {
  test(`a cache warm-up is answered with nothing, asked of nobody and free (${stream ? 'streamed' : 'in one piece'})`, async () => {
    const before = await used();
    const response = await rig.post('/v1/messages', 'pro', messages('gpt-5', { max_tokens: 0, stream }));
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('x-gateway-model-served'), 'qwen3-32b');
    const said = await response.text();
    if (stream) assertAnthropicStream(parseSse(said));
    else assert.deepEqual((JSON.parse(said) as Body).content, []);
    assert.match(said, /"stop_reason":"max_tokens"/);
    assert.doesNotMatch(said, /_tokens":[1-9]|content_block/);
    assert.equal(await used(), before);
    rig.assertPlayed();
  });
}

test('translations with losses are counted by backend, without a name from the client', async () => {
  rig.internal.say({}, {});
  for (const more of [{}, { metadata: { user_id: 'canary-user' } }]) {
    const response = await rig.post('/v1/messages', 'pro', { ...messages('gpt-5', more) });
    assert.equal(response.headers.get('x-gateway-dropped') !== null, 'metadata' in more);
    await response.text();
  }
  const metrics = await (await fetch(`${rig.gateway.metricsUrl}/metrics`)).text();
  const lines = metrics.split('\n').filter((line) => line.startsWith('gateway_lossy_translations_total{'));
  assert.ok(lines.includes('gateway_lossy_translations_total{backend="internal"} 1'), lines.join());
  assert.doesNotMatch(metrics, /canary|metadata/);
  rig.assertPlayed();
});

test('a cache warm-up for Claude goes to Claude', async () => {
  rig.claude.say({});
  const response = await rig.post('/v1/messages', 'pro', messages('claude-haiku-5-5', { max_tokens: 0 }));
  assert.equal(response.status, 200);
  await response.text();
  assert.equal(bodyOf(rig.claude).max_tokens, 0);
  rig.assertPlayed();
});
