/** The real Claude Code in the situations that break translations: every request counted, every file looked at. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { MockBackend, MockReply, MockRequest } from '../test/support/mock-backend.ts';
import { openaiStream } from '../test/support/mock-replies.ts';
import { sseFrame } from '../test/support/sse.ts';
import { grayPng } from './support/gray-png.ts';
import {
  assertAnswered,
  bodyOf,
  call,
  type Message,
  onSharedStage,
  type Scene,
  textOf,
} from './support/scene.ts';
import { KEYS } from './support/stage.ts';

const scene = onSharedStage();

/** Chunks of an OpenAI-format stream, one for each delta. */
const chunks = (deltas: readonly Record<string, unknown>[], finish: string): string[] => {
  const chunk = (delta: Record<string, unknown>, reason: string | null) =>
    sseFrame({
      id: 'chatcmpl-scene',
      object: 'chat.completion.chunk',
      created: 1_790_000_000,
      model: 'qwen3-32b',
      choices: [{ index: 0, delta, finish_reason: reason }],
    });
  return [...deltas.map((delta) => chunk(delta, null)), chunk({}, finish), sseFrame('[DONE]')];
};

scene('two calls whose arguments arrive interleaved both write their file', async (s) => {
  const files = ['left.txt', 'right.txt'].map((name) => join(s.cwd, name));
  const inputs = files.map((path, index) =>
    JSON.stringify({ file_path: path, content: `side ${index}: "ü" \\\n` }),
  );
  const opening = inputs.map((_, index) => ({
    tool_calls: [
      { index, id: `call_${index}`, type: 'function', function: { name: 'Write', arguments: '' } },
    ],
  }));
  const pieces = inputs.map((input) => input.match(/.{1,7}/gsu) ?? []);
  const rounds = Math.max(...pieces.map((list) => list.length));
  const fragments = Array.from({ length: rounds }, (_, round) =>
    pieces.flatMap((list, index) => {
      const piece = list[round];
      return piece === undefined ? [] : [{ tool_calls: [{ index, function: { arguments: piece } }] }];
    }),
  ).flat();
  s.internal.reply({
    stream: chunks([{ role: 'assistant', content: '' }, ...opening, ...fragments], 'tool_calls'),
  });
  s.internal.say({ text: 'Both are written.' });
  assertAnswered(
    await s.claudeCode({ prompt: 'Write both.', token: s.freeKey, tools: ['Write'] }),
    'Both are written.',
  );
  const contents = await Promise.all(files.map((file) => readFile(file, 'utf8')));
  assert.deepEqual(contents, ['side 0: "ü" \\\n', 'side 1: "ü" \\\n']);
  assert.deepEqual(s.statuses(), [200, 200]);
  assert.equal(s.internal.requests.length, 2);
  assert.equal(await s.charged(), 2);
});

scene('a backend that calls its first tool call_0 in every turn loses none of them', async (s) => {
  const files = ['one.txt', 'two.txt', 'three.txt'].map((name) => join(s.cwd, name));
  const writes = files.map((path) => ({
    tools: [call('call_0', 'Write', { file_path: path, content: path })],
  }));
  s.internal.say(writes[0]!, writes[1]!, { text: 'Two are there.' });
  const first = await s.claudeCode({ prompt: 'Write two.', token: s.freeKey, tools: ['Write'] });
  assertAnswered(first, 'Two are there.');
  s.internal.say(writes[2]!, { text: 'And the third.' });
  const args = ['--resume', String(first.report.session_id)];
  const second = await s.claudeCode({ prompt: 'One more.', token: s.freeKey, tools: ['Write'], args });
  assertAnswered(second, 'And the third.');
  assert.deepEqual(await Promise.all(files.map((file) => readFile(file, 'utf8'))), files);
  const { messages } = bodyOf(s.internal.requests[4]);
  const ids = messages
    .flatMap((message) => (message.tool_calls ?? []) as { id: string }[])
    .map(({ id }) => id);
  assert.deepEqual([ids.length, new Set(ids).size, s.internal.requests.length], [3, 3, 5]);
});

