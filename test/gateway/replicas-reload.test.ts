import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fateOf } from '../faults/fates.ts';
import { startWellBackend } from '../faults/well-backend.ts';
import { startGatewayProcess } from '../support/gateway-process.ts';
import { KEYS } from '../support/rig.ts';

/** Nobody listens there. */
const GONE = 'http://127.0.0.1:1';

test('replicas come and go by reload under load; what is known of the others is kept', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-replicas-'));
  const file = join(folder, 'gateway.yaml');
  const write = (...urls: readonly string[]) => {
    const list = JSON.stringify(urls);
    writeFileSync(
      `${file}.new`,
      `backends: { internal: { kind: internal, url: ${list}, model: raw-model, healthPath: null } }\n`,
    );
    renameSync(`${file}.new`, file);
  };
  const [old, fresh] = await Promise.all([startWellBackend(50), startWellBackend(50)]);
  write(GONE, old.url);
  const gateway = await startGatewayProcess({
    env: { GATEWAY_CONFIG: file, STATIC_KEYS: `${KEYS.pro}=pro-user:pro` },
  });
  const ask = (count: number, name: string) =>
    Promise.all(
      Array.from({ length: count }, (_, index) => fateOf(gateway.url, index % 2 === 0, `${name}-${index}`)),
    );
  const states = async () => {
    const health = (await (await fetch(`${gateway.url}/health`)).json()) as {
      backends: { internal: { replicas: { state: string }[] } };
    };
    return health.backends.internal.replicas.map(({ state }) => state);
  };
  const reloads = async (count: number) => {
    while (gateway.stderr().split('"configuration reloaded"').length - 1 < count) await pause(20);
  };
  try {
    const before = await ask(20, 'before');
    assert.notEqual((await states())[0], 'closed');
    assert.equal((await states())[1], 'closed');

    const during = ask(20, 'during');
    write(GONE, old.url, fresh.url);
    await reloads(1);
    assert.notEqual((await states())[0], 'closed', 'the failing one is remembered');
    const after = await ask(20, 'after');
    assert.ok(fresh.asked() > 0, 'the new one is asked');

    write(fresh.url);
    await reloads(2);
    const asked = old.asked();
    const last = await ask(20, 'last');
    assert.equal(old.asked(), asked, 'the one that went is asked no more');
    assert.deepEqual(new Set([...before, ...(await during), ...after, ...last]), new Set(['survived']));
  } finally {
    await gateway.kill();
    await Promise.all([old.close(), fresh.close()]);
    rmSync(folder, { recursive: true, force: true });
  }
});
