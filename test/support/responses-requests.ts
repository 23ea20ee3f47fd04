/** Responses requests, and what becomes of them at a backend of either format. */
import { writeAnthropicRequest } from '../../src/protocol/anthropic/write-request.ts';
import type { Conversation } from '../../src/protocol/conversation.ts';
import { writeOpenAIRequest } from '../../src/protocol/openai/write-request.ts';
import { type BackendProfile, PROFILES } from '../../src/protocol/profile.ts';
import { readResponsesRequest } from '../../src/protocol/responses/read-request.ts';
import { SEAL_MARK, type Seal } from '../../src/protocol/responses/sealed-reasoning.ts';
import { sha256 } from './openai-to-anthropic.ts';

type Json = Record<string, unknown>;

/** A seal that hides nothing and notices every change. */
export const openSeal: Seal = {
  seal: (text) => `${SEAL_MARK}${sha256(text)}${text}`,
  open(sealed) {
    const text = sealed.slice(SEAL_MARK.length + 64);
    return sealed.slice(SEAL_MARK.length, SEAL_MARK.length + 64) === sha256(text) ? text : null;
  },
};

export const user = (text: string): Json => ({
  type: 'message',
  role: 'user',
  content: [{ type: 'input_text', text }],
});
export const developer = (text: string): Json => ({
  type: 'message',
  role: 'developer',
  content: [{ type: 'input_text', text }],
});
export const assistant = (text: string): Json => ({
  type: 'message',
  role: 'assistant',
  content: [{ type: 'output_text', text }],
});
export const called = (call_id: string, name = 'f', more: Json = {}): Json => ({
  type: 'function_call',
  call_id,
  name,
  arguments: '{}',
  ...more,
});
export const output = (call_id: string, said: unknown = 'done'): Json => ({
  type: 'function_call_output',
  call_id,
  output: said,
});

/** A request of a few items. */
export const request = (items: unknown, more: Json = {}): Json => ({ model: 'asked', input: items, ...more });

export const readRequest = (items: unknown, more: Json = {}): Conversation =>
  readResponsesRequest(request(items, more), { seal: openSeal });

/** The body that a Chat Completions backend gets. */
export function toChat(items: unknown, more: Json = {}, profile: Partial<BackendProfile> = {}): Json {
  const options = { model: 'served', profile: { ...PROFILES.vllm, ...profile }, hash: sha256 };
  return writeOpenAIRequest(readRequest(items, more), options).body as Json;
}

/** The body that Claude gets. */
export function toClaude(items: unknown, more: Json = {}): Json {
  const target = { model: 'claude-opus-5-5', profile: PROFILES.generic, maxOutputTokens: 8192, hash: sha256 };
  return writeAnthropicRequest(readRequest(items, more), target).body as Json;
}
