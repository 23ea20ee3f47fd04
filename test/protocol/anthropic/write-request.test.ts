import assert from 'node:assert/strict';
import { test } from 'node:test';
import { calling, result, sha256, text, toClaude, user } from '../../support/claude-request.ts';

const fn = (name: string, more: object = {}) => ({ type: 'function', function: { name, ...more } });
const EMPTY = { type: 'object', properties: {} };
const OLD = 'claude-sonnet-4-20250514';
const NEW = 'claude-opus-5-5';

test('the smallest request becomes the smallest body', () => {
  const { body, toolNames, dropped } = toClaude();
  assert.deepEqual(body, {
    model: 'claude-sonnet-4-5',
    max_tokens: 8192,
    stream: false,
    messages: [{ role: 'user', content: [text('Hi.')] }],
  });
  assert.deepEqual([toolNames.size, dropped], [0, []]);
});

test('each leading instruction is a block of its own (O-01)', () => {
  const { body } = toClaude({
    messages: [{ role: 'system', content: 'One.' }, { role: 'developer', content: 'Two.' }, user('Hi.')],
  });
  assert.deepEqual(body.system, [text('One.'), text('Two.')]);
});

test('instructions alone go out without messages, for Claude to refuse (O-03)', () => {
  assert.deepEqual(toClaude({ messages: [{ role: 'system', content: 'One.' }] }).body.messages, []);
});

test('max_tokens is what the client said, else the most of the model (O-09)', () => {
  assert.equal(toClaude({ max_completion_tokens: 55 }).body.max_tokens, 55);
  assert.equal(toClaude({ max_tokens: 66 }).body.max_tokens, 66);
  assert.equal(toClaude().body.max_tokens, 8192);
});

test('temperature is capped at 1 for older models, and left out for newer ones (O-10)', () => {
  assert.deepEqual(
    [toClaude({ temperature: 0.3 }).body.temperature, toClaude({ temperature: 0.3 }).dropped],
    [0.3, []],
  );
  assert.deepEqual(
    [toClaude({ temperature: 1.7 }).body.temperature, toClaude({ temperature: 1.7 }).dropped],
    [1, ['temperature']],
  );
  const newer = toClaude({ temperature: 0.3 }, NEW);
  assert.deepEqual(['temperature' in newer.body, newer.dropped], [false, ['temperature']]);
  const one = toClaude({ temperature: 1 }, NEW);
  assert.deepEqual(['temperature' in one.body, one.dropped], [false, []]);
});

test('of temperature and top_p only the temperature goes out (O-10)', () => {
  const both = toClaude({ temperature: 0.5, top_p: 0.9 });
  assert.deepEqual([both.body.temperature, 'top_p' in both.body, both.dropped], [0.5, false, ['top_p']]);
  assert.equal(toClaude({ top_p: 0.9 }).body.top_p, 0.9);
  const newer = toClaude({ top_p: 0.995 }, NEW);
  assert.deepEqual(['top_p' in newer.body, newer.dropped], [false, []]);
});

test('top_k goes to older models only (O-10)', () => {
  assert.equal(toClaude({ top_k: 40 }).body.top_k, 40);
  assert.deepEqual(toClaude({ top_k: 40 }, NEW).dropped, ['top_k']);
});

test('no sampling parameter stands beside reasoning (O-10)', () => {
  const { body, dropped } = toClaude({ reasoning_effort: 'low', temperature: 0.2, top_p: 0.5, top_k: 3 });
  assert.deepEqual([body.temperature, body.top_p, body.top_k], [undefined, undefined, undefined]);
  assert.deepEqual(dropped, ['temperature', 'top_p', 'top_k']);
});

test('blank stop sequences are left out (O-12)', () => {
  const { body, dropped } = toClaude({ stop: ['END', '\n', ''] });
  assert.deepEqual([body.stop_sequences, dropped], [['END'], ['stop']]);
  assert.equal('stop_sequences' in toClaude({ stop: ' ' }).body, false);
  assert.deepEqual(toClaude({ stop: 'END' }).body.stop_sequences, ['END']);
});

