import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readToolSet } from '../../../src/protocol/openai/read-tools.ts';

const fn = (name: string, more: object = {}) => ({ type: 'function', function: { name, ...more } });
const plain = { description: null, schema: {}, strict: false };

function read(request: Record<string, unknown>) {
  const dropped = new Set<string>();
  return { ...readToolSet(request, dropped), dropped: [...dropped] };
}

test('a function is read with its description, schema and strictness (O-13)', () => {
  const parameters = { type: 'object', properties: { a: {} } };
  const tools = [
    fn('add', { description: 'Adds.', parameters, strict: true }),
    { function: { name: 'bare', description: '' } },
  ];
  assert.deepEqual(read({ tools }).tools, [
    { name: 'add', description: 'Adds.', schema: parameters, strict: true },
    { name: 'bare', ...plain },
  ]);
});

test('legacy functions are tools, and function_call their choice', () => {
  const set = read({
    functions: [{ name: 'now', parameters: { type: 'object' } }],
    function_call: { name: 'now' },
  });
  assert.deepEqual(set.tools, [{ name: 'now', ...plain, schema: { type: 'object' } }]);
  assert.deepEqual(set.choice, { kind: 'tool', name: 'now' });
});

test('a free-text tool becomes a function of one string, its grammar a part of the description', () => {
  const grammar = { type: 'grammar', grammar: { syntax: 'lark', definition: 'start: "x"' } };
  const custom = { name: 'patch', description: 'Patches.', format: grammar };
  const [tool] = read({ tools: [{ type: 'custom', custom }] }).tools;
  assert.deepEqual(tool, {
    name: 'patch',
    description: 'Patches.\n\nThe input must follow this lark grammar:\nstart: "x"',
    schema: { type: 'object', properties: { input: { type: 'string' } }, required: ['input'] },
    strict: false,
    custom: true,
  });
  const [bare] = read({ tools: [{ type: 'custom', custom: { name: 'say' } }] }).tools;
  assert.equal(bare?.description, null);
});

test('tools of other kinds are left out by name', () => {
  const set = read({ tools: [{ type: 'web_search' }, fn('a'), { type: 'not a name!' }] });
  assert.deepEqual(
    [set.tools.map((tool) => tool.name), set.dropped],
    [['a'], ['tools.web_search', 'tools.unnamed']],
  );
});

test('a tool that is none is refused with its place', () => {
  const cases: readonly (readonly [unknown, RegExp])[] = [
    [[fn('')], /^tools\.0\.function\.name: /],
    [[fn('a'), 'b'], /^tools\.1: expected an object/],
    [[fn('a', { parameters: [] })], /^tools\.0\.function\.parameters: /],
    [{}, /^tools: expected an array/],
  ];
  for (const [tools, message] of cases) assert.throws(() => read({ tools }), { message });
  assert.throws(() => read({ functions: [{}] }), { message: /^functions\.0\.name: / });
  assert.throws(() => read({ functions: 1 }), { message: /^functions: expected an array/ });
});

test('every form of tool_choice is understood (O-14)', () => {
  const tools = [fn('a'), fn('b')];
  const cases: readonly (readonly [unknown, unknown])[] = [
    [undefined, null],
    [null, null],
    ['auto', { kind: 'auto' }],
    ['none', { kind: 'none' }],
    ['required', { kind: 'any' }],
    [
      { type: 'function', function: { name: 'b' } },
      { kind: 'tool', name: 'b' },
    ],
    [
      { type: 'custom', custom: { name: 'a' } },
      { kind: 'tool', name: 'a' },
    ],
  ];
  for (const [tool_choice, choice] of cases) assert.deepEqual(read({ tools, tool_choice }).choice, choice);
});

test('allowed tools narrow the declarations', () => {
  const tools = [fn('a'), fn('b'), fn('c')];
  const allowed = (mode: string) => ({
    type: 'allowed_tools',
    allowed_tools: {
      mode,
      tools: [
        { type: 'function', function: { name: 'c' } },
        { type: 'function', name: 'a' },
      ],
    },
  });
  const auto = read({ tools, tool_choice: allowed('auto') });
  assert.deepEqual([auto.tools.map((tool) => tool.name), auto.choice], [['a', 'c'], { kind: 'auto' }]);
  assert.deepEqual(read({ tools, tool_choice: allowed('required') }).choice, { kind: 'any' });
});

test('a choice that names no tool is refused; one of an unknown kind counts as auto', () => {
  const forced = { type: 'function', function: { name: 'zzz' } };
  assert.throws(() => read({ tools: [fn('a')], tool_choice: forced }), { message: /^tool_choice: / });
  assert.throws(() => read({ tool_choice: forced }), { message: /^tool_choice: / });
  const odd = read({ tools: [fn('a')], tool_choice: 'sometimes' });
  assert.deepEqual([odd.choice, odd.dropped], [{ kind: 'auto' }, ['tool_choice']]);
});

test('without tools there is no choice', () => {
  assert.equal(read({ tools: [], tool_choice: 'required' }).choice, null);
});
