import assert from 'node:assert/strict';
import { test } from 'node:test';
import { classifyRequest } from '../../src/protocol/request-class.ts';
import { scanRequest } from '../../src/protocol/scan-request.ts';

function classOf(body: unknown, headers: Record<string, string> = {}) {
  const bytes = new TextEncoder().encode(JSON.stringify(body));
  return classifyRequest(headers, bytes, scanRequest(bytes));
}

const CLAUDE_CODE = { 'user-agent': 'claude-cli/2.1.330 (external, cli)' };
const TITLE = {
  model: 'claude-haiku-4-5-20251001',
  tools: [],
  messages: [{ role: 'user', content: 'fix the build' }],
  output_config: {
    format: { type: 'json_schema', schema: { type: 'object', properties: { title: { type: 'string' } } } },
  },
};

test('the titles that Claude Code and Codex have made are background', () => {
  assert.equal(classOf(TITLE, CLAUDE_CODE), 'background');
  assert.equal(
    classOf({ model: 'm' }, { 'x-codex-turn-metadata': '{"thread_source":"thread_title"}' }),
    'background',
  );
});

test('so is what says so itself', () => {
  assert.equal(classOf({ model: 'm' }, { 'x-gateway-priority': 'background' }), 'background');
  assert.equal(classOf({ model: 'm' }, { 'x-claude-code-request-class': 'background' }), 'background');
});

for (const [what, body, headers] of [
  ['a turn', { ...TITLE, output_config: undefined }, CLAUDE_CODE],
  ['a title with tools', { ...TITLE, tools: [{ name: 'Bash' }] }, CLAUDE_CODE],
  ['the same from another client', TITLE, { 'user-agent': 'python' }],
  ['a long one', { ...TITLE, messages: [{ role: 'user', content: 'x'.repeat(17_000) }] }, CLAUDE_CODE],
  ['another schema', { ...TITLE, output_config: { format: { schema: { properties: {} } } } }, CLAUDE_CODE],
  ['a main turn by its own word', { model: 'm' }, { 'x-claude-code-request-class': 'main' }],
  ['no sign at all', { model: 'm' }, {}],
] as const) {
  test(`${what} is interactive`, () => {
    assert.equal(classOf(body, headers), 'interactive');
  });
}
