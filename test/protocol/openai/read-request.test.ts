import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GatewayError } from '../../../src/errors.ts';
import { readOpenAIRequest } from '../../../src/protocol/openai/read-request.ts';

const HI = { model: 'm', messages: [{ role: 'user', content: 'Hi.' }] };
const read = (more: Record<string, unknown> = {}) => readOpenAIRequest({ ...HI, ...more });

test('a request of model and messages asks for nothing else', () => {
  assert.deepEqual(read(), {
    stream: false,
    streamUsage: false,
    system: [],
    turns: [{ role: 'user', parts: [{ type: 'text', text: 'Hi.' }] }],
    tools: [],
    toolChoice: null,
    parallelTools: null,
    maxTokens: null,
    temperature: null,
    topP: null,
    topK: null,
    stop: [],
    reasoning: { kind: 'default' },
    format: { kind: 'text' },
    user: null,
    dropped: [],
  });
});

test('a body that is no object is refused', () => {
  for (const body of [null, [], 'x', 1])
    assert.throws(() => readOpenAIRequest(body), /body: expected a JSON object/);
});

test('leading instructions are apart, one entry per message; later ones keep their place (O-01)', () => {
  const { system, turns } = read({
    messages: [
      { role: 'system', content: 'One.' },
      { role: 'developer', content: [{ type: 'text', text: 'Two.' }] },
      { role: 'system', content: '  ' },
      { role: 'user', content: 'Hi.' },
      { role: 'system', content: 'Three.' },
    ],
  });
  assert.deepEqual(system, ['One.', 'Two.']);
  assert.deepEqual(turns, [
    { role: 'user', parts: [{ type: 'text', text: 'Hi.' }] },
    { role: 'system', text: 'Three.' },
  ]);
});

test('instructions alone are left to the backend to judge (O-03)', () => {
  const { system, turns } = read({ messages: [{ role: 'system', content: 'Be.' }] });
  assert.deepEqual([system, turns], [['Be.'], []]);
});

test('max_completion_tokens wins over max_tokens (O-09)', () => {
  assert.equal(read({ max_completion_tokens: 5, max_tokens: 7 }).maxTokens, 5);
  assert.equal(read({ max_tokens: 7 }).maxTokens, 7);
  assert.equal(read({ max_completion_tokens: null, max_tokens: 7 }).maxTokens, 7);
});

test('a token limit below one is refused (O-09)', () => {
  for (const max_tokens of [0, -1, 1.5, '7'])
    assert.throws(() => read({ max_tokens }), /^GatewayError: max_tokens: expected a/);
  assert.throws(() => read({ max_completion_tokens: 0 }), /max_completion_tokens: expected a whole number/);
});

test('more than one choice is refused, one is taken (O-11)', () => {
  assert.throws(
    () => read({ n: 2 }),
    (error) => error instanceof GatewayError && error.code === 'not_supported',
  );
  assert.deepEqual([read({ n: 1 }).dropped, read({ n: null }).dropped], [[], []]);
});

test('audio answers are refused, text alone is taken', () => {
  assert.throws(() => read({ modalities: ['text', 'audio'] }), /modalities: audio is not available/);
  assert.deepEqual(read({ modalities: ['text'] }).dropped, []);
});

test('what no other dialect has is named as lost; empty wishes are none (O-11)', () => {
  const { dropped } = read({
    seed: 1,
    logit_bias: {},
    frequency_penalty: 0.5,
    logprobs: false,
    store: null,
    service_tier: 'flex',
    'a strange key': 1,
  });
  assert.deepEqual(dropped, ['seed', 'logit_bias', 'frequency_penalty', 'unnamed', 'service_tier']);
});

test('stop is a string, a list or nothing (O-12)', () => {
  assert.deepEqual(
    [read({ stop: 'END' }).stop, read({ stop: ['a', ''] }).stop, read({ stop: null }).stop],
    [['END'], ['a', ''], []],
  );
  assert.throws(() => read({ stop: 5 }), /stop: expected a string or an array/);
  assert.throws(() => read({ stop: ['a', 5] }), /stop\.1: expected a string/);
});

test('usage in a stream must be asked for (O-20)', () => {
  const asked = { stream: true, stream_options: { include_usage: true } };
  assert.deepEqual([read(asked).streamUsage, read({ stream: true }).streamUsage], [true, false]);
  assert.equal(read({ ...asked, stream: false }).streamUsage, false);
});

