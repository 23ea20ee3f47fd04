import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { startGatewayProcess } from '../test/support/gateway-process.ts';
import type { MockBackend } from '../test/support/mock-backend.ts';
import { type ClaudeCodeResult, runClaudeCode } from './support/claude-code.ts';
import { startCountingProxy } from './support/counting-proxy.ts';
import { inDirectory } from './support/in-directory.ts';
import { KEYS, onStage, type Stage, staticKeys } from './support/stage.ts';

const timeout = 120_000;

function assertAnswered(run: ClaudeCodeResult, result: string): void {
  assert.deepEqual([run.result, run.isError, run.exitCode], [result, false, 0], run.stdout + run.stderr);
}

const counts = ({ internal, claude, openai }: Stage) => ({
  internal: internal.requests.length,
  claude: claude.requests.length,
  openai: openai.requests.length,
});

test(
  'a plain prompt is answered by Claude for an enterprise user, with one upstream request',
  { timeout },
  () =>
    onStage(async (stage) => {
      stage.claude.say({ text: 'The sky scatters blue light.' });
      const run = await runClaudeCode({
        prompt: 'Why is the sky blue?',
        baseUrl: stage.proxy.url,
        token: KEYS.enterprise,
      });
      assertAnswered(run, 'The sky scatters blue light.');
      assert.deepEqual(counts(stage), { internal: 0, claude: 1, openai: 0 });
      assert.equal((stage.claude.requests[0]!.json as { model: string }).model, 'claude-opus-5-5');
    }),
);

test(
  'a plain prompt is answered by the internal model for a free user, with one upstream request',
  { timeout },
  () =>
    onStage(async (stage) => {
      stage.internal.say({ thinking: 'Rayleigh.', text: 'The sky scatters blue light.' });
      const run = await runClaudeCode({
        prompt: 'Why is the sky blue?',
        baseUrl: stage.proxy.url,
        token: KEYS.free,
      });
      assertAnswered(run, 'The sky scatters blue light.');
      assert.deepEqual(counts(stage), { internal: 1, claude: 0, openai: 0 });
      assert.equal((stage.internal.requests[0]!.json as { model: string }).model, 'qwen3-32b');
    }),
);

test('a pro user who asks for opus is served Haiku, with one upstream request', { timeout }, () =>
  onStage(async (stage) => {
    stage.claude.say({ text: 'Short answer.' });
    const run = await runClaudeCode({ prompt: 'Be brief', baseUrl: stage.proxy.url, token: KEYS.pro });
    assertAnswered(run, 'Short answer.');
    assert.deepEqual(counts(stage), { internal: 0, claude: 1, openai: 0 });
    assert.match((stage.claude.requests[0]!.json as { model: string }).model, /haiku/);
  }),
);

const LOOPS = [
  {
    format: 'OpenAI',
    tier: 'free',
    backend: (stage: Stage): MockBackend => stage.internal,
    model: undefined,
  },
  {
    format: 'Anthropic',
    tier: 'enterprise',
    backend: (stage: Stage): MockBackend => stage.claude,
    model: undefined,
  },
  {
    format: 'OpenAI (GPT)',
    tier: 'enterprise',
    backend: (stage: Stage): MockBackend => stage.openai,
    model: 'gpt-5.2',
  },
] as const;

for (const { format, tier, backend: pick, model } of LOOPS) {
  test(`a tool loop over an ${format} backend really creates and reads a file`, { timeout }, () =>
    onStage((stage) =>
      inDirectory(async (cwd) => {
        const file = join(cwd, 'hello.txt');
        const backend = pick(stage);
        const content = 'Hello Wörld,\n\t"quoted" \\ and ünïcode 🌍\n';
        const write = { id: 'call_write_1', name: 'Write', arguments: { file_path: file, content } };
        const read = { id: 'call_read_1', name: 'Read', arguments: { file_path: file } };
        backend.say(
          { text: 'I will create it.', tools: [write] },
          { tools: [read] },
          { text: 'It is there and says hello.' },
        );
        const run = await runClaudeCode({
          prompt: 'Create hello.txt with a greeting, then read it back.',
          baseUrl: stage.proxy.url,
          token: KEYS[tier],
          tools: ['Write', 'Read'],
          cwd,
          ...(model === undefined ? {} : { model }),
        });
        assertAnswered(run, 'It is there and says hello.');
        assert.equal(await readFile(file, 'utf8'), content);
        assert.equal(backend.requests.length, 3);
        const last = JSON.stringify(backend.requests[2]!.json);
        assert.match(last, /Hello Wörld,/, 'the file as read went back to the model');
        assert.match(last, /call_write_1.*call_read_1/, 'both calls are in the history, in order');
        assert.deepEqual(
          stage.proxy.seen.map((seen) => seen.status),
          [200, 200, 200],
        );
      }),
    ),
  );
}

