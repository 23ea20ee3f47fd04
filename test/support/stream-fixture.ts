import type { Chunk } from './openai-to-anthropic.ts';

/** One OpenAI-format stream in the manner of a real backend, and what an Anthropic client must make of it. */
export interface StreamFixture {
  /** Who sends streams like this. */
  readonly like: string;
  readonly chunks: readonly Chunk[];
  readonly content: readonly object[];
  /** The stop reason, or `error <type>`. */
  readonly stop: string;
  /** Input, cache read, cache write and output tokens; left out where the stream fails. */
  readonly usage?: readonly [input: number, read: number, written: number, output: number];
}

/** Thinking as the gateway signs it. */
export function thinking(text: string): object {
  return { type: 'thinking', thinking: text, signature: 'gw1.Z2F0ZXdheQ' };
}

export function text(text: string): object {
  return { type: 'text', text };
}

export function toolUse(id: string, name: string, input: object): object {
  return { type: 'tool_use', id, name, input };
}

export function counts(prompt: number, completion: number, more: object = {}): object {
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion, ...more };
}
