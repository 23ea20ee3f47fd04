import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import type { Records } from '../../src/store/records.ts';
import { createSqliteRecords } from '../../src/store/sqlite-records.ts';
import { openValkey } from '../../src/store/valkey.ts';
import { createValkeyRecords } from '../../src/store/valkey-records.ts';
import { skipBecause } from '../support/skip.ts';
import { findValkey, startValkey, type ValkeyServer } from '../support/valkey-server.ts';

interface Opened {
  /** Two replicas that share one place. */
  readonly replicas: readonly [Records, Records];
  /** Lets so many milliseconds pass for the store's clock. */
  readonly pass: (ms: number) => Promise<void>;
  readonly close: () => Promise<void>;
}

const program = findValkey();
const places: readonly { name: string; open: () => Promise<Opened>; skip: string | false }[] = [
  { name: 'SQLite', open: openSqliteRecords, skip: false },
  {
    name: 'Valkey',
    open: openValkeyRecords,
    skip: program === null ? skipBecause('no valkey-server or redis-server') : false,
  },
];

async function openSqliteRecords(): Promise<Opened> {
  const folder = mkdtempSync(join(tmpdir(), 'records-'));
  const file = join(folder, 'records.db');
  let passed = 0;
  const clock = () => Date.now() + passed;
  const replicas = [createSqliteRecords({ file, clock }), createSqliteRecords({ file, clock })] as const;
  assert.equal(statSync(file).mode & 0o777, 0o600);
  return {
    replicas,
    async pass(ms) {
      passed += ms;
    },
    async close() {
      for (const replica of replicas) await replica.close();
      rmSync(folder, { recursive: true });
    },
  };
}

async function openValkeyRecords(): Promise<Opened> {
  assert.ok(program !== null);
  const server: ValkeyServer = await startValkey(program);
  const connections = [openValkey({ url: server.url }), openValkey({ url: server.url })] as const;
  for (const connection of connections) await connection.check();
  const replicas = [createValkeyRecords(connections[0]), createValkeyRecords(connections[1])] as const;
  return {
    replicas,
    // The server's own clock cannot be set.
    pass: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    async close() {
      for (const replica of replicas) await replica.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

for (const { name, open, skip } of places) {
  suite(`records in ${name}`, { skip }, () => {
    let opened: Opened;
    before(async () => {
      opened = await open();
    });
    after(() => opened.close());
    const collections = (of: string) => opened.replicas.map((records) => records.collection(of));

    test('what one replica writes, the other reads, in its own collection only', async () => {
      const [one, other] = collections('shared');
      assert.equal(await one?.put('a', 'text with "quotes", ü and \0'), true);
      assert.equal(await other?.get('a'), 'text with "quotes", ü and \0');
      assert.equal(await other?.get('b'), null);
      assert.equal(await opened.replicas[0].collection('elsewhere').get('a'), null);
      assert.equal(await other?.delete('a'), true);
      assert.equal(await one?.delete('a'), false);
      assert.equal(await one?.get('a'), null);
    });

    test('of many takers exactly one is given the record', async () => {
      const both = collections('taken');
      await both[0]?.put('code', 'secret');
      const taken = await Promise.all(
        Array.from({ length: 20 }, (_, index) => both[index % 2]?.take('code')),
      );
      assert.deepEqual(
        taken.filter((value) => value !== null),
        ['secret'],
      );
    });

    test('of many writers who expect the same, exactly one writes', async () => {
      const both = collections('expected');
      const put = (index: number, expected: string | null) =>
        both[index % 2]?.put('one', `${expected}, then ${index}`, { expected });
      const first = await Promise.all(Array.from({ length: 10 }, (_, index) => put(index, null)));
      assert.equal(first.filter(Boolean).length, 1);
      const present = (await both[0]?.get('one')) ?? '';
      const next = await Promise.all(Array.from({ length: 10 }, (_, index) => put(index, present)));
      assert.equal(next.filter(Boolean).length, 1);
      assert.equal(await put(1, 'something else'), false);
    });

    test('a full collection takes no further record, but changes those it has', async () => {
      const both = collections('full');
      const puts = await Promise.all(
        Array.from({ length: 30 }, (_, index) => both[index % 2]?.put(`key ${index}`, 'v', { atMost: 20 })),
      );
      assert.equal(puts.filter(Boolean).length, 20);
      const listed = (await both[1]?.list()) ?? [];
      assert.equal(listed.length, 20);
      assert.equal(await both[0]?.put(listed[0]?.key ?? '', 'changed', { atMost: 20 }), true);
      assert.deepEqual((await both[1]?.list())?.[0], { key: listed[0]?.key, value: 'changed' });
    });

    test('an expired record is gone for readers, takers, lists and counts, one without an end stays', async () => {
      const [one, other] = collections('expiring');
      await one?.put('short', 'v', { ttl: 60 });
      await one?.put('long', 'v', { ttl: 60_000 });
      await one?.put('forever', 'v');
      assert.equal(await other?.get('short'), 'v');
      await opened.pass(80);
      assert.equal(await other?.get('short'), null);
      assert.equal(await other?.take('short'), null);
      assert.deepEqual(
        (await other?.list())?.map(({ key }) => key),
        ['forever', 'long'],
      );
      assert.equal(await other?.put('third', 'v', { atMost: 3 }), true);
      assert.equal(await other?.put('fourth', 'v', { atMost: 3 }), false);
      await one?.put('long', 'kept', { ttl: 60 });
      await one?.put('long', 'kept');
      await opened.pass(80);
      assert.equal(await other?.get('long'), 'kept');
    });
  });
}
