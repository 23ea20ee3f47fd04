/** The real Claude Code where something goes wrong behind the gateway: what people see, and what it costs them. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { startGatewayProcess } from '../test/support/gateway-process.ts';
import { type MockBackend, type MockReply, startMockBackend } from '../test/support/mock-backend.ts';
import { anthropicStream, errorReply, openaiStream } from '../test/support/mock-replies.ts';
import { runClaudeCode } from './support/claude-code.ts';
import { startCountingProxy } from './support/counting-proxy.ts';
import {
  assertAnswered,
  bodyOf,
  call,
  onSharedStage,
  requestsUsed,
  type Scene,
  textOf,
} from './support/scene.ts';
import { KEYS, staticKeys } from './support/stage.ts';

const scene = onSharedStage();

const internal = (s: Scene): MockBackend => s.internal;
const claude = (s: Scene): MockBackend => s.claude;
const freeKey = (s: Scene): string => s.freeKey;
const enterpriseKey = (): string => KEYS.enterprise;

const OVERFLOWS = [
  {
    wording: "vLLM's",
    backend: internal,
    key: freeKey,
    refusal: errorReply(
      'openai',
      400,
      'BadRequestError',
      "This model's maximum context length is 32768 tokens. However, your request has 40211 input tokens. Please reduce the length of the input messages.",
    ),
  },
  {
    wording: "llama.cpp's",
    backend: internal,
    key: freeKey,
    refusal: errorReply(
      'openai',
      400,
      'exceed_context_size_error',
      'request (40211 tokens) exceeds the available context size (32768 tokens), try increasing it',
    ),
  },
  {
    wording: "OpenAI's",
    backend: internal,
    key: freeKey,
    refusal: {
      status: 400,
      body: JSON.stringify({
        error: {
          message:
            "This model's maximum context length is 128000 tokens. However, your messages resulted in 140211 tokens. Please reduce the length of the messages.",
          type: 'invalid_request_error',
          param: 'messages',
          code: 'context_length_exceeded',
        },
      }),
    },
  },
  {
    wording: "Claude's own",
    backend: claude,
    key: enterpriseKey,
    refusal: errorReply(
      'anthropic',
      400,
      'invalid_request_error',
      'prompt is too long: 1040211 tokens > 1000000 maximum',
    ),
  },
];

for (const { wording, backend: pick, key, refusal } of OVERFLOWS) {
  scene(`a session that outgrows the model compacts and goes on, in ${wording} words`, async (s) => {
    const backend = pick(s);
    backend.say({ text: 'The first answer.' }, { text: 'The second answer.' });
    const first = await s.claudeCode({ prompt: 'The first question', token: key(s) });
    assertAnswered(first, 'The first answer.');
    const args = ['--resume', String(first.report.session_id)];
    const second = await s.claudeCode({ prompt: 'The second question', token: key(s), args });
    assertAnswered(second, 'The second answer.');
    backend.reply(refusal);
    backend.say({ text: '<summary>They asked and were answered.</summary>' }, { text: 'The third answer.' });
    const third = await s.claudeCode({ prompt: 'The third question', token: key(s), args });
    assertAnswered(third, 'The third answer.');
    assert.deepEqual(s.statuses(), [200, 200, 400, 200, 200]);
    assert.equal(backend.requests.length, 5, 'nothing was asked twice');
    const [summarise, goOn] = backend.requests.slice(3);
    assert.match(JSON.stringify(bodyOf(summarise).messages.at(-1)), /CRITICAL: Respond with TEXT ONLY/);
    assert.match(textOf(goOn), /They asked and were answered\./);
    assert.doesNotMatch(textOf(goOn), /The first answer\./);
    if (backend === s.internal) assert.equal(await s.charged(), 4, 'the refused request is free');
  });
}

scene('a first prompt that is too long is refused at once, in words that people understand', async (s) => {
  const [vllm] = OVERFLOWS;
  assert.ok(vllm);
  s.internal.reply(vllm.refusal);
  const run = await s.claudeCode({ prompt: 'Hello', token: s.freeKey });
  assert.deepEqual([run.isError, run.exitCode, run.report.terminal_reason], [true, 1, 'prompt_too_long']);
  assert.match(
    run.result,
    /^Prompt is too long · this conversation is a single exchange and cannot be compacted/,
  );
  assert.deepEqual([s.statuses(), s.internal.requests.length, await s.charged()], [[400], 1, 0]);
});

scene('an answer that is too long for the model is asked for once more with the exact room', async (s) => {
  const message =
    "This model's maximum context length is 32768 tokens. However, you requested 128000 output tokens and your prompt contains 20000 input tokens, for a total of 148000 tokens.";
  s.internal.reply(errorReply('openai', 400, 'BadRequestError', message));
  s.internal.say({ text: 'Short enough.' });
  assertAnswered(await s.claudeCode({ prompt: 'Hello', token: s.freeKey }), 'Short enough.');
  assert.deepEqual(s.statuses(), [200], 'Claude Code never hears of it');
  const asked = s.internal.requests.map((request) => bodyOf(request).max_tokens);
  assert.deepEqual(asked, [128_000, 12_768]);
  assert.equal(await s.charged(), 1);
});

scene('a web search that nobody can run is refused, and the model is told', async (s) => {
  s.internal.say(
    { tools: [call('call_0', 'WebSearch', { query: 'weather' })] },
    { text: 'I cannot search.' },
  );
  const run = await s.claudeCode({ prompt: 'Search the web', token: s.freeKey, tools: ['WebSearch'] });
  assertAnswered(run, 'I cannot search.');
  const told = bodyOf(s.internal.requests[1]).messages.at(-1);
  assert.equal(told?.role, 'tool');
  assert.match(String(told?.content), /400 web_search is not available on this model/);
  assert.equal(s.internal.requests.length, 2, 'the search itself went nowhere');
  assert.equal(await s.charged(), 2, 'and cost nothing');
});

for (const [who, key] of [
  ['a free', freeKey],
  ['an enterprise', enterpriseKey],
] as const) {
  scene(`an unknown model is refused to ${who} user in one sentence`, async (s) => {
    const run = await s.claudeCode({ prompt: 'Hello', token: key(s), model: 'kimi-k2-thinking' });
    assert.deepEqual([run.isError, run.exitCode], [true, 1]);
    assert.match(run.result, /^There's an issue with the selected model \(kimi-k2-thinking\)\./);
    // Streamed and then not, as Claude Code does with every 404.
    assert.deepEqual(s.statuses(), [404, 404]);
    const asked = [s.internal, s.claude, s.openai].map((backend) => backend.requests.length);
    assert.deepEqual(asked, [0, 0, 0]);
    assert.equal(await s.charged(), 0);
  });
}

const AUTO = ['--permission-mode', 'auto'];

scene('the safeguards of auto mode reach Claude as they are, with their beta', async (s) => {
  s.claude.say({ text: 'Carefully.' });
  assertAnswered(await s.claudeCode({ prompt: 'Hello', token: KEYS.enterprise, args: AUTO }), 'Carefully.');
  const [request] = s.claude.requests;
  const [safeguard] = bodyOf(request).safeguards as {
    type: string;
    classifier_context: { permission_mode: string };
  }[];
  assert.deepEqual(
    [safeguard?.type, safeguard?.classifier_context.permission_mode],
    ['dangerous_tool_use', 'auto'],
  );
  assert.match(String(request?.headers['anthropic-beta']), /dangerous-tool-use-2026-09-03/);
  assert.equal(s.claude.requests.length, 1);
});

scene('auto mode works on an OpenAI-format backend, which never sees the safeguards', async (s) => {
  const command = 'echo made > made.txt';
  s.internal.say({ tools: [call('call_0', 'Bash', { command })] }, { text: 'Made.' });
  assertAnswered(await s.claudeCode({ prompt: 'Make it', token: s.freeKey, args: AUTO }), 'Made.');
  assert.equal(await readFile(join(s.cwd, 'made.txt'), 'utf8'), 'made\n');
  for (const request of s.internal.requests) assert.equal('safeguards' in bodyOf(request), false);
  assert.equal(s.internal.requests.length, 2);
});

const TEXT = 'One two three four five six.';
const CUT_OFF = /^API Error: Server error mid-response\. The response above may be incomplete\.$/;
const write = call('call_w', 'Write', { file_path: 'made.txt', content: 'made' });
const cut = (stream: readonly string[], kept: number): MockReply => ({
  stream,
  cut: { afterFrames: kept, by: 'hang-up' },
});
const frameOf = (stream: readonly string[], pattern: RegExp): number =>
  stream.findIndex((frame) => pattern.test(frame));

const spoken = anthropicStream({ text: TEXT }).stream;
const called = anthropicStream({ tools: [write] }).stream;
const chatted = openaiStream({ text: TEXT, tools: [write] }).stream;

interface Death {
  readonly phase: string;
  readonly format: string;
  readonly backend: (s: Scene) => MockBackend;
  readonly key: (s: Scene) => string;
  readonly dying: MockReply;
  /** How many answers die like this before a good one comes, `again: null` where none is asked for. */
  readonly times: number;
  readonly again: string | null;
  readonly shown: RegExp;
  readonly statuses: readonly number[];
  /** Whether the call in the dead answer is run. */
  readonly ran?: boolean;
}