test('two tool calls in one answer are both run, and both results go back', { timeout }, () =>
  onStage((stage) =>
    inDirectory(async (cwd) => {
      const files = ['a.txt', 'b.txt'].map((name) => join(cwd, name));
      const tools = files.map((path, index) => ({
        id: `call_${index}`,
        name: 'Write',
        arguments: { file_path: path, content: `file ${index}` },
      }));
      stage.internal.say({ tools }, { text: 'Both are written.' });
      const run = await runClaudeCode({
        prompt: 'Create a.txt and b.txt.',
        baseUrl: stage.proxy.url,
        token: KEYS.free,
        tools: ['Write'],
        cwd,
      });
      assertAnswered(run, 'Both are written.');
      const contents = await Promise.all(files.map((path) => readFile(path, 'utf8')));
      assert.deepEqual(contents, ['file 0', 'file 1']);
      assert.equal(stage.internal.requests.length, 2);
    }),
  ),
);

/** Spends requests of the free tier (10 a day) without Claude Code. */
async function spend(stage: Stage, requests: number): Promise<void> {
  for (let request = 0; request < requests; request += 1) {
    stage.internal.say({ text: 'Spent.' });
    const response = await fetch(`${stage.gateway.url}/v1/messages`, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEYS.free}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'claude-opus-5-5',
        max_tokens: 10,
        messages: [{ role: 'user', content: 'Hi' }],
      }),
    });
    assert.equal(response.status, 200, await response.text());
  }
}

const MODES = [
  { mode: 'plain', env: {}, said: /^API Error: Request rejected \(429\) · (?<message>.+)$/ },
  { mode: 'gateway', env: { CLAUDE_CODE_USE_GATEWAY: '1' }, said: /^(?!API Error)(?<message>.+)$/ },
] as const;

for (const { mode, env, said } of MODES) {
  test(`an exhausted day stops Claude Code (${mode} mode) at once with one clear sentence`, { timeout }, () =>
    onStage(async (stage) => {
      await spend(stage, 9);
      stage.internal.say({ text: 'The tenth.' });
      const ask = { prompt: 'Hello', baseUrl: stage.proxy.url, token: KEYS.free, env };
      assertAnswered(await runClaudeCode(ask), 'The tenth.');
      const refused = await runClaudeCode(ask);
      assert.deepEqual([refused.isError, refused.exitCode], [true, 1]);
      const message = said.exec(refused.result)?.groups?.message ?? '';
      assert.match(message, /10/, `the limit is named: ${refused.result}`);
      assert.match(message, /quota/i, refused.result);
      assert.match(message, /reset/i, refused.result);
      assert.ok(refused.durationMs < 10_000, `${refused.durationMs} ms`);
      assert.deepEqual(
        stage.proxy.seen.map((seen) => seen.status),
        [200, 429],
      );
      assert.deepEqual(counts(stage), { internal: 10, claude: 0, openai: 0 });
    }),
  );
}

test('a base URL that ends in /v1, as the first instructions said, works all the same', { timeout }, () =>
  onStage(async (stage) => {
    stage.claude.say({ text: 'Found anyway.' });
    const run = await runClaudeCode({
      prompt: 'Hello',
      baseUrl: `${stage.proxy.url}/v1`,
      token: KEYS.enterprise,
    });
    assertAnswered(run, 'Found anyway.');
    assert.deepEqual(
      stage.proxy.seen.map((seen) => seen.path),
      ['/v1/v1/messages?beta=true'],
    );
    assert.deepEqual(counts(stage), { internal: 0, claude: 1, openai: 0 });
  }),
);

