/**
 * What Claude demands of a body before it reads it, written from its error texts and independent of the writer.
 */
import assert from 'node:assert/strict';
import type { ClaudeBody } from './claude-request.ts';

type Block = Record<string, unknown>;

/** Fails on anything that Claude would answer with 400. A history that ends in open calls is the client's doing. */
export function assertAcceptable(body: ClaudeBody): void {
  assert.ok(Number.isInteger(body.max_tokens) && body.max_tokens >= 1);
  const ids = new Set<string>();
  let open: readonly string[] = [];
  for (const [i, { role, content }] of body.messages.entries()) {
    assert.ok(role === 'user' || role === 'assistant');
    assert.notEqual(role, body.messages[i - 1]?.role, 'roles alternate');
    assert.ok(content.length > 0, 'no empty message');
    for (const block of content) assertBlock(block, role);
    const calls = content.filter((block) => block.type === 'tool_use').map((block) => block.id as string);
    for (const id of calls) {
      assert.ok(!ids.has(id), `tool_use ids must be unique: ${id}`);
      ids.add(id);
    }
    const results = content.filter((block) => block.type === 'tool_result');
    assert.deepEqual(
      results.map((block) => block.tool_use_id),
      open,
      'every call has its result in the next message, and every result its call',
    );
    assert.deepEqual(content.slice(0, results.length), results, 'results come first');
    open = calls;
  }
  assertTools(body);
}

function assertBlock(block: Block, role: string): void {
  if (block.type === 'text') assert.match(block.text as string, /\S/, 'text must not be blank');
  const ofAssistant = ['tool_use', 'thinking', 'redacted_thinking'].includes(block.type as string);
  const ofUser = ['tool_result', 'image', 'document'].includes(block.type as string);
  assert.ok(block.type === 'text' || (role === 'user' ? ofUser : ofAssistant), `${block.type} from ${role}`);
  if (block.type === 'tool_use') {
    assert.match(block.id as string, /^[a-zA-Z0-9_-]+$/);
    assert.match(block.name as string, /^[a-zA-Z0-9_-]{1,128}$/);
    assert.ok(typeof block.input === 'object' && block.input !== null && !Array.isArray(block.input));
  }
  if (block.type === 'thinking') assert.match(block.signature as string, /^(?!gw1\.)./);
}

function assertTools(body: ClaudeBody): void {
  const tools = (body.tools ?? []) as { name: string; input_schema: Block }[];
  const names = tools.map((tool) => tool.name);
  for (const name of names) assert.match(name, /^[a-zA-Z0-9_-]{1,128}$/);
  const choice = body.tool_choice as { type: string; name?: string } | undefined;
  if (choice !== undefined) assert.ok(tools.length > 0, 'tool_choice needs tools');
  if (choice?.type === 'tool') assert.ok(names.includes(choice.name ?? ''));
  const uses = body.messages.flatMap(({ content }) => content).filter((block) => block.type === 'tool_use');
  if (uses.length > 0) assert.ok(tools.length > 0, 'a history with calls needs tools');
  const thinking = body.thinking as { type: string; budget_tokens?: number } | undefined;
  if (thinking === undefined || thinking.type === 'disabled') return;
  assert.ok(choice === undefined || choice.type === 'auto' || choice.type === 'none');
  assert.deepEqual([body.temperature, body.top_p, body.top_k], [undefined, undefined, undefined]);
  if (thinking.type === 'enabled') assert.ok((thinking.budget_tokens ?? 0) < body.max_tokens);
}
