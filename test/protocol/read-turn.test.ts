import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { readTurn } from '../../src/protocol/read-turn.ts';
import { scanRequest } from '../../src/protocol/scan-request.ts';

const digest = (text: string | Uint8Array) => createHash('sha1').update(text).digest('base64url');
const SESSION = { 'x-claude-code-session-id': 'one' };

function read(request: object, headers: Record<string, string> = SESSION) {
  const body = new TextEncoder().encode(JSON.stringify({ model: 'm', ...request }));
  return readTurn({ body, scan: scanRequest(body), headers }, digest);
}

const user = (content: unknown) => ({ role: 'user', content });
const text = (words: string) => ({ type: 'text', text: words });
const call = { role: 'assistant', content: [{ type: 'tool_use', id: 't1', name: 'Read', input: {} }] };
const result = user([{ type: 'tool_result', tool_use_id: 't1', content: 'ok' }]);
const typed = user([text('<system-reminder>…</system-reminder>'), text('Fix the test.')]);

test('a typed prompt names itself, the same in a replay, another at another place', () => {
  const first = read({ messages: [typed] });
  assert.notEqual(first.prompt, null);
  assert.deepEqual(read({ messages: [typed] }), first);
  const later = read({ messages: [typed, { role: 'assistant', content: 'Done.' }, typed] });
  assert.notEqual(later.prompt, first.prompt);
  assert.equal(later.session, first.session);
});

test('results of tools go on with the turn, whatever stands beside or behind them', () => {
  const beside = user([{ type: 'tool_result', tool_use_id: 't1', content: 'ok' }, text('a reminder')]);
  const behind = { role: 'system', content: [] };
  for (const rest of [[result], [beside], [result, behind]])
    assert.equal(read({ messages: [typed, call, ...rest] }).prompt, null);
});

test('instructions behind a prompt do not hide it', () => {
  const { prompt } = read({ messages: [typed, { role: 'system', content: [text('Be brief.')] }] });
  assert.equal(prompt, read({ messages: [typed] }).prompt);
});

test('a sub-agent has no prompt of its own', () => {
  const headers = { ...SESSION, 'x-claude-code-agent-id': 'a1' };
  assert.equal(read({ messages: [user('Search the code.')] }, headers).prompt, null);
});

test('where Claude Code numbers its prompts, the number counts for every request', () => {
  const headers = { ...SESSION, 'x-claude-code-prompt-id': 'p7' };
  const { prompt } = read({ messages: [typed] }, headers);
  assert.equal(read({ messages: [typed, call, result] }, headers).prompt, prompt);
});

for (const words of [
  'Output token limit hit. Resume directly — no recap.',
  'Your response above was cut off mid-stream. Resume directly.',
  'CRITICAL: Respond with TEXT ONLY. Do NOT call any tools.',
  'This session is being continued from a previous conversation that ran out of context.',
]) {
  test(`no person typed "${words.slice(0, 24)}…"`, () => {
    assert.equal(read({ messages: [typed, user(words)] }).prompt, null);
    assert.equal(read({ messages: [typed, user([text(words)])] }).prompt, null);
  });
}

test('an OpenAI client goes on with results of tools and begins anew with a user', () => {
  const chat = [{ role: 'system', content: 'S' }, user('Hi.')];
  const calls = { role: 'assistant', content: null, tool_calls: [] };
  const tool = { role: 'tool', tool_call_id: 'c', content: '1' };
  const first = read({ messages: chat }, {});
  assert.notEqual(first.prompt, null);
  const second = read({ messages: [...chat, calls, tool] }, {});
  assert.deepEqual(second, { session: first.session, prompt: null });
});

test('Codex says its turn in items, and one text is a prompt', () => {
  const headers = { 'session-id': 'c1' };
  const prompt = { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Hi.' }] };
  const output = { type: 'function_call_output', call_id: 'c', output: '1' };
  assert.notEqual(read({ input: [prompt] }, headers).prompt, null);
  assert.equal(read({ input: [prompt, output] }, headers).prompt, null);
  assert.notEqual(read({ input: 'Hi.' }, headers).prompt, null);
});

test('a request without anything said goes on with whatever is open', () => {
  assert.equal(read({}).prompt, null);
});