scene('a picture that is read reaches an OpenAI-format backend behind the tool message', async (s) => {
  const file = join(s.cwd, 'gray.png');
  const png = grayPng(4);
  await writeFile(file, png);
  s.internal.say({ tools: [call('call_0', 'Read', { file_path: file })] }, { text: 'It is grey.' });
  const run = await s.claudeCode({ prompt: 'What is on gray.png?', token: s.freeKey, tools: ['Read'] });
  assertAnswered(run, 'It is grey.');
  const { messages } = bodyOf(s.internal.requests[1]);
  const at = messages.findIndex(({ role }) => role === 'tool');
  assert.equal(messages[at]?.tool_call_id, 'call_0');
  assert.equal(typeof messages[at]?.content, 'string');
  const next = messages[at + 1] as { role: string; content: { type: string; image_url?: { url: string } }[] };
  assert.equal(next.role, 'user');
  const pictures = next.content.filter(({ type }) => type === 'image_url').map((part) => part.image_url?.url);
  assert.deepEqual(pictures, [`data:image/png;base64,${png.toString('base64')}`]);
  assert.equal(s.internal.requests.length, 2);
});

const BOTH = [
  { format: 'OpenAI', pick: (s: Scene): MockBackend => s.internal, key: (s: Scene) => s.freeKey },
  { format: 'Anthropic', pick: (s: Scene): MockBackend => s.claude, key: () => KEYS.enterprise },
] as const;

for (const { format, pick, key } of BOTH) {
  scene(`a sub-agent on an ${format} backend does its work and reports back`, async (s) => {
    const file = join(s.cwd, 'agent.txt');
    const backend = pick(s);
    const agent = {
      description: 'Write a file',
      prompt: 'Write agent.txt, please.',
      subagent_type: 'general-purpose',
      run_in_background: false,
    };
    backend.say(
      { tools: [call('call_0', 'Agent', agent)] },
      { tools: [call('call_0', 'Write', { file_path: file, content: 'by the agent' })] },
      { text: 'The agent is done.' },
      { text: 'My agent wrote it.' },
    );
    const run = await s.claudeCode({ prompt: 'Let an agent.', token: key(s), tools: ['Agent', 'Write'] });
    assertAnswered(run, 'My agent wrote it.');
    assert.equal(await readFile(file, 'utf8'), 'by the agent');
    const { spawned, completed } = run.report.subagent_stats as Record<string, number>;
    assert.deepEqual([spawned, completed], [1, 1]);
    assert.match(JSON.stringify(bodyOf(backend.requests[1]).messages), /Write agent\.txt, please\./);
    assert.match(JSON.stringify(bodyOf(backend.requests[3]).messages), /The agent is done\./);
    assert.deepEqual(s.statuses(), [200, 200, 200, 200]);
    assert.equal(backend.requests.length, 4);
  });

  scene(`structured output from an ${format} backend is the object that was asked for`, async (s) => {
    const schema = { type: 'object', properties: { colour: { type: 'string' } }, required: ['colour'] };
    const backend = pick(s);
    backend.say({ thinking: 'Blue.', tools: [call('call_0', 'StructuredOutput', { colour: 'blue' })] });
    const args = ['--json-schema', JSON.stringify(schema)];
    const run = await s.claudeCode({ prompt: 'Which colour is the sky?', token: key(s), args });
    assertAnswered(run, '{"colour":"blue"}');
    assert.deepEqual(run.report.structured_output, { colour: 'blue' });
    assert.equal(backend.requests.length, 1);
    assert.match(textOf(backend.requests[0]), /"StructuredOutput"/);
  });
}

scene('an agent in the background and the main thread are answered side by side', async (s) => {
  const answer = (request: MockRequest): MockReply => {
    const asked = JSON.stringify(bodyOf(request).messages);
    if (/Look around, agent/.test(asked) && !/"name":"Agent"/.test(asked)) {
      return openaiStream({ text: 'I have looked around.' });
    }
    if (/I have looked around/.test(asked)) return openaiStream({ text: 'The agent has looked around.' });
    if (/"name":"Agent"/.test(asked)) return openaiStream({ text: 'It is on its way.' });
    const agent = { description: 'Look', prompt: 'Look around, agent.', subagent_type: 'Explore' };
    return openaiStream({ tools: [call('call_0', 'Agent', agent)] });
  };
  s.internal.reply(answer, answer, answer, answer);
  const run = await s.claudeCode({ prompt: 'Use an agent.', token: s.freeKey, tools: ['Agent'] });
  assertAnswered(run, 'The agent has looked around.');
  assert.deepEqual(s.statuses(), [200, 200, 200, 200]);
});

