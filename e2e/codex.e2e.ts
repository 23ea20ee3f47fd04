/** The real Codex over each format that a backend speaks: every request counted, every file looked at. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { assertCodexAnswered, CODEX_PLAN, CODEX_WAYS, MCP_ADDER, type Way } from './support/codex-ways.ts';
import { grayPng } from './support/gray-png.ts';
import { call, onSharedStage, type Scene, textOf } from './support/scene.ts';

const scene = onSharedStage(CODEX_PLAN);

/** One scene for each way. */
function onEveryWay(name: (way: Way) => string, play: (s: Scene, way: Way) => Promise<void>): void {
  for (const way of CODEX_WAYS) scene(name(way), (s) => play(s, way));
}

const exec = (id: string, cmd: string) => call(id, 'exec_command', { cmd });

onEveryWay(
  ({ format }) => `a plain prompt is answered over ${format}, with one upstream request`,
  async (s, way) => {
    const backend = way.backend(s);
    backend.say({ thinking: 'Rayleigh.', text: 'The sky scatters blue light.' });
    const run = await s.codex({ prompt: 'Why is the sky blue?', token: way.key(s), model: way.model });
    assertCodexAnswered(run, 'The sky scatters blue light.');
    assert.deepEqual([s.statuses(), backend.requests.length], [[200], 1]);
    assert.match(textOf(backend.requests[0]), /Why is the sky blue\?/);
  },
);

onEveryWay(
  ({ format }) => `a tool loop over ${format} really creates and reads a file`,
  async (s, way) => {
    const backend = way.backend(s);
    backend.say(
      { text: 'I will create it.', tools: [exec('call_w', "printf 'Hello Wörld\\n' > hello.txt")] },
      { tools: [exec('call_r', 'cat hello.txt && echo and 6 times 7 is $((6*7))')] },
      { text: 'It is there and says hello.' },
    );
    const run = await s.codex({ prompt: 'Create hello.txt.', token: way.key(s), model: way.model });
    assertCodexAnswered(run, 'I will create it.', 'It is there and says hello.');
    assert.equal(await readFile(join(s.cwd, 'hello.txt'), 'utf8'), 'Hello Wörld\n');
    assert.deepEqual([s.statuses(), backend.requests.length], [[200, 200, 200], 3]);
    assert.match(textOf(backend.requests[2]), /and 6 times 7 is 42/, 'what the command said went back');
    assert.match(textOf(backend.requests[2]), /call_w.*call_r/s, 'both calls are in the history, in order');
  },
);

const PATCH = `*** Begin Patch
*** Add File: patched.txt
+made by a "patch" \\ with ünïcode
*** End Patch
`;

onEveryWay(
  ({ format }) => `apply_patch over ${format} writes its file`,
  async (s, way) => {
    const backend = way.backend(s);
    const patch = { ...call('call_p', 'apply_patch', { input: PATCH }), kind: 'custom' } as const;
    backend.say({ tools: [patch] }, { text: 'Patched.' });
    const run = await s.codex({ prompt: 'Make patched.txt.', token: way.key(s), model: way.model });
    assertCodexAnswered(run, 'Patched.');
    assert.equal(await readFile(join(s.cwd, 'patched.txt'), 'utf8'), 'made by a "patch" \\ with ünïcode\n');
    assert.equal(backend.requests.length, 2);
    assert.match(textOf(backend.requests[1]), /call_p.*Success\. Updated the following files/s);
  },
);

onEveryWay(
  ({ format }) => `two calls in one answer over ${format} are both run, and both results go back`,
  async (s, way) => {
    const backend = way.backend(s);
    backend.say(
      {
        tools: [exec('call_a', 'echo a > a.txt; echo done-a'), exec('call_b', 'echo b > b.txt; echo done-b')],
      },
      { text: 'Both are written.' },
    );
    const run = await s.codex({ prompt: 'Write both.', token: way.key(s), model: way.model });
    assertCodexAnswered(run, 'Both are written.');
    const contents = ['a.txt', 'b.txt'].map((name) => readFile(join(s.cwd, name), 'utf8'));
    assert.deepEqual(await Promise.all(contents), ['a\n', 'b\n']);
    assert.equal(backend.requests.length, 2);
    assert.match(textOf(backend.requests[1]), /done-a.*done-b/s);
  },
);

onEveryWay(
  ({ format }) => `a tool of an MCP server is called over ${format} by its name and namespace`,
  async (s, way) => {
    const backend = way.backend(s);
    backend.say(
      { tools: [{ ...call('call_m', 'add', { a: 20, b: 22 }), namespace: 'mcp__demo' }] },
      { text: 'It is 42.' },
    );
    const run = await s.codex({
      prompt: 'Add 20 and 22.',
      token: way.key(s),
      model: way.plainModel,
      config: MCP_ADDER,
    });
    assertCodexAnswered(run, 'It is 42.');
    assert.equal(backend.requests.length, 2);
    assert.match(textOf(backend.requests[1]), /the sum is 42/);
  },
);

