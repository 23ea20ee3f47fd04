/**
 * A gateway process between strict mock backends, with one user per tier: what most integration tests stand on.
 */
import { type GatewayProcess, startGatewayProcess } from './gateway-process.ts';
import { type MockBackend, startMockBackend } from './mock-backend.ts';

/** Keys that must appear nowhere but in the caller's own request. */
export const KEYS = {
  free: 'canary-key-free',
  pro: 'canary-key-pro',
  enterprise: 'canary-key-enterprise',
} as const;

export type TierName = keyof typeof KEYS;

export interface Rig {
  readonly gateway: GatewayProcess;
  /** Serves `qwen3-32b`, OpenAI format, behind `INTERNAL_LLM_URL`. */
  readonly internal: MockBackend;
  /** Anthropic format, behind `CLAUDE_BASE_URL`. */
  readonly claude: MockBackend;
  /** OpenAI format, Responses too, behind `OPENAI_BASE_URL`. */
  readonly openai: MockBackend;
  /** Sends a JSON request as a user of a tier. */
  post(path: string, tier: TierName, body: unknown, headers?: Record<string, string>): Promise<Response>;
  get(path: string, tier?: TierName, headers?: Record<string, string>): Promise<Response>;
  /** Fails unless every mock was asked exactly what its test queued. */
  assertPlayed(): void;
  close(): Promise<void>;
}

export async function startRig(env: Record<string, string> = {}, configYaml?: string): Promise<Rig> {
  const neverReceives = Object.values(KEYS);
  const internal = await startMockBackend({
    dialect: 'openai',
    models: ['qwen3-32b'],
    credential: null,
    neverReceives,
  });
  const claude = await startMockBackend({
    dialect: 'anthropic',
    models: ['claude-haiku-5-5', 'claude-opus-5-5'],
    neverReceives,
  });
  const openai = await startMockBackend({
    dialect: 'openai',
    responses: true,
    models: ['gpt-5'],
    neverReceives,
  });
  const mocks = [internal, claude, openai];
  const closeMocks = () => Promise.all(mocks.map((mock) => mock.close()));
  const gateway = await startGatewayProcess({
    env: {
      INTERNAL_LLM_URL: internal.v1,
      CLAUDE_API_KEY: 'backend-key',
      CLAUDE_BASE_URL: claude.url,
      OPENAI_API_KEY: 'backend-key',
      OPENAI_BASE_URL: openai.v1,
      STATIC_KEYS: Object.entries(KEYS)
        .map(([tier, key]) => `${key}=${tier}-user:${tier}`)
        .join(','),
      ...env,
    },
    ...(configYaml === undefined ? {} : { configYaml }),
  }).catch(async (error: unknown) => {
    await closeMocks();
    throw error;
  });
  return {
    gateway,
    internal,
    claude,
    openai,
    post: (path, tier, body, headers = {}) =>
      fetch(gateway.url + path, {
        method: 'POST',
        headers: { authorization: `Bearer ${KEYS[tier]}`, 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    get: (path, tier, headers = {}) =>
      fetch(gateway.url + path, {
        headers: { ...(tier === undefined ? {} : { authorization: `Bearer ${KEYS[tier]}` }), ...headers },
      }),
    assertPlayed() {
      for (const mock of mocks) mock.assertPlayed();
    },
    async close() {
      await gateway.kill();
      await closeMocks();
    },
  };
}

/** A small Messages request. */
export const messages = (model: string, more: Record<string, unknown> = {}) => ({
  model,
  max_tokens: 100,
  messages: [{ role: 'user', content: 'canary-prompt: say hello' }],
  ...more,
});

/** A small Chat Completions request. */
export const chat = (model: string, more: Record<string, unknown> = {}) => ({
  model,
  messages: [{ role: 'user', content: 'canary-prompt: say hello' }],
  ...more,
});
