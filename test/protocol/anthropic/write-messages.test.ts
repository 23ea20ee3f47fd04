import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writeMessages } from '../../../src/protocol/anthropic/write-messages.ts';
import type { Turn } from '../../../src/protocol/conversation.ts';
import {
  calling,
  claudeMessages,
  result,
  sha256,
  text,
  toClaude,
  user,
} from '../../support/claude-request.ts';

const toolUse = (id: string, name: string, input: object = {}) => ({ type: 'tool_use', id, name, input });
const toolResult = (tool_use_id: string, ...content: readonly object[]) => ({
  type: 'tool_result',
  tool_use_id,
  ...(content.length > 0 && { content }),
});

function write(turns: readonly Turn[]) {
  const dropped = new Set<string>();
  const written = writeMessages(turns, { toSentName: (name) => name, hash: sha256, dropped });
  return { ...written, dropped: [...dropped] };
}

test('messages of one role in a row become one (O-02)', () => {
  const assistant = (content: string) => ({ role: 'assistant', content });
  assert.deepEqual(claudeMessages([user('a'), user('b'), assistant('c'), assistant('d'), user('e')]), [
    { role: 'user', content: [text('a'), text('b')] },
    { role: 'assistant', content: [text('c'), text('d')] },
    { role: 'user', content: [text('e')] },
  ]);
});

test('all tool results and what the user says next are one message, results first in the order of the calls (O-02)', () => {
  const messages = [
    user('Go.'),
    calling(['a', 'f'], ['b', 'g']),
    result('b', 'two'),
    user('next'),
    result('a', 'one'),
  ];
  assert.deepEqual(claudeMessages(messages).slice(1), [
    { role: 'assistant', content: [toolUse('a', 'f'), toolUse('b', 'g')] },
    { role: 'user', content: [toolResult('a', text('one')), toolResult('b', text('two')), text('next')] },
  ]);
});

test('instructions in mid-conversation stay in place as a reminder from the user (O-01)', () => {
  const messages = [
    user('Hi.'),
    { role: 'assistant', content: 'Hello.' },
    { role: 'system', content: 'Be brief.' },
    user('Go.'),
  ];
  assert.deepEqual(claudeMessages(messages).at(-1), {
    role: 'user',
    content: [text('<system-reminder>\nBe brief.\n</system-reminder>'), text('Go.')],
  });
});

test('empty and blank texts are left out (O-04)', () => {
  const messages = [
    user([
      { type: 'text', text: 'a' },
      { type: 'text', text: ' \n' },
    ]),
    user(''),
    { role: 'assistant', content: '' },
    user('b'),
  ];
  assert.deepEqual(claudeMessages(messages), [{ role: 'user', content: [text('a'), text('b')] }]);
});

test('arguments become an object; what is none goes back visibly (O-04)', () => {
  const cases: readonly (readonly [unknown, object])[] = [
    ['{"z":1,"a":[2]}', { z: 1, a: [2] }],
    ['', {}],
    [' ', {}],
    ['null', {}],
    ['{"half', { __unparsed_arguments: '{"half' }],
    ['[1]', { __unparsed_arguments: '[1]' }],
    ['"text"', { __unparsed_arguments: '"text"' }],
    ['5', { __unparsed_arguments: '5' }],
  ];
  for (const [json, input] of cases) {
    const [, assistant] = claudeMessages([user('Go.'), calling(['a', 'f', json]), result('a', 'x')]);
    assert.deepEqual(assistant?.content, [toolUse('a', 'f', input)], String(json));
  }
});

test('the order of argument keys is kept', () => {
  const [, assistant] = claudeMessages([user('Go.'), calling(['a', 'f', '{"z":1,"a":2}']), result('a', 'x')]);
  assert.equal(JSON.stringify(assistant?.content[0]?.input), '{"z":1,"a":2}');
});

test('unsigned and foreign reasoning never reaches Claude, signed reasoning does (O-05)', () => {
  const turn: Turn = {
    role: 'assistant',
    parts: [
      { type: 'reasoning', text: 'foreign', signature: 'gw1.Z2F0ZXdheQ' },
      { type: 'reasoning', text: 'unsigned', signature: '' },
      { type: 'reasoning', text: 'signed', signature: 'EqQB' },
      { type: 'redacted-reasoning', data: 'ZW5j' },
      { type: 'text', text: 'Yes.' },
    ],
  };
  const { messages, dropped } = write([{ role: 'user', parts: [{ type: 'text', text: 'Hi.' }] }, turn]);
  assert.deepEqual(messages[1]?.content, [
    { type: 'thinking', thinking: 'signed', signature: 'EqQB' },
    { type: 'redacted_thinking', data: 'ZW5j' },
    text('Yes.'),
  ]);
  assert.deepEqual(dropped, ['messages.reasoning']);
});

test('an assistant message of nothing but unsigned reasoning disappears', () => {
  const messages = [user('a'), { role: 'assistant', content: null, reasoning_content: 'Hm.' }, user('b')];
  assert.deepEqual(claudeMessages(messages), [{ role: 'user', content: [text('a'), text('b')] }]);
});

test('an empty tool result has no content at all, an image in one stays an image (O-06)', () => {
  const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,aGk=' } };
  const messages = [user('Go.'), calling(['a', 'f'], ['b', 'f']), result('a', ''), result('b', [image])];
  assert.deepEqual(claudeMessages(messages).at(-1)?.content, [
    toolResult('a'),
    toolResult('b', { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'aGk=' } }),
  ]);
});