onEveryWay(
  ({ format }) => `tools found by tool search over ${format} can be called`,
  async (s, way) => {
    const backend = way.backend(s);
    const search = {
      ...call('call_s', 'tool_search', { query: 'add numbers', limit: 3 }),
      kind: 'search',
    } as const;
    backend.say(
      { tools: [search] },
      { tools: [{ ...call('call_m', 'add', { a: 1, b: 2 }), namespace: 'mcp__demo' }] },
      { text: 'It is 3.' },
    );
    const run = await s.codex({
      prompt: 'Add 1 and 2.',
      token: way.key(s),
      model: way.model,
      config: MCP_ADDER,
    });
    assertCodexAnswered(run, 'It is 3.');
    assert.equal(backend.requests.length, 3);
    assert.match(textOf(backend.requests[2]), /the sum is 3/);
  },
);

onEveryWay(
  ({ format }) => `a picture reaches the model over ${format}`,
  async (s, way) => {
    const backend = way.backend(s);
    const png = grayPng(4);
    await writeFile(join(s.cwd, 'gray.png'), png);
    backend.say({ text: 'It is grey.' });
    const run = await s.codex({
      prompt: 'What is on it?',
      token: way.key(s),
      model: way.model,
      args: ['--image', 'gray.png'],
    });
    assertCodexAnswered(run, 'It is grey.');
    assert.equal(backend.requests.length, 1);
    // Codex may write the file anew, so its beginning is what counts.
    assert.match(textOf(backend.requests[0]), new RegExp(png.subarray(0, 12).toString('base64')));
  },
);

onEveryWay(
  ({ format }) => `an answer by schema over ${format} is asked for as one`,
  async (s, way) => {
    const backend = way.backend(s);
    const schema = {
      type: 'object',
      properties: { colour: { type: 'string' } },
      required: ['colour'],
      additionalProperties: false,
    };
    await writeFile(join(s.cwd, 'schema.json'), JSON.stringify(schema));
    backend.say({ text: '{"colour":"blue"}' });
    const run = await s.codex({
      prompt: 'Which colour?',
      token: way.key(s),
      model: way.model,
      args: ['--output-schema', 'schema.json'],
    });
    assertCodexAnswered(run, '{"colour":"blue"}');
    const { json } = backend.requests[0]!;
    assert.match(JSON.stringify(way.schemaIn(json as Record<string, never>)), /"colour":\{"type":"string"/);
  },
);

onEveryWay(
  ({ format }) => `a session over ${format} is gone on with by resume`,
  async (s, way) => {
    const backend = way.backend(s);
    backend.say({ thinking: 'First.', text: 'The first answer.' });
    const ask = { token: way.key(s), model: way.model };
    const first = await s.codex({ prompt: 'The first question', ...ask });
    assertCodexAnswered(first, 'The first answer.');
    backend.say({ text: 'The second answer.' });
    const second = await s.codex({ prompt: 'The second question', ...ask, resume: first.session });
    assertCodexAnswered(second, 'The second answer.');
    const history = /The first question.*The first answer\..*The second question/s;
    assert.match(textOf(backend.requests[1]), history);
    assert.deepEqual([s.statuses(), backend.requests.length], [[200, 200], 2]);
  },
);

onEveryWay(
  ({ format }) => `a long session over ${format} is compacted and goes on`,
  async (s, way) => {
    const backend = way.backend(s);
    const long = { input: 90_000, output: 10 };
    backend.say({ text: 'I look.', tools: [exec('call_l', 'echo looked')], usage: long });
    backend.say({ text: 'SUMMARY: they looked.' }, { text: 'All is well.' });
    const run = await s.codex({
      prompt: 'Look around.',
      token: way.key(s),
      model: way.model,
      config: 'model_auto_compact_token_limit = 50000',
    });
    assert.equal(run.exitCode, 0, run.stdout);
    assert.equal(run.texts.at(-1), 'All is well.');
    assert.deepEqual([s.statuses(), backend.requests.length], [[200, 200, 200], 3]);
    assert.match(textOf(backend.requests[2]), /SUMMARY: they looked\./);
    assert.doesNotMatch(textOf(backend.requests[2]), /call_l/, 'the history is gone');
  },
);

onEveryWay(
  ({ format }) => `tools of the lighter request shape are offered over ${format}`,
  async (s, way) => {
    const backend = way.backend(s);
    backend.say({ text: 'Light.' });
    const run = await s.codex({ prompt: 'Hello', token: way.key(s), model: way.liteModel });
    assertCodexAnswered(run, 'Light.');
    assert.equal(backend.requests.length, 1);
    assert.match(textOf(backend.requests[0]), /"(?:functions__)?exec"/);
  },
);
