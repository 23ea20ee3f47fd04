import type { BackendEvent } from './anthropic-to-openai.ts';

/** One Anthropic stream in the manner of a real backend, and what an OpenAI client must make of it. */
export interface MessageFixture {
  /** Who sends streams like this. */
  readonly like: string;
  readonly events: readonly BackendEvent[];
  readonly content: string;
  readonly reasoning?: string;
  readonly calls?: readonly (readonly [id: string, name: string, json: string])[];
  /** `finish_reason`, or `error <code>` (the code as OpenAI clients see it). */
  readonly finish: string;
  /** Prompt, cached, written and completion tokens; left out where the stream fails. */
  readonly usage?: readonly [prompt: number, cached: number, written: number, completion: number];
}
