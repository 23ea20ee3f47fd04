/** What the tests of Codex share: the ways through the gateway, a plan with a name for each, what Codex is set up with. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { MockBackend } from '../../test/support/mock-backend.ts';
import {
  anthropicStream,
  type MockAnswer,
  openaiStream,
  type StreamReply,
} from '../../test/support/mock-replies.ts';
import { responsesStream } from '../../test/support/mock-responses.ts';
import type { CodexResult } from './codex.ts';
import type { Scene } from './scene.ts';
import { KEYS } from './stage.ts';

type Json = Readonly<Record<string, unknown>>;

/** A way through the gateway: who asks for which model, and who answers in which format. */
export interface Way {
  readonly format: string;
  readonly backend: (s: Scene) => MockBackend;
  readonly key: (s: Scene) => string;
  /** A name that Codex sends its full set of tools with: `apply_patch`, tool search. */
  readonly model: string;
  /** A name that Codex knows nothing of. */
  readonly plainModel: string;
  /** A name that Codex sends its lighter request shape with. */
  readonly liteModel: string;
  /** Where a request to the backend carries the schema of the answer. */
  readonly schemaIn: (body: Json) => unknown;
  /** An answer as the backend streams it. */
  readonly stream: (answer: MockAnswer) => StreamReply;
}

/** Codex's request shape goes by the model's name, so there is one for each backend. */
export const CODEX_PLAN = `
tiers:
  free:
    rank: 0
    requestsPerDay: 10
    routes:
      - { match: 'models-of:internal', to: internal }
      - { match: gpt, to: internal/default }
  pro:
    rank: 10
    requestsPerDay: 1000
    routes:
      - { match: any, to: internal/default }
  enterprise:
    rank: 20
    requestsPerDay: null
    routes:
      - { match: '*-on-claude', to: claude/claude-opus-5-5 }
      - { match: claude, to: claude }
      - { match: gpt, to: openai }
`;

export const CODEX_WAYS: readonly Way[] = [
  {
    format: 'Responses',
    backend: (s) => s.openai,
    key: () => KEYS.enterprise,
    model: 'gpt-5.5',
    plainModel: 'gpt-5.2',
    liteModel: 'gpt-5.6-sol',
    schemaIn: ({ text }) => text,
    stream: responsesStream,
  },
  {
    format: 'Chat Completions',
    backend: (s) => s.internal,
    key: (s) => s.freeKey,
    model: 'gpt-5.5',
    plainModel: 'qwen3-32b',
    liteModel: 'gpt-5.6-sol',
    schemaIn: ({ response_format }) => response_format,
    stream: openaiStream,
  },
  {
    format: 'Anthropic Messages',
    backend: (s) => s.claude,
    key: () => KEYS.enterprise,
    model: 'gpt-5.5-on-claude',
    plainModel: 'claude-opus-5-5',
    liteModel: 'gpt-5.6-sol-on-claude',
    schemaIn: ({ output_config }) => output_config,
    stream: anthropicStream,
  },
];

/** Our own tool server, as Codex's configuration names one. */
export const MCP_ADDER = `
[mcp_servers.demo]
command = ${JSON.stringify(process.execPath)}
args = [${JSON.stringify(join(import.meta.dirname, 'mcp-adder.ts'))}]
`;

/** Exit code 0 alone proves nothing: Codex ends so with an empty answer too (facts: codex.md §4). */
export function assertCodexAnswered(run: CodexResult, ...texts: readonly string[]): void {
  assert.deepEqual([run.texts, run.exitCode], [texts, 0], run.stdout + run.stderr);
  assert.deepEqual(
    run.errors.filter((error) => !/^Model metadata for/.test(error)),
    [],
    run.stdout,
  );
}
