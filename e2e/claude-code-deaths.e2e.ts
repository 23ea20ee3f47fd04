/**
 * The real Claude Code where the backend dies or falls silent, phase by phase: how many requests it costs and what the
 * person sees. What `claude-code-failures.e2e.ts` has is not repeated here.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { startGatewayProcess } from '../test/support/gateway-process.ts';
import type { MockBackend, MockReply } from '../test/support/mock-backend.ts';
import { anthropicStream, openaiStream } from '../test/support/mock-replies.ts';
import { runClaudeCode } from './support/claude-code.ts';
import { startCountingProxy } from './support/counting-proxy.ts';
import { call, onSharedStage, requestsUsed, type Scene } from './support/scene.ts';
import { KEYS, staticKeys } from './support/stage.ts';

const scene = onSharedStage(
  'limits: { firstByteSeconds: 2, betweenBytesSeconds: 2, keepAliveSeconds: 0.5 }\n',
);

const TEXT = 'One two three four five six.';
const write = call('call_w', 'Write', { file_path: 'made.txt', content: 'made' });
const spoken = anthropicStream({ text: TEXT }).stream;
const called = anthropicStream({ text: TEXT, tools: [write] }).stream;
const chatted = openaiStream({ text: TEXT }).stream;
const calling = openaiStream({ tools: [write] }).stream;

const frameOf = (stream: readonly string[], pattern: RegExp): number =>
  stream.findIndex((frame) => pattern.test(frame));

/** The first frames, and then the end of the connection or silence. */
const cut = (stream: readonly string[], afterFrames: number, by: 'hang-up' | 'stall'): MockReply => ({
  stream,
  cut: { afterFrames, by },
});

const HEADERS_ONLY: MockReply = {
  raw: 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n',
};

const onClaude = {
  format: 'Claude',
  backend: (s: Scene): MockBackend => s.claude,
  key: (): string => KEYS.enterprise,
};
const onInternal = {
  format: 'the internal model',
  backend: (s: Scene): MockBackend => s.internal,
  key: (s: Scene): string => s.freeKey,
};

interface Death {
  readonly format: string;
  readonly backend: (s: Scene) => MockBackend;
  readonly key: (s: Scene) => string;
  readonly phase: string;
  /** How the first answer dies; a second one, where it is asked for, is good. */
  readonly dying: MockReply;
  /** What the person sees in the end. */
  readonly shown: RegExp;
  /** Statuses that Claude Code was answered with, one for each request. */
  readonly statuses: readonly number[];
}

const AGAIN = /^Again\.$/;
/** The answer had said that it was finished. */
const WHOLE = /^One two three four five six\.$/;

const DEATHS: readonly Death[] = [
  { ...onClaude, phase: 'behind its headers', dying: HEADERS_ONLY, shown: AGAIN, statuses: [502, 200] },
  { ...onInternal, phase: 'behind its headers', dying: HEADERS_ONLY, shown: AGAIN, statuses: [502, 200] },
  {
    ...onClaude,
    phase: 'inside the input of a tool',
    dying: cut(called, frameOf(called, /input_json_delta/) + 1, 'hang-up'),
    shown: AGAIN,
    statuses: [200, 200],
  },
  {
    ...onInternal,
    phase: 'inside the input of a tool',
    dying: cut(calling, frameOf(calling, /tool_calls/) + 2, 'hang-up'),
    shown: AGAIN,
    statuses: [200, 200],
  },
  {
    ...onClaude,
    phase: 'between its last delta and message_stop',
    dying: cut(spoken, frameOf(spoken, /message_stop/), 'hang-up'),
    shown: WHOLE,
    statuses: [200],
  },
  {
    ...onInternal,
    phase: 'between its finish and [DONE]',
    dying: cut(chatted, frameOf(chatted, /\[DONE\]/), 'hang-up'),
    shown: WHOLE,
    statuses: [200],
  },
  {
    ...onClaude,
    phase: 'by silence before its headers',
    dying: { beforeHeaders: 'stall' },
    shown: AGAIN,
    statuses: [504, 200],
  },
  {
    ...onInternal,
    phase: 'by silence before its headers',
    dying: { beforeHeaders: 'stall' },
    shown: AGAIN,
    statuses: [504, 200],
  },
  {
    ...onClaude,
    phase: 'by silence inside text',
    dying: cut(spoken, 5, 'stall'),
    shown: AGAIN,
    statuses: [200, 200],
  },
  {
    ...onInternal,
    phase: 'by silence inside text',
    dying: cut(chatted, 3, 'stall'),
    shown: AGAIN,
    statuses: [200, 200],
  },
  {
    ...onClaude,
    phase: 'by silence inside the input of a tool',
    dying: cut(called, frameOf(called, /input_json_delta/) + 1, 'stall'),
    shown: AGAIN,
    statuses: [200, 200],
  },
];

for (const death of DEATHS) {
  const { phase, format, dying, shown, statuses } = death;
  scene(`${format} dies ${phase}: ${statuses.length} requests`, async (s) => {
    const backend = death.backend(s);
    backend.reply(dying);
    if (statuses.length > 1) backend.say({ text: 'Again.' });
    const env = { CLAUDE_CODE_MAX_RETRIES: '1' };
    const run = await s.claudeCode({ prompt: 'Hello', token: death.key(s), tools: ['Write'], env });
    assert.match(run.result, shown);
    assert.deepEqual(s.statuses(), statuses);
    assert.equal(backend.requests.length, statuses.length, 'the gateway repeats nothing of its own');
    assert.equal(await readFile(join(s.cwd, 'made.txt'), 'utf8').catch(() => null), null);
    if (backend === s.internal) assert.equal(await s.charged(), 1);
  });
}

test('a backend that takes no connection: two requests, and the reason in one sentence', {
  timeout: 60_000,
}, async () => {
  const gateway = await startGatewayProcess({
    env: {
      CLAUDE_BASE_URL: 'http://127.0.0.1:1',
      CLAUDE_API_KEY: 'k',
      STATIC_KEYS: staticKeys(['pro', 'enterprise']),
    },
  });
  const proxy = await startCountingProxy(gateway.url);
  try {
    const run = await runClaudeCode({
      prompt: 'Hello',
      baseUrl: proxy.url,
      token: KEYS.pro,
      env: { CLAUDE_CODE_MAX_RETRIES: '1' },
    });
    assert.match(run.result, /^API Error: 502 The model server cannot be reached\./);
    assert.deepEqual(
      proxy.seen.map(({ status }) => status),
      [502, 502],
    );
    assert.equal(await requestsUsed(gateway.url, KEYS.pro), 0);
  } finally {
    await proxy.close();
    await gateway.kill();
  }
});
