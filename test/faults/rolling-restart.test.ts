import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { startGatewayProcess, startGatewayProcesses } from '../support/gateway-process.ts';
import { KEYS } from '../support/rig.ts';
import { startBalancer } from './balancer.ts';
import { type Fate, fateOf, table } from './fates.ts';
import { startWellBackend } from './well-backend.ts';

const CLIENTS = 6;
/** Longer than the balancer takes to see that one is not ready any more. */
const CONFIG = 'server: { drainDelaySeconds: 5, drainSeconds: 20 }\n';

/** The standing once nothing is under way: what a busy store did not take at once is on its way from disk. */
async function settled(url: string): Promise<{ readonly used: number; readonly pending: number }> {
  const response = await fetch(url, { headers: { authorization: `Bearer ${KEYS.pro}` } });
  const standing = (await response.json()) as { readonly used: number; readonly pending: number };
  if (standing.pending === 0) return standing;
  await pause(100);
  return settled(url);
}

test('two gateways restarted one after the other under load lose no request and no count', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'llm-gateway-rolling-'));
  const [balancer, backend] = await Promise.all([startBalancer(), startWellBackend(300)]);
  const options = {
    dataDir,
    env: {
      INTERNAL_LLM_URL: backend.url,
      INTERNAL_LLM_MODEL: 'raw-model',
      STATIC_KEYS: `${KEYS.pro}=pro-user:pro`,
    },
    configYaml: CONFIG,
  };
  const gateways = await startGatewayProcesses(2, options).catch(async (error: unknown) => {
    await Promise.all([balancer.close(), backend.close()]);
    throw error;
  });
  for (const { url } of gateways) balancer.add(url);

  let running = true;
  const fates: Fate[] = [];
  /** Load goes on until each client has had so many more answers. */
  const answered = async (each: number) => {
    for (const goal = fates.length + each * CLIENTS; fates.length < goal; ) await pause(20);
  };
  const load = Promise.all(
    Array.from({ length: CLIENTS }, async (_, client) => {
      for (let turn = 0; running; turn++)
        fates.push(await fateOf(balancer.url, turn % 3 !== 0, `${client}-${turn}`));
    }),
  );
  try {
    await answered(2);
    for (const [index, old] of gateways.entries()) {
      const fresh = await startGatewayProcess(options);
      balancer.add(fresh.url);
      assert.deepEqual(await old.stop(), { code: 0 });
      balancer.remove(old.url);
      gateways[index] = fresh;
      await answered(1);
    }
    running = false;
    await load;
    const [one] = gateways;
    const { used, pending } = await settled(`${one?.url}/quota`);
    const lost = fates.filter((fate) => fate !== 'survived').length;
    process.stdout.write(
      `\n${table([{ 'two gateways …': 'restarted under load', tried: fates.length, survived: fates.length - lost, lost, counted: used }])}\n\n`,
    );
    assert.equal(lost, 0);
    assert.deepEqual({ used, pending }, { used: fates.length, pending: 0 });
    assert.equal(backend.asked(), fates.length, 'nothing was asked twice');
  } finally {
    running = false;
    await Promise.all(gateways.map((gateway) => gateway.kill()));
    await Promise.all([balancer.close(), backend.close()]);
    await rm(dataDir, { recursive: true, force: true });
  }
});