const onClaude = { format: 'Claude', backend: claude, key: enterpriseKey };
const onInternal = { format: 'the internal model', backend: internal, key: freeKey };
const RESET: MockReply = { beforeHeaders: 'reset' };
const REFUSED = /^API Error: 502 The model server closed the connection before its answer was complete\./;

/** With one retry of Claude Code's own allowed, so that what is retried can be told from what is given up. */
const DEATHS: readonly Death[] = [
  ...[onClaude, onInternal].flatMap((where): Death[] => [
    {
      ...where,
      phase: 'before its headers, always,',
      dying: RESET,
      times: 2,
      again: null,
      shown: REFUSED,
      statuses: [502, 502],
    },
    {
      ...where,
      phase: 'before its headers, once,',
      dying: RESET,
      times: 1,
      again: 'Again.',
      shown: /^Again\.$/,
      statuses: [502, 200],
    },
  ]),
  {
    ...onClaude,
    phase: 'before content',
    dying: cut(spoken, 2),
    times: 1,
    again: 'Again.',
    shown: /^Again\.$/,
    statuses: [502, 200],
  },
  {
    ...onInternal,
    phase: 'before content',
    dying: cut(chatted, 1),
    times: 1,
    again: 'Again.',
    shown: /^Again\.$/,
    statuses: [502, 200],
  },
  {
    ...onClaude,
    phase: 'inside text',
    dying: cut(spoken, 5),
    times: 1,
    again: 'Again.',
    shown: /^Again\.$/,
    statuses: [200, 200],
  },
  {
    ...onInternal,
    phase: 'inside text',
    dying: cut(chatted, 3),
    times: 1,
    again: 'Again.',
    shown: /^Again\.$/,
    statuses: [200, 200],
  },
  {
    ...onClaude,
    phase: 'after a whole text block',
    dying: cut(spoken, frameOf(spoken, /message_delta/)),
    times: 4,
    again: null,
    shown: CUT_OFF,
    statuses: [200, 200, 200, 200],
  },
  {
    ...onInternal,
    phase: 'inside a call behind text',
    dying: cut(chatted, frameOf(chatted, /tool_calls/) + 2),
    times: 4,
    again: null,
    shown: CUT_OFF,
    statuses: [200, 200, 200, 200],
  },
  {
    ...onInternal,
    phase: 'behind a call that it did not finish',
    dying: cut(chatted, frameOf(chatted, /"finish_reason":"tool_calls"/)),
    times: 1,
    again: 'Went on.',
    shown: /^Went on\.$/,
    statuses: [200, 200],
  },
  {
    ...onClaude,
    phase: 'after a whole call',
    dying: cut(called, frameOf(called, /message_delta/)),
    times: 1,
    again: 'Went on.',
    shown: /^Went on\.$/,
    statuses: [200, 200],
    ran: true,
  },
];

