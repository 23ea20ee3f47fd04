import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { openValkey, type Valkey } from '../../src/store/valkey.ts';
import { createValkeyUsage } from '../../src/usage/valkey-usage.ts';
import { skipBecause } from '../support/skip.ts';
import { ask } from '../support/valkey-group.ts';
import { findValkey, startValkey, type ValkeyServer } from '../support/valkey-server.ts';
import { dayOf, record, today } from './records.ts';
import { usageStoreContract } from './usage-store.contract.ts';

const program = findValkey();
const skip = program === null ? skipBecause('no valkey-server or redis-server: usage in Valkey') : false;

suite('usage in Valkey', { skip }, () => {
  let server: ValkeyServer;
  let valkey: Valkey;

  before(async () => {
    server = await startValkey(program ?? '');
    valkey = openValkey({ url: server.url, commandTimeout: 5_000 });
    await valkey.check();
  });
  after(async () => {
    await valkey.close();
    await server[Symbol.asyncDispose]();
  });

  const open = async () => {
    await ask(server.url, 'FLUSHALL');
    const store = createValkeyUsage({ valkey, dayOf, retentionDays: 30 });
    return { store, [Symbol.asyncDispose]: () => store.close() };
  };

  usageStoreContract('Valkey', open);

  test('a batch that is added again, because nobody knew whether it was, counts once', async () => {
    const { store } = await open();
    const batch = [record(), record()];
    await store.add(batch);
    await store.add(batch);
    assert.equal((await store.totals({ ...today, by: [] }))[0]?.requests, 2);
  });

  test('totals end by themselves, and everything is in one slot', async () => {
    const { store } = await open();
    await store.add([record()]);
    const keys = (await ask(server.url, 'KEYS', '*')) as string[];
    assert.ok(keys.every((key) => key.startsWith('usage:{usage}:')));
    const ends = await ask(server.url, 'PTTL', `usage:{usage}:totals:2026-11-22:${'a'.repeat(64)}`);
    assert.ok(Number(ends) > 30 * 86_400_000);
  });
});
