/** The gateway with all its backends on loopback, as most end-to-end tests need it. */
import assert from 'node:assert/strict';
import { type GatewayProcess, startGatewayProcess } from '../../test/support/gateway-process.ts';
import { type MockBackend, startMockBackend } from '../../test/support/mock-backend.ts';
import { ONE_TARGET_PLAN } from '../../test/support/one-target-plan.ts';
import { type CountingProxy, startCountingProxy } from './counting-proxy.ts';

/** The users' keys, one for each tier of the default plan. */
export const KEYS = {
  free: 'e2e-free-key-4Qk1',
  pro: 'e2e-pro-key-8Zt2',
  enterprise: 'e2e-enterprise-key-6Wm3',
} as const;

export interface Stage {
  readonly gateway: GatewayProcess;
  /** What clients are pointed at: the gateway, every request noted on the way. */
  readonly proxy: CountingProxy;
  /** OpenAI format, where `free` is served. */
  readonly internal: MockBackend;
  /** Anthropic format, where `enterprise` is served Claude names. */
  readonly claude: MockBackend;
  /** OpenAI format, Responses too, where `enterprise` is served GPT names. */
  readonly openai: MockBackend;
  /** Fails unless the gateway is alive and every backend was asked exactly what was queued. */
  assertPlayed(): void;
  close(): Promise<void>;
}

/** `STATIC_KEYS` for some of the keys: the user is named after the tier. */
export const staticKeys = (tiers: readonly (keyof typeof KEYS)[]): string =>
  tiers.map((tier) => `${KEYS[tier]}=${tier}-user:${tier}`).join(',');

/** Starts everything, with a plan in which no model stands in for another; close it when the test ends. */
export async function setStage(env: Readonly<Record<string, string>> = {}, configYaml = ''): Promise<Stage> {
  const neverReceives = Object.values(KEYS);
  const internal = await startMockBackend({
    dialect: 'openai',
    credential: null,
    models: ['qwen3-32b'],
    neverReceives,
  });
  const claude = await startMockBackend({
    dialect: 'anthropic',
    credential: 'backend-claude-key',
    models: ['claude-opus-5-5', 'claude-haiku-5-5'],
    neverReceives,
  });
  const openai = await startMockBackend({
    dialect: 'openai',
    responses: true,
    credential: 'backend-openai-key',
    models: ['gpt-5.2', 'gpt-5.5'],
    neverReceives,
  });
  const backends = [internal, claude, openai];
  const closeBackends = async (): Promise<void> => {
    await Promise.all(backends.map((backend) => backend.close()));
  };
  const gateway = await startGatewayProcess({
    env: {
      INTERNAL_LLM_URL: internal.v1,
      CLAUDE_API_KEY: 'backend-claude-key',
      CLAUDE_BASE_URL: claude.url,
      OPENAI_API_KEY: 'backend-openai-key',
      OPENAI_BASE_URL: openai.v1,
      STATIC_KEYS: staticKeys(['free', 'pro', 'enterprise']),
      ...env,
    },
    configYaml: /^tiers:/m.test(configYaml) ? configYaml : configYaml + ONE_TARGET_PLAN,
  }).catch(async (error) => {
    await closeBackends();
    throw error;
  });
  const proxy = await startCountingProxy(gateway.url);
  let ended: number | null | undefined;
  void gateway.exit.then(({ code }) => {
    ended = code;
  });
  return {
    gateway,
    proxy,
    internal,
    claude,
    openai,
    assertPlayed: () => {
      assert.equal(
        ended,
        undefined,
        `the gateway ended: ${gateway.stderr().split('\n').slice(-5).join('\n')}`,
      );
      for (const backend of backends) backend.assertPlayed();
    },
    close: async () => {
      await proxy.close();
      await gateway.kill();
      await closeBackends();
    },
  };
}

/** Runs a test on a stage of its own and takes it down whatever happens. */
export async function onStage(
  run: (stage: Stage) => Promise<void>,
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const stage = await setStage(env);
  try {
    await run(stage);
    stage.assertPlayed();
  } finally {
    await stage.close();
  }
}