for (const death of DEATHS) {
  const { phase, format, dying, times, again, shown, statuses, ran = false } = death;
  scene(`${format} dies ${phase} and costs ${statuses.length} requests`, async (s) => {
    const backend = death.backend(s);
    backend.reply(...Array.from({ length: times }, () => dying));
    if (again !== null) backend.say({ text: again });
    const env = { CLAUDE_CODE_MAX_RETRIES: '1' };
    const run = await s.claudeCode({ prompt: 'Hello', token: death.key(s), tools: ['Write'], env });
    assert.match(run.result, shown);
    assert.equal(run.isError, again === null);
    assert.deepEqual(s.statuses(), statuses);
    assert.equal(backend.requests.length, statuses.length, 'the gateway repeats nothing of its own');
    const made = await readFile(join(s.cwd, 'made.txt'), 'utf8').catch(() => null);
    assert.equal(made, ran ? 'made' : null);
    // Broken answers are given back; only the good one counts.
    if (backend === s.internal) assert.equal(await s.charged(), again === null ? 0 : 1);
  });
}

for (const [name, ask] of [
  ['/context of Claude Code', (baseUrl: string) => askForContext(baseUrl)],
  ['24 questions at once', (baseUrl: string) => askAtOnce(baseUrl, 24)],
] as const) {
  test(`counting tokens is free and works side by side: ${name}`, { timeout: 60_000 }, async () => {
    const backend = await startMockBackend({ dialect: 'openai', credential: null, tokens: 4321 });
    const gateway = await startGatewayProcess({
      env: { INTERNAL_LLM_URL: backend.v1, STATIC_KEYS: staticKeys(['free']) },
    });
    const proxy = await startCountingProxy(gateway.url);
    try {
      await ask(proxy.url);
      const counted = proxy.seen.filter(({ path }) => path.startsWith('/v1/messages/count_tokens'));
      assert.ok(counted.length >= 20, `${counted.length} questions, more than the ten requests of a day`);
      assert.deepEqual([...new Set(proxy.seen.map(({ status }) => status))], [200]);
      assert.equal(backend.asked.tokens, counted.length);
      assert.equal(await requestsUsed(gateway.url, KEYS.free), 0);
      backend.assertPlayed();
    } finally {
      await proxy.close();
      await gateway.kill();
      await backend.close();
    }
  });
}

async function askForContext(baseUrl: string): Promise<void> {
  const run = await runClaudeCode({ prompt: '/context', baseUrl, token: KEYS.free });
  assert.equal(run.isError, false, run.stdout);
  assert.match(run.result, /4\.3k/, "the backend's own count is shown");
}

async function askAtOnce(baseUrl: string, times: number): Promise<void> {
  const body = JSON.stringify({
    model: 'claude-opus-5-5',
    messages: [{ role: 'user', content: 'How long?' }],
  });
  const ask = async (): Promise<unknown> => {
    const response = await fetch(`${baseUrl}/v1/messages/count_tokens?beta=true`, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEYS.free}`, 'content-type': 'application/json' },
      body,
    });
    return response.json();
  };
  const answers = await Promise.all(Array.from({ length: times }, ask));
  for (const answer of answers) assert.deepEqual(answer, { input_tokens: 4321 });
}