test('tools carry name, description and schema (O-13)', () => {
  const parameters = { $schema: 'x', type: 'object', properties: { a: { type: 'string' } } };
  const tools = [fn('add', { description: 'Adds.', parameters }), fn('now')];
  assert.deepEqual(toClaude({ tools }).body.tools, [
    { name: 'add', description: 'Adds.', input_schema: parameters },
    { name: 'now', input_schema: EMPTY },
  ]);
});

test('a schema without a type becomes an object, alternatives at its root stay (O-13)', () => {
  const schemaOf = (parameters: object) =>
    (toClaude({ tools: [fn('f', { parameters })] }).body.tools as { input_schema: unknown }[])[0]
      ?.input_schema;
  assert.deepEqual(schemaOf({ properties: { a: {} } }), { type: 'object', properties: { a: {} } });
  assert.deepEqual(schemaOf({ anyOf: [{ type: 'object' }] }), { anyOf: [{ type: 'object' }] });
});

test('strict tools are strict where the model can, with a schema it understands (O-13)', () => {
  const parameters = {
    type: 'object',
    properties: { n: { type: 'integer', minimum: 1 } },
    required: ['n'],
    additionalProperties: false,
  };
  const tools = [fn('f', { parameters, strict: true })];
  assert.deepEqual(toClaude({ tools }).body.tools, [
    {
      name: 'f',
      input_schema: {
        type: 'object',
        properties: { n: { type: 'integer', description: '{minimum: 1}' } },
        required: ['n'],
        additionalProperties: false,
      },
      strict: true,
    },
  ]);
  const older = toClaude({ tools }, OLD);
  assert.deepEqual(
    [older.body.tools, older.dropped],
    [[{ name: 'f', input_schema: parameters }], ['tools.strict']],
  );
  // vLLM's own Messages keeps to a schema whatever its model is called.
  const served = toClaude({ tools }, 'qwen3-32b', 'vllm');
  assert.deepEqual([(served.body.tools as { strict?: boolean }[])[0]?.strict, served.dropped], [true, []]);
});

test('names that Claude would refuse are replaced everywhere and known on the way back', () => {
  const name = 'fs.read';
  const { body, toolNames } = toClaude({
    messages: [user('Go.'), calling(['a', name]), result('a', 'x')],
    tools: [fn(name)],
    tool_choice: { type: 'function', function: { name } },
  });
  const sent = `fs_read_${sha256(name).slice(0, 8)}`;
  assert.deepEqual([...toolNames], [[sent, name]]);
  assert.equal((body.tools as { name: string }[])[0]?.name, sent);
  assert.deepEqual(body.tool_choice, { type: 'tool', name: sent });
  assert.equal(body.messages[1]?.content[0]?.name, sent);
});

test('every tool choice has its counterpart (O-14)', () => {
  const tools = [fn('f')];
  const choiceOf = (more: object) => toClaude({ tools, ...more }).body.tool_choice;
  assert.equal(choiceOf({}), undefined);
  assert.deepEqual(choiceOf({ tool_choice: 'auto' }), { type: 'auto' });
  assert.deepEqual(choiceOf({ tool_choice: 'required' }), { type: 'any' });
  assert.deepEqual(choiceOf({ tool_choice: 'none', parallel_tool_calls: false }), { type: 'none' });
  assert.deepEqual(choiceOf({ tool_choice: { type: 'function', function: { name: 'f' } } }), {
    type: 'tool',
    name: 'f',
  });
});

test('one call at a time is said with any choice, and makes one where there was none (O-14)', () => {
  const choiceOf = (more: object) =>
    toClaude({ tools: [fn('f')], parallel_tool_calls: false, ...more }).body.tool_choice;
  assert.deepEqual(choiceOf({}), { type: 'auto', disable_parallel_tool_use: true });
  assert.deepEqual(choiceOf({ tool_choice: 'required' }), { type: 'any', disable_parallel_tool_use: true });
  assert.equal(toClaude({ tools: [fn('f')], parallel_tool_calls: true }).body.tool_choice, undefined);
  assert.equal('tool_choice' in toClaude({ parallel_tool_calls: false }).body, false);
});