const toolNames = (request: MockRequest | undefined): string[] =>
  (bodyOf(request).tools as { function: { name: string } }[]).map((tool) => tool.function.name);

scene('a tool that an internal model searches for is there in the next request', async (s) => {
  const search = { query: 'select:NotebookEdit', max_results: 5 };
  s.internal.say({ tools: [call('call_0', 'ToolSearch', search)] }, { text: 'Found it.' });
  assertAnswered(await s.claudeCode({ prompt: 'Find a tool for notebooks', token: s.freeKey }), 'Found it.');
  const [before, after] = s.internal.requests;
  assert.deepEqual(
    [before, after].map(toolNames).map((names) => names.includes('NotebookEdit')),
    [false, true],
  );
  const result = bodyOf(after).messages.find(({ role }) => role === 'tool');
  assert.match(String(result?.content), /NotebookEdit/);
  assert.equal(s.internal.requests.length, 2);
});

/** In this output Claude Code asks to be shown the reasoning, so it becomes a part of the session. */
const SHOW_REASONING = ['--output-format', 'stream-json', '--verbose', '--include-partial-messages'];

const assistantBlocks = (request: MockRequest | undefined): Message[] =>
  bodyOf(request)
    .messages.filter(({ role }) => role === 'assistant')
    .flatMap(({ content }) => content as Message[]);

scene('a session that began internally, with reasoning, goes on at Claude', async (s) => {
  const write = call('call_0', 'Write', { file_path: join(s.cwd, 'a.txt'), content: 'a' });
  s.internal.say({ thinking: 'A file, then.', tools: [write] }, { thinking: 'Done.', text: 'Written.' });
  const first = await s.claudeCode({
    prompt: 'Write a.txt',
    token: s.freeKey,
    tools: ['Write'],
    args: SHOW_REASONING,
  });
  assertAnswered(first, 'Written.');
  assert.match(first.stdout, /"thinking":"A file, then\."/, 'the reasoning is shown');
  s.claude.say({ thinking: 'My turn.', text: 'It says a.' });
  const args = [...SHOW_REASONING, '--resume', String(first.report.session_id)];
  assertAnswered(
    await s.claudeCode({ prompt: 'What is in it?', token: KEYS.enterprise, args }),
    'It says a.',
  );
  const blocks = assistantBlocks(s.claude.requests[0]);
  assert.deepEqual(
    blocks.filter(({ type }) => type !== 'thinking').map(({ type, id, text }) => [type, id ?? text]),
    [
      ['tool_use', 'call_0'],
      ['text', 'Written.'],
    ],
  );
  assert.deepEqual(
    blocks.filter(({ type }) => type === 'thinking'),
    [],
    'no signature that Claude would refuse reaches it',
  );
  assert.deepEqual([s.internal.requests.length, s.claude.requests.length], [2, 1]);
});

scene('a session that began at Claude, with reasoning, goes on internally', async (s) => {
  const write = call('toolu_01', 'Write', { file_path: join(s.cwd, 'b.txt'), content: 'b' });
  s.claude.say({ thinking: 'A file, then.', tools: [write] }, { thinking: 'Done.', text: 'Written.' });
  const first = await s.claudeCode({
    prompt: 'Write b.txt',
    token: KEYS.enterprise,
    tools: ['Write'],
    args: SHOW_REASONING,
  });
  assertAnswered(first, 'Written.');
  assert.match(textOf(s.claude.requests[1]), /"signature":"bW9jaw=="/, 'Claude gets its own back');
  s.internal.say({ text: 'It says b.' });
  const args = [...SHOW_REASONING, '--resume', String(first.report.session_id)];
  assertAnswered(await s.claudeCode({ prompt: 'What is in it?', token: s.freeKey, args }), 'It says b.');
  const history = textOf(s.internal.requests[0]);
  assert.match(history, /"tool_call_id":"toolu_01"/);
  assert.doesNotMatch(history, /signature|bW9jaw/);
  assert.deepEqual([s.claude.requests.length, s.internal.requests.length], [2, 1]);
});