test('failed results stay failed', () => {
  const { messages } = write([
    { role: 'assistant', parts: [{ type: 'tool-call', id: 'a', name: 'f', arguments: '{}' }] },
    {
      role: 'user',
      parts: [{ type: 'tool-result', id: 'a', isError: true, content: [{ type: 'text', text: 'no' }] }],
    },
  ]);
  assert.deepEqual(messages[1]?.content, [{ ...toolResult('a', text('no')), is_error: true }]);
});

test('images and documents keep their order, names and kinds (O-07)', () => {
  const parts = [
    { type: 'image_url', image_url: { url: 'https://example.org/a.png' } },
    { type: 'text', text: 'What is it?' },
    { type: 'file', file: { filename: 'b.pdf', file_data: 'data:application/pdf;base64,JVBERg==' } },
    { type: 'file', file: { file_data: 'data:text/plain;base64,aGk=' } },
  ];
  assert.deepEqual(claudeMessages([user(parts)])[0]?.content, [
    { type: 'image', source: { type: 'url', url: 'https://example.org/a.png' } },
    text('What is it?'),
    {
      type: 'document',
      source: { type: 'base64', media_type: 'application/pdf', data: 'JVBERg==' },
      title: 'b.pdf',
    },
    { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'hi' } },
  ]);
});

test('the beginning of an answer is passed on without its trailing white space (O-08)', () => {
  const messages = claudeMessages([user('Count.'), { role: 'assistant', content: 'One, \n' }]);
  assert.deepEqual(messages.at(-1), { role: 'assistant', content: [text('One,')] });
  const earlier = claudeMessages([user('a'), { role: 'assistant', content: 'b ' }, user('c')]);
  assert.deepEqual(earlier[1]?.content, [text('b ')]);
});

test('a conversation that ends with a call is left to Claude to refuse (O-08)', () => {
  const messages = claudeMessages([user('Go.'), calling(['a', 'f'])]);
  assert.deepEqual(messages.at(-1), { role: 'assistant', content: [toolUse('a', 'f')] });
});

test('a result that answers no call becomes text of the user (O-22)', () => {
  assert.deepEqual(claudeMessages([user('Go.'), result('lost', 'four')]), [
    { role: 'user', content: [text('Go.'), text('[result of earlier tool call lost]'), text('four')] },
  ]);
});

test('a call without its result gets one that says so (O-22)', () => {
  const { body, dropped } = toClaude({
    messages: [user('Go.'), calling(['a', 'f'], ['b', 'f']), result('b', 'two'), user('next')],
  });
  assert.deepEqual(body.messages.at(-1)?.content, [
    { type: 'tool_result', tool_use_id: 'a', content: 'no result', is_error: true },
    toolResult('b', text('two')),
    text('next'),
  ]);
  assert.deepEqual(dropped, ['messages.missing_tool_result']);
});

test('an id used again in a later turn is renamed for the call and its result (O-23)', () => {
  const messages = [
    user('Go.'),
    calling(['call_0', 'f']),
    result('call_0', 'one'),
    calling(['call_0', 'f']),
    result('call_0', 'two'),
    calling(['call_0', 'f'], ['call_0_2', 'f']),
    result('call_0', 'three'),
    result('call_0_2', 'four'),
  ];
  const said = claudeMessages(messages)
    .slice(1)
    .map((message) => message.content);
  assert.deepEqual(said, [
    [toolUse('call_0', 'f')],
    [toolResult('call_0', text('one'))],
    [toolUse('call_0_2', 'f')],
    [toolResult('call_0_2', text('two'))],
    [toolUse('call_0_3', 'f'), toolUse('call_0_2_2', 'f')],
    [toolResult('call_0_3', text('three')), toolResult('call_0_2_2', text('four'))],
  ]);
});

test('ids in foreign characters are rewritten on both ends (A-67)', () => {
  const id = 'functions.Bash:0';
  const [, assistant, reply] = claudeMessages([user('Go.'), calling([id, 'f']), result(id, 'x')]);
  const expected = `functions_Bash_0_${sha256(id).slice(0, 8)}`;
  assert.equal(assistant?.content[0]?.id, expected);
  assert.equal(reply?.content[0]?.tool_use_id, expected);
});

test('whether a tool turn goes on without its reasoning is noticed (A-72)', () => {
  const call = { type: 'tool-call', id: 'a', name: 'f', arguments: '{}' } as const;
  const thought = { type: 'reasoning', text: 'Hm.', signature: 'EqQB' } as const;
  const reply: Turn = {
    role: 'user',
    parts: [{ type: 'tool-result', id: 'a', isError: false, content: [] }],
  };
  const later: Turn = { role: 'assistant', parts: [{ type: 'text', text: 'Done.' }] };
  const ask: Turn = { role: 'user', parts: [{ type: 'text', text: 'And?' }] };
  assert.equal(write([{ role: 'assistant', parts: [call] }, reply]).resumesUnsignedTurn, true);
  assert.equal(write([{ role: 'assistant', parts: [thought, call] }, reply]).resumesUnsignedTurn, false);
  assert.equal(write([{ role: 'assistant', parts: [call] }, reply, later, ask]).resumesUnsignedTurn, false);
  assert.equal(write([{ role: 'assistant', parts: [call] }]).resumesUnsignedTurn, false);
});