test('an effort asks for reasoning, none forbids it, silence leaves it to the model (O-16)', () => {
  for (const effort of ['minimal', 'low', 'medium', 'high', 'xhigh', 'max']) {
    const { reasoning } = read({ reasoning_effort: effort });
    assert.deepEqual(reasoning, { kind: 'on', effort, budget: null, shown: true });
  }
  assert.deepEqual(read({ reasoning_effort: 'none' }).reasoning, { kind: 'off' });
  assert.deepEqual(read({ reasoning_effort: null }).reasoning, { kind: 'default' });
});

test('an effort of tomorrow is left out by name', () => {
  const { reasoning, dropped } = read({ reasoning_effort: 'heroic' });
  assert.deepEqual([reasoning, dropped], [{ kind: 'default' }, ['reasoning_effort']]);
});

test('response formats are text, any JSON, or JSON of a schema (O-17)', () => {
  const schema = { type: 'object' };
  const format = (response_format: unknown) => read({ response_format }).format;
  assert.deepEqual(format({ type: 'text' }), { kind: 'text' });
  assert.deepEqual(format({ type: 'json_object' }), { kind: 'json-object' });
  assert.deepEqual(format({ type: 'json_schema', json_schema: { name: 'n', schema, strict: true } }), {
    kind: 'json-schema',
    name: 'n',
    schema,
    strict: true,
  });
  assert.throws(() => format({ type: 'yaml' }), /response_format\.type: expected one of/);
  assert.throws(
    () => format({ type: 'json_schema', json_schema: {} }),
    /response_format\.json_schema\.schema: /,
  );
});

test('the safety identifier wins over the user name (O-18)', () => {
  assert.equal(read({ user: 'u' }).user, 'u');
  assert.equal(read({ user: 'u', safety_identifier: 's' }).user, 's');
});

test('numbers and switches are read as given, and refused when they are neither', () => {
  const { temperature, topP, topK, parallelTools } = read({
    temperature: 2,
    top_p: 0,
    top_k: 5,
    parallel_tool_calls: false,
  });
  assert.deepEqual([temperature, topP, topK, parallelTools], [2, 0, 5, false]);
  for (const key of ['temperature', 'top_p', 'top_k']) {
    assert.throws(() => read({ [key]: 'x' }), new RegExp(`${key}: expected a number`));
  }
  assert.throws(() => read({ stream: 'yes' }), /stream: expected a boolean/);
});

test('caching marks anywhere ask for a cached prompt (O-24)', () => {
  const cache_control = { type: 'ephemeral' };
  const part = { type: 'text', text: 'Hi.', cache_control };
  assert.equal(read().cachePrompt, undefined);
  assert.equal(read({ messages: [{ role: 'user', content: [part] }] }).cachePrompt, true);
  assert.equal(read({ messages: [{ role: 'user', content: 'Hi.', cache_control }] }).cachePrompt, true);
  assert.equal(
    read({ tools: [{ type: 'function', function: { name: 'f' }, cache_control }] }).cachePrompt,
    true,
  );
  const top = read({ cache_control });
  assert.deepEqual([top.cachePrompt, top.dropped], [true, []]);
});

test('whatever a client sends, it is read or refused as its own mistake', () => {
  const junk = fc.dictionary(
    fc.constantFrom(
      'messages',
      'tools',
      'tool_choice',
      'functions',
      'stop',
      'n',
      'max_tokens',
      'response_format',
      'stream',
      'user',
      'zzz',
    ),
    fc.jsonValue(),
  );
  const messages = fc.array(
    fc.record(
      {
        role: fc.constantFrom('user', 'assistant', 'tool', 'system', 'function', 'x'),
        content: fc.oneof(
          fc.jsonValue(),
          fc.array(fc.dictionary(fc.constantFrom('type', 'text', 'image_url', 'file'), fc.jsonValue())),
        ),
        tool_calls: fc.jsonValue(),
        function_call: fc.jsonValue(),
        name: fc.jsonValue(),
      },
      { requiredKeys: ['role'] },
    ),
  );
  fc.assert(
    fc.property(junk, fc.option(messages), (body, given) => {
      try {
        readOpenAIRequest({ ...HI, ...body, ...(given !== null && { messages: given }) });
      } catch (error) {
        assert.ok(error instanceof GatewayError, String(error));
        assert.ok(error.code === 'invalid_request' || error.code === 'not_supported');
      }
    }),
    { numRuns: 500 },
  );
});
