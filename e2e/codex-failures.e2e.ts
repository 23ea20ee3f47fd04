/** The real Codex where something is refused or goes wrong: what people see, how often it asks, what it costs them. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorReply } from '../test/support/mock-replies.ts';
import type { CodexResult } from './support/codex.ts';
import { assertCodexAnswered, CODEX_PLAN, CODEX_WAYS, type Way } from './support/codex-ways.ts';
import { call, onSharedStage, type Scene, textOf } from './support/scene.ts';
import { KEYS } from './support/stage.ts';

const scene = onSharedStage(CODEX_PLAN);

function onEveryWay(name: (way: Way) => string, play: (s: Scene, way: Way) => Promise<void>): void {
  for (const way of CODEX_WAYS) scene(name(way), (s) => play(s, way));
}

/** What the turn failed with. */
const lastWords = ({ errors }: CodexResult): string => errors.at(-1) ?? '';

/** The files in which Codex keeps its sessions. */
const rollouts = ({ cwd }: Scene): string =>
  globSync(join(cwd, '..', 'home', '.codex', 'sessions', '**', '*.jsonl'))
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n');

async function spend(s: Scene, requests: number): Promise<void> {
  for (let request = 0; request < requests; request += 1) {
    s.internal.say({ text: 'Spent.' });
    const response = await fetch(`${s.gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${s.freeKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'gpt-5.5', messages: [{ role: 'user', content: 'Hi' }] }),
    });
    assert.equal(response.status, 200, await response.text());
  }
}

scene('an exhausted day is one request and one sentence with the time when it ends', async (s) => {
  await spend(s, 10);
  const run = await s.codex({ prompt: 'Hello', token: s.freeKey, model: 'gpt-5.5' });
  assert.equal(run.exitCode, 1);
  assert.match(
    lastWords(run),
    /^You.ve hit your usage limit\. Daily quota of 10 requests used up \("free" tier\); it resets at 00:00 .*, or try again at .*\d:\d\d/,
  );
  assert.doesNotMatch(run.stdout, /chatgpt|openai\.com|Plus|upgrade/i);
  assert.deepEqual([s.statuses(), s.internal.requests.length], [[429], 10]);
  assert.ok(run.durationMs < 10_000, `${run.durationMs} ms`);
});

scene('what is left of the day is in the session that Codex keeps', async (s) => {
  await spend(s, 3);
  s.internal.say({ text: 'The fourth.' });
  assertCodexAnswered(await s.codex({ prompt: 'Hello', token: s.freeKey, model: 'gpt-5.5' }), 'The fourth.');
  const primary = /"primary":\{"used_percent":40\.0,"window_minutes":1440,"resets_at":(\d+)\}/.exec(
    rollouts(s),
  );
  assert.ok(Number(primary?.[1]) * 1000 > Date.now(), rollouts(s).match(/"rate_limits".{200}/)?.[0]);
  assert.equal(await s.charged(), 4);
});

scene('a model that the tier does not include is one request and our sentence alone', async (s) => {
  const run = await s.codex({ prompt: 'Hello', token: s.freeKey, model: 'mistral-large' });
  assert.equal(run.exitCode, 1);
  assert.match(lastWords(run), /^[^{]*mistral-large[^{]*$/);
  assert.deepEqual([s.statuses().length, s.internal.requests.length, await s.charged()], [1, 0, 0]);
});

scene('an unknown key is told as one', async (s) => {
  const run = await s.codex({
    prompt: 'Hello',
    token: 'nobodys-key',
    model: 'gpt-5.5',
    provider: 'stream_max_retries = 0',
  });
  assert.equal(run.exitCode, 1);
  assert.match(lastWords(run), /401 Unauthorized: .*key/i);
  assert.match(lastWords(run), /request id: req_/);
  assert.deepEqual(s.statuses(), [401]);
});

const OVERFLOW: Readonly<Record<string, ReturnType<typeof errorReply>>> = {
  Responses: {
    status: 400,
    json: {
      error: {
        message: 'Your input exceeds the context window of this model.',
        type: 'invalid_request_error',
        param: 'input',
        code: 'context_length_exceeded',
      },
    },
  },
  'Chat Completions': errorReply(
    'openai',
    400,
    'BadRequestError',
    "This model's maximum context length is 32768 tokens. However, your request has 40211 input tokens. Please reduce the length of the input messages.",
  ),
  'Anthropic Messages': errorReply(
    'anthropic',
    400,
    'invalid_request_error',
    'prompt is too long: 1040211 tokens > 1000000 maximum',
  ),
};

onEveryWay(
  ({ format }) => `a prompt that is too long over ${format} is one request, and Codex knows what it is`,
  async (s, way) => {
    const backend = way.backend(s);
    backend.reply(OVERFLOW[way.format]!);
    const run = await s.codex({ prompt: 'Hello', token: way.key(s), model: way.model });
    assert.match(lastWords(run), /^Codex ran out of room in the model's context window\./);
    assert.deepEqual([s.statuses(), backend.requests.length, run.exitCode], [[400], 1, 1]);
  },
);

const OVERLOAD: Readonly<Record<string, ReturnType<typeof errorReply>>> = {
  Responses: errorReply('openai', 503, 'server_error', 'The engine is overloaded.'),
  'Chat Completions': errorReply('openai', 503, 'server_error', 'The engine is overloaded.'),
  'Anthropic Messages': errorReply('anthropic', 529, 'overloaded_error', 'Overloaded'),
};

onEveryWay(
  ({ format }) => `an overloaded backend over ${format} is asked once, not thirty times`,
  async (s, way) => {
    const backend = way.backend(s);
    backend.reply(OVERLOAD[way.format]!);
    const run = await s.codex({ prompt: 'Hello', token: way.key(s), model: way.model });
    assert.match(lastWords(run), /^Selected model is at capacity\./);
    assert.deepEqual([s.statuses(), backend.requests.length, run.exitCode], [[200], 1, 1]);
    if (backend === s.internal) assert.equal(await s.charged(), 0);
  },
);

const exec = (id: string, cmd: string) => call(id, 'exec_command', { cmd });

onEveryWay(
  ({ format }) => `a backend over ${format} that is cut before its headers is asked again by Codex`,
  async (s, way) => {
    const backend = way.backend(s);
    backend.reply({ beforeHeaders: 'reset' });
    backend.say({ text: 'Back again.' });
    const run = await s.codex({ prompt: 'Hello', token: way.key(s), model: way.model });
    assert.deepEqual([run.texts, run.exitCode], [['Back again.'], 0], run.stdout);
    assert.deepEqual([s.statuses(), backend.requests.length], [[200, 200], 2]);
    if (backend === s.internal) assert.equal(await s.charged(), 1);
  },
);

const CUTS = [
  { where: 'before its first content', afterFrames: 1 },
  { where: 'in the middle of its text', afterFrames: 5 },
  { where: 'just before its end', afterFrames: -1 },
] as const;

for (const { where, afterFrames } of CUTS) {
  for (const by of ['reset', 'end'] as const) {
    onEveryWay(
      ({ format }) => `a stream over ${format} cut ${where} (${by}) ends in a whole answer`,
      async (s, way) => {
        const backend = way.backend(s);
        const reply = way.stream({ text: 'The sky scatters the blue light of the sun.' });
        const frames = afterFrames < 0 ? CUT_AT_END[way.format]!(reply.stream.length) : afterFrames;
        backend.reply({ ...reply, cut: { afterFrames: frames, by } });
        backend.say({ text: 'The sky scatters the blue light of the sun.' });
        const run = await s.codex({ prompt: 'Hello', token: way.key(s), model: way.model });
        assert.equal(run.exitCode, 0, run.stdout);
        assert.equal(run.texts.at(-1), 'The sky scatters the blue light of the sun.');
        assert.deepEqual([s.statuses(), backend.requests.length], [[200, 200], 2]);
      },
    );
  }
}

/** So many frames are there before the one that says how the answer ended. */
const CUT_AT_END: Readonly<Record<string, (frames: number) => number>> = {
  Responses: (frames) => frames - 1,
  'Chat Completions': (frames) => frames - 3,
  'Anthropic Messages': (frames) => frames - 2,
};

onEveryWay(
  ({ format }) => `a call that was finished before a stream over ${format} was cut runs once at most`,
  async (s, way) => {
    const backend = way.backend(s);
    const reply = way.stream({ tools: [exec('call_once', 'echo x >> once.txt; wc -c < once.txt')] });
    const frames = CUT_AT_END[way.format]!(reply.stream.length);
    backend.reply({ ...reply, cut: { afterFrames: frames, by: 'reset' } });
    backend.say({ text: 'Done once.' });
    const run = await s.codex({ prompt: 'Once.', token: way.key(s), model: way.model });
    assert.deepEqual([run.texts, run.exitCode], [['Done once.'], 0], run.stdout);
    assert.ok((await readFile(join(s.cwd, 'once.txt'), 'utf8').catch(() => '')).length <= 2, 'once at most');
    assert.equal(backend.requests.length, 2);
  },
);

onEveryWay(
  ({ format }) => `a call that a stream over ${format} is cut in never runs by halves`,
  async (s, way) => {
    const backend = way.backend(s);
    const tools = [exec('call_half', 'echo x >> half.txt; echo a rather long command for its pieces')];
    const reply = way.stream({ tools });
    backend.reply({ ...reply, cut: { afterFrames: Math.floor(reply.stream.length / 2), by: 'reset' } });
    backend.say({ tools }, { text: 'Done once.' });
    const run = await s.codex({ prompt: 'Once.', token: way.key(s), model: way.model });
    assert.deepEqual([run.texts, run.exitCode], [['Done once.'], 0], run.stdout);
    assert.equal(await readFile(join(s.cwd, 'half.txt'), 'utf8'), 'x\n');
    assert.equal(backend.requests.length, 3);
  },
);

scene('a backend that stays away costs six requests, no quota, and is named', async (s) => {
  for (let attempt = 0; attempt < 6; attempt += 1) s.internal.reply({ beforeHeaders: 'reset' });
  const run = await s.codex({ prompt: 'Hello', token: s.freeKey, model: 'gpt-5.5' });
  assert.equal(run.exitCode, 1);
  assert.match(lastWords(run), /The model server closed the connection/);
  assert.deepEqual([s.statuses(), s.internal.requests.length], [Array(6).fill(200), 6]);
  assert.equal(await s.charged(), 0);
});

scene('what the backend of another maker says about itself does not reach the user', async (s) => {
  s.openai.say({ text: 'Hello.' });
  const run = await s.codex({ prompt: 'Hello', token: KEYS.enterprise, model: 'gpt-5.5' });
  assertCodexAnswered(run, 'Hello.');
  assert.doesNotMatch(run.stdout, /rerouted|HighRiskCyberActivity/);
  assert.doesNotMatch(rollouts(s), /99\.5/);
});

scene('where and on what somebody works reaches no backend and no log', async (s) => {
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=e2e', '-c', 'user.email=e2e@example.org', ...args], { cwd: s.cwd });
  await writeFile(join(s.cwd, 'file.txt'), 'x');
  git('init', '-q');
  git('remote', 'add', 'origin', 'https://git.example.org/secret-team/secret-project.git');
  git('add', '.');
  git('commit', '-qm', 'first');
  const commit = git('rev-parse', 'HEAD').toString().trim();
  const from = s.proxy.seen.length;
  for (const way of CODEX_WAYS) {
    way.backend(s).say({ text: 'Hello.' });
    assertCodexAnswered(await s.codex({ prompt: 'Hi', token: way.key(s), model: way.model }), 'Hello.');
  }
  const sent = JSON.stringify(
    s.proxy.seen.slice(from).map(({ headers }) => headers['x-codex-turn-metadata']),
  );
  assert.match(sent, /secret-project/, 'Codex does tell it');
  const installation = /installation_id\\*":\\*"([0-9a-f-]{36})/.exec(sent)?.[1];
  assert.ok(installation);
  const metrics = await (await fetch(`${s.gateway.metricsUrl}/metrics`)).text();
  const places = { log: s.gateway.stderr(), metrics, ...askedOf(s) };
  for (const [place, text] of Object.entries(places)) {
    for (const secret of ['secret-project', commit, installation])
      assert.ok(!text.includes(secret), `${secret} reached ${place}`);
  }
});

const askedOf = (s: Scene) =>
  Object.fromEntries(
    CODEX_WAYS.map((way) => {
      const asked = way.backend(s).requests.map((one) => one.rawHeaders.join('\n') + textOf(one));
      return [way.format, asked.join('\n')];
    }),
  );

scene('a WebSocket is refused once, and Codex goes on over HTTP at once', async (s) => {
  s.openai.say({ text: 'Over HTTP.' });
  const run = await s.codex({
    prompt: 'Hello',
    token: KEYS.enterprise,
    model: 'gpt-5.5',
    provider: 'supports_websockets = true',
  });
  assert.deepEqual([run.texts, run.exitCode], [['Over HTTP.'], 0], run.stdout);
  assert.deepEqual([s.statuses(), s.openai.requests.length], [[426, 200], 1]);
  assert.ok(run.durationMs < 10_000, `${run.durationMs} ms`);
});