test('calls in a history without tools are declared and forbidden (O-15)', () => {
  const messages = [
    user('Go.'),
    calling(['a', 'f'], ['b', 'g'], ['c', 'f']),
    result('a', 'x'),
    result('b', 'x'),
    result('c', 'x'),
  ];
  const { body } = toClaude({ messages });
  assert.deepEqual(body.tools, [
    { name: 'f', input_schema: EMPTY },
    { name: 'g', input_schema: EMPTY },
  ]);
  assert.deepEqual(body.tool_choice, { type: 'none' });
});

test('a schema for the answer goes into output_config (O-17)', () => {
  const schema = { type: 'object', properties: { n: { type: 'number', maximum: 5 } } };
  const response_format = { type: 'json_schema', json_schema: { name: 'n', schema } };
  assert.deepEqual(toClaude({ response_format }).body.output_config, {
    format: {
      type: 'json_schema',
      schema: {
        type: 'object',
        properties: { n: { type: 'number', description: '{maximum: 5}' } },
        additionalProperties: false,
      },
    },
  });
  const effort = toClaude({ response_format, reasoning_effort: 'high' }, NEW).body.output_config as object;
  assert.deepEqual(Object.keys(effort), ['effort', 'format']);
});

test('a schema is asked for in words where the model has no structured output (O-17)', () => {
  const schema = { type: 'object' };
  const { body, dropped } = toClaude(
    {
      messages: [{ role: 'system', content: 'Be.' }, user('Hi.')],
      response_format: { type: 'json_schema', json_schema: { schema } },
    },
    OLD,
  );
  assert.deepEqual(body.system, [
    text('Be.'),
    text('Respond with one JSON object only, valid against this JSON schema:\n{"type":"object"}'),
  ]);
  assert.deepEqual([body.output_config, dropped], [undefined, ['response_format.json_schema']]);
});

test('any JSON is asked for in words (O-17)', () => {
  assert.deepEqual(toClaude({ response_format: { type: 'json_object' } }).body.system, [
    text('Respond with one JSON object only.'),
  ]);
});

test("the user's name goes out as a hash only (O-18)", () => {
  const { body } = toClaude({ user: 'ada@example.org' });
  assert.deepEqual(body.metadata, { user_id: sha256('ada@example.org') });
});

test('a cached prompt is marked at the end of tools, instructions and conversation (O-19, O-24)', () => {
  const cache_control = { type: 'ephemeral' };
  const { body } = toClaude({
    messages: [
      { role: 'system', content: 'One.' },
      { role: 'system', content: [{ type: 'text', text: 'Two.', cache_control }] },
      user('a'),
      { role: 'assistant', content: 'b' },
      user([
        { type: 'text', text: 'c' },
        { type: 'text', text: 'd' },
      ]),
      { role: 'assistant', content: 'e' },
    ],
    tools: [fn('f'), fn('g')],
  });
  assert.deepEqual(body.system, [text('One.'), { ...text('Two.'), cache_control }]);
  assert.deepEqual(body.tools, [
    { name: 'f', input_schema: EMPTY },
    { name: 'g', input_schema: EMPTY, cache_control },
  ]);
  assert.deepEqual(body.messages[2]?.content, [text('c'), { ...text('d'), cache_control }]);
  assert.equal(JSON.stringify(body).split('"cache_control"').length - 1, 3);
});

test('a prompt that nobody marked is not cached', () => {
  assert.doesNotMatch(JSON.stringify(toClaude({ tools: [fn('f')] }).body), /cache_control/);
});

test('streaming is asked for as the client did, its options are not passed on (O-20)', () => {
  const { body } = toClaude({ stream: true, stream_options: { include_usage: true } });
  assert.equal(body.stream, true);
  assert.equal('stream_options' in body, false);
});

test("what the reader lost is part of the request's losses (P11)", () => {
  assert.deepEqual(toClaude({ seed: 4, temperature: 2 }).dropped, ['seed', 'temperature']);
});

test('a service tier goes out in Claude’s words; tiers that it does not know become any (O-18)', () => {
  const tierOf = (service_tier: string) => {
    const { body, dropped } = toClaude({ service_tier });
    return [body.service_tier, dropped];
  };
  assert.deepEqual(tierOf('auto'), ['auto', []]);
  assert.deepEqual(tierOf('default'), ['standard_only', []]);
  assert.deepEqual(tierOf('flex'), ['auto', ['service_tier']]);
});
