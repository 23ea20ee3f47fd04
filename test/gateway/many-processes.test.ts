import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { startGatewayProcesses } from '../support/gateway-process.ts';
import { startMockBackend } from '../support/mock-backend.ts';
import { messages } from '../support/rig.ts';
import { skipBecause } from '../support/skip.ts';
import { findValkey, startValkey } from '../support/valkey-server.ts';

const PROCESSES = 4;
const REQUESTS = 500;
const LIMIT = 10;

/** One request as a client sends it: again when the store was too busy to answer, which charges nothing. */
async function ask(url: string): Promise<number> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'x-api-key': 'shared-key', 'content-type': 'application/json' },
    body: JSON.stringify(messages('claude-opus-5-5')),
  });
  await response.text();
  if (response.status !== 503) return response.status;
  await pause(100);
  return ask(url);
}

/** The standing once nothing is under way: a charge that a busy store did not take at once is on its way from disk. */
async function settled(url: string): Promise<object> {
  const response = await fetch(`${url}/quota`, { headers: { 'x-api-key': 'shared-key' } });
  // A store that is too busy to say where it stands is asked again as well.
  const standing = response.ok ? ((await response.json()) as { readonly pending: number }) : null;
  if (standing?.pending === 0) return standing;
  await pause(100);
  return settled(url);
}

/** Asks four gateways that share one store, all at once, and answers how many requests each status got. */
async function askAll(env: Record<string, string>): Promise<Map<number, number>> {
  const internal = await startMockBackend({ dialect: 'openai', models: ['qwen3-32b'], credential: null });
  internal.say(...Array.from({ length: LIMIT }, () => ({})));
  const common = { INTERNAL_LLM_URL: internal.v1, STATIC_KEYS: 'shared-key=one:free', ...env };
  // A store that the tests around keep from running is no outage to make up for here.
  const configYaml = 'quota: { onStoreFailure: deny }';
  const gateways = await startGatewayProcesses(PROCESSES, { env: common, configYaml }).catch(
    async (error: unknown) => {
      await internal.close();
      throw error;
    },
  );
  try {
    const answers = await Promise.all(
      Array.from({ length: REQUESTS }, (_, n) => ask(`${gateways[n % PROCESSES]?.url}/v1/messages`)),
    );
    internal.assertPlayed();
    for (const gateway of gateways) {
      const standing = await settled(gateway.url);
      assert.deepEqual(standing, { ...standing, used: LIMIT, pending: 0, remaining: 0 });
    }
    return Map.groupBy(answers, (status) => status)
      .entries()
      .reduce((counts, [status, all]) => counts.set(status, all.length), new Map<number, number>());
  } finally {
    await Promise.all(gateways.map((gateway) => gateway.kill()));
    await internal.close();
  }
}

const expected = new Map([
  [200, LIMIT],
  [429, REQUESTS - LIMIT],
]);

test('of 500 requests at once over 4 gateways that share a SQLite file, exactly 10 are admitted', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'llm-gateway-shared-'));
  try {
    const counts = await askAll({ GATEWAY_DATA_DIR: dataDir });
    assert.deepEqual(new Map([...counts].sort()), expected);
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
});

const program = findValkey();
const skip = program === null && skipBecause('no valkey-server or redis-server on this machine');

test('of 500 requests at once over 4 gateways that share a Valkey, exactly 10 are admitted', {
  skip,
}, async () => {
  const valkey = await startValkey(program ?? '');
  try {
    const counts = await askAll({ QUOTA_REDIS_URL: valkey.url });
    assert.deepEqual(new Map([...counts].sort()), expected);
  } finally {
    await valkey.stop();
  }
});