test('a key set as ANTHROPIC_API_KEY works like a token', { timeout }, () =>
  onStage(async (stage) => {
    stage.claude.say({ text: 'Known.' });
    const run = await runClaudeCode({
      prompt: 'Hello',
      baseUrl: stage.proxy.url,
      env: { ANTHROPIC_API_KEY: KEYS.enterprise },
    });
    assertAnswered(run, 'Known.');
    assert.deepEqual(counts(stage), { internal: 0, claude: 1, openai: 0 });
  }),
);

test('a key of our own beside a foreign one works, and the foreign one goes nowhere', { timeout }, () =>
  onStage(async (stage) => {
    stage.claude.say({ text: 'Known.' });
    const run = await runClaudeCode({
      prompt: 'Hello',
      baseUrl: stage.proxy.url,
      token: KEYS.enterprise,
      env: { ANTHROPIC_API_KEY: 'sk-ant-api03-not-a-real-key' },
    });
    assertAnswered(run, 'Known.');
    assert.doesNotMatch(JSON.stringify(stage.claude.requests[0]!.rawHeaders), /not-a-real-key/);
  }),
);

/** The refusal of a key: at once, told as one, and nothing behind the gateway hears of it. */
async function assertKeyRefused(proxyUrl: string, seen: readonly { status: number }[], token: string) {
  const before = seen.length;
  const run = await runClaudeCode({ prompt: 'Hello', baseUrl: proxyUrl, token });
  assert.deepEqual([run.isError, run.exitCode], [true, 1]);
  assert.match(run.result, /Failed to authenticate.*401 .*key/i);
  assert.ok(run.durationMs < 10_000, `${run.durationMs} ms`);
  assert.deepEqual(
    seen.slice(before).map(({ status }) => status),
    [401],
  );
}

test('an unknown key is refused at once, with one request and none upstream', { timeout }, () =>
  onStage(async (stage) => {
    await assertKeyRefused(stage.proxy.url, stage.proxy.seen, 'e2e-nobodys-key');
    assert.deepEqual(counts(stage), { internal: 0, claude: 0, openai: 0 });
  }),
);

test('a key taken out of the configuration is refused at once after the restart', { timeout }, () =>
  onStage(async (stage) => {
    stage.claude.say({ text: 'Still known.' });
    const run = await runClaudeCode({ prompt: 'Hello', baseUrl: stage.proxy.url, token: KEYS.enterprise });
    assertAnswered(run, 'Still known.');
    const restarted = await startGatewayProcess({
      env: { INTERNAL_LLM_URL: stage.internal.v1, STATIC_KEYS: staticKeys(['free']) },
    });
    const proxy = await startCountingProxy(restarted.url);
    try {
      await assertKeyRefused(proxy.url, proxy.seen, KEYS.enterprise);
    } finally {
      await proxy.close();
      await restarted.kill();
    }
    assert.deepEqual(counts(stage), { internal: 0, claude: 1, openai: 0 });
  }),
);

test(
  'with no backend at all the demo model writes the file that was asked for and reads it',
  { timeout },
  () =>
    inDirectory(async (cwd) => {
      const gateway = await startGatewayProcess();
      const proxy = await startCountingProxy(gateway.url);
      try {
        const key = /^\s*free\s+(\S+)$/m.exec(gateway.stdout())?.[1];
        assert.ok(key, `the start-up text shows the free key:\n${gateway.stdout()}`);
        const run = await runClaudeCode({
          prompt: 'Create a file hello.txt containing Hello World, then read it.',
          baseUrl: proxy.url,
          token: key,
          tools: ['Write', 'Read'],
          cwd,
        });
        assert.equal(await readFile(join(cwd, 'hello.txt'), 'utf8'), 'Hello World');
        assert.equal(run.isError, false, run.stdout);
        assert.match(run.result, /hello\.txt contains:[\s\S]*Hello World[\s\S]*demo model, not an AI/);
        assert.deepEqual(
          proxy.seen.map((seen) => seen.status),
          [200, 200, 200],
        );
      } finally {
        await proxy.close();
        await gateway.kill();
      }
    }),
);
