/** An OpenAI client's request, taken the whole way to the body that Claude gets. */
import { createHash } from 'node:crypto';
import { writeAnthropicRequest } from '../../src/protocol/anthropic/write-request.ts';
import type { WrittenRequest } from '../../src/protocol/conversation.ts';
import { readOpenAIRequest } from '../../src/protocol/openai/read-request.ts';
import { PROFILES, type ProfileName } from '../../src/protocol/profile.ts';

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

export interface ClaudeMessage {
  readonly role: string;
  readonly content: readonly Record<string, unknown>[];
}

export interface ClaudeBody extends Record<string, unknown> {
  readonly messages: readonly ClaudeMessage[];
  readonly max_tokens: number;
}

export interface Translated extends WrittenRequest {
  readonly body: ClaudeBody;
}

/** The shortest request there is; `messages` and everything else can be replaced. */
export function toClaude(
  request: Record<string, unknown> = {},
  model = 'claude-sonnet-4-5',
  profile: ProfileName = 'generic',
): Translated {
  const conversation = readOpenAIRequest({
    model: 'any',
    messages: [{ role: 'user', content: 'Hi.' }],
    ...request,
  });
  return writeAnthropicRequest(conversation, {
    model,
    maxOutputTokens: 8192,
    profile: PROFILES[profile],
    hash: sha256,
  }) as Translated;
}

/** The messages Claude gets for these. */
export function claudeMessages(messages: readonly unknown[]): readonly ClaudeMessage[] {
  return toClaude({ messages }).body.messages;
}

export function user(content: unknown): Record<string, unknown> {
  return { role: 'user', content };
}

/** An assistant message that calls functions. */
export function calling(...calls: readonly (readonly [id: string, name: string, json?: unknown])[]) {
  return {
    role: 'assistant',
    content: null,
    tool_calls: calls.map(([id, name, json]) => ({
      id,
      type: 'function',
      function: { name, arguments: json ?? '{}' },
    })),
  };
}

export function result(tool_call_id: string, content: unknown): Record<string, unknown> {
  return { role: 'tool', tool_call_id, content };
}

export function text(text: string): Record<string, unknown> {
  return { type: 'text', text };
}
