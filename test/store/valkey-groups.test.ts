/** A cluster, and a primary behind Sentinels: quota and records keep working there, also when a replica takes over. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { QuotaStore } from '../../src/quota/store.ts';
import { createValkeyStore } from '../../src/quota/valkey-store.ts';
import { openValkey, type Valkey } from '../../src/store/valkey.ts';
import { createValkeyRecords } from '../../src/store/valkey-records.ts';
import { quotaStoreContract } from '../quota/quota-store.contract.ts';
import { skipBecause } from '../support/skip.ts';
import { ask, startValkeyCluster, startValkeySentinels, type ValkeyGroup } from '../support/valkey-group.ts';
import { findValkey } from '../support/valkey-server.ts';

const program = findValkey();
const skip = program === null ? skipBecause('no valkey-server or redis-server') : false;

async function eventually(what: string, check: () => Promise<void>): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      return await check();
    } catch (cause) {
      if (tries === 150) throw new Error(`${what} did not come within 15 s`, { cause });
      await pause(100);
    }
  }
}

suite('a cluster of three', { skip }, () => {
  let group: ValkeyGroup;
  let valkey: Valkey;
  let store: QuotaStore;

  before(async () => {
    group = await startValkeyCluster(program ?? '');
    valkey = openValkey({ url: group.url, commandTimeout: 5_000 });
    assert.deepEqual(await valkey.check(), []);
    store = createValkeyStore(valkey);
  });
  after(async () => {
    await valkey.close();
    await group[Symbol.asyncDispose]();
  });

  quotaStoreContract('valkey cluster', () => store);

  test('records of many collections are spread over all three', async () => {
    const records = createValkeyRecords(valkey);
    for (let count = 0; count < 30; count++) {
      const collection = records.collection(`c${count}`);
      assert.equal(await collection.put('key', `${count}`), true);
      assert.equal(await collection.get('key'), `${count}`);
    }
    for (const { url } of group.servers) assert.ok(Number(await ask(url, 'DBSIZE')) > 0);
  });
});

suite('a primary behind Sentinels', { skip }, () => {
  test('what was kept is there after the primary was killed and its replica promoted, and it is told', async () => {
    await using group = await startValkeySentinels(program ?? '');
    const valkey = openValkey({ url: group.url });
    let reconnected = 0;
    valkey.onReconnect(() => void reconnected++);
    try {
      assert.deepEqual(await valkey.check(), []);
      const kept = createValkeyRecords(valkey).collection('kept');
      await kept.put('before', '1');
      assert.equal(
        await ask(group.servers[0]?.url ?? '', 'WAIT', '1', '5000'),
        1,
        'the replica has it as well',
      );
      assert.equal(reconnected, 0);
      await group.servers[0]?.stop('SIGKILL');
      await eventually('a promoted replica', async () => {
        await kept.put('after', '2');
      });
      assert.deepEqual(await kept.list(), [
        { key: 'after', value: '2' },
        { key: 'before', value: '1' },
      ]);
      assert.ok(reconnected > 0);
      const role = await ask(group.servers[1]?.url ?? '', 'ROLE');
      assert.equal(Array.isArray(role) && role[0], 'master');
    } finally {
      await valkey.close();
    }
  });
});
