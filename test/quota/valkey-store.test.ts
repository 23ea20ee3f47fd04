import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import { after, before, type TestContext, test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { Redis } from 'ioredis';
import { RECORDS_KEPT, WINDOWS_KEPT } from '../../src/quota/retention.ts';
import type { ValkeyOptions } from '../../src/store/valkey.ts';
import { skipBecause } from '../support/skip.ts';
import { findValkey, freePort, startValkey, type ValkeyServer } from '../support/valkey-server.ts';
import { type OpenedValkeyStore, openValkeyStore } from '../support/valkey-store.ts';
import { within } from '../support/within.ts';
import { peekOne, plainClaim, plainEntry } from './plain-request.ts';
import { quotaStoreContract } from './quota-store.contract.ts';

const HOUR = 3_600_000;
const windows = {
  current: { id: '2026-11-22', endsAt: Date.now() + HOUR },
  next: { id: '2026-11-23', endsAt: Date.now() + 25 * HOUR },
};

/** Tries until it succeeds: what another process does has no clock of ours. */
async function eventually<T>(what: string, attempt: () => Promise<T>): Promise<T> {
  let over = false;
  const tries = (async () => {
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        if (over) throw error;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  })();
  return within(10_000, what, tries).finally(() => {
    over = true;
  });
}

/** A store that is closed with its test. Commands may take long here: the machine may be busy. */
function openStore(t: TestContext, options: ValkeyOptions): OpenedValkeyStore {
  const opened = openValkeyStore({ commandTimeout: 5_000, ...options });
  t.after(() => opened.close());
  return opened;
}

function portOf(listening: Server): number {
  const address = listening.address();
  assert.ok(address !== null && typeof address === 'object');
  return address.port;
}

const program = findValkey();
if (program === null) {
  test('the quota store in Valkey', {
    skip: skipBecause('no Valkey or Redis server: the quota store in Valkey'),
  });
} else {
  testValkeyStore(program);
}

function testValkeyStore(program: string): void {
  let server: ValkeyServer;
  let store: OpenedValkeyStore;
  /** For looking at what is in the server, past the store. */
  let direct: Redis;

  before(async () => {
    server = await startValkey(program);
    store = openValkeyStore({ url: server.url, commandTimeout: 5_000 });
    await store.check();
    direct = new Redis(server.url);
    direct.on('error', () => undefined);
  });
  after(async () => {
    await store.close();
    direct.disconnect();
    await server[Symbol.asyncDispose]();
  });

  quotaStoreContract('valkey', () => store);

  const reserve = (subject: string, requestId: string, lease = 90_000) =>
    store.reserve(plainClaim({ subject, requestId, windows, limit: 10, lease }));
  const commit = (subject: string, requestId: string) =>
    store.commit(plainEntry(subject, requestId, windows.current));
  const usedBy = async (subject: string) => (await peekOne(store, subject, windows)).used;

  test('a lease ends at its time, by the clock of the server', async () => {
    const started = Date.now();
    await reserve('leased', 'r1', 150);
    await eventually('the end of a lease of 150 ms', async () => {
      assert.equal((await peekOne(store, 'leased', windows)).pending, 0);
    });
    assert.ok(Date.now() - started >= 149);
  });

  test('in a cluster the keys of a step are in one slot', async (t) => {
    await using clustered = await startValkey(program, ['--cluster-enabled', 'yes']);
    const admin = new Redis(clustered.url);
    t.after(() => admin.disconnect());
    await admin.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
    const node = openStore(t, { url: clustered.url });
    await node.check();
    const entry = (requestId: string) => plainEntry('tagged', requestId, windows.current);
    await eventually('a cluster that serves', () => node.commit(entry('r1')));
    await node.reserve(plainClaim({ subject: 'tagged', requestId: 'r2', windows, limit: 10, lease: 90_000 }));
    assert.equal(await node.renew(entry('r2'), 90_000), true);
    await node.release(entry('r1'));
    assert.deepEqual(await peekOne(node, 'tagged', windows), {
      window: windows.current,
      used: 0,
      pending: 1,
      extra: 0,
    });
    assert.deepEqual((await admin.keys('*')).toSorted(), [
      'quota:{tagged}:ends',
      'quota:{tagged}:facts',
      'quota:{tagged}:leases',
    ]);
  });

  test('every key has an end, and looking makes none', async () => {
    await peekOne(store, 'nobody', windows);
    assert.deepEqual(await direct.keys('*nobody*'), []);
    await reserve('ending', 'r1');
    await commit('ending', 'r1');
    await reserve('ending', 'r2');
    const left = (part: string) => direct.pexpiretime(`quota:{ending}:${part}`);
    assert.equal(await left('facts'), windows.current.endsAt + WINDOWS_KEPT);
    assert.equal(await left('ends'), windows.current.endsAt + WINDOWS_KEPT);
    const leases = await left('leases');
    assert.ok(leases > Date.now() && leases <= Date.now() + RECORDS_KEPT);
  });

  test('a count given back keeps its end', async () => {
    await commit('refunded', 'r1');
    await commit('refunded', 'r2');
    await store.release(plainEntry('refunded', 'r1', windows.current));
    assert.equal(await usedBy('refunded'), 1);
    const end = await direct.pexpiretime('quota:{refunded}:facts');
    assert.equal(end, windows.current.endsAt + WINDOWS_KEPT);
  });

  test('records of ended requests go when their time has come', async () => {
    await commit('recorded', 'r1');
    await direct.zadd('quota:{recorded}:ends', `${Date.now() - 1}`, 'r:r1');
    await commit('recorded', 'r2');
    const left = ['r:r2', 'u:2026-11-22'];
    assert.deepEqual(await direct.zrange('quota:{recorded}:ends', '0', '-1'), left);
    assert.deepEqual((await direct.hkeys('quota:{recorded}:facts')).toSorted(), left);
  });

  test('a server that lost the scripts is given them again', async () => {
    await commit('flushed', 'r1');
    await direct.script('FLUSH');
    await commit('flushed', 'r2');
    assert.equal(await usedBy('flushed'), 2);
  });

  test('steps whose connection is cut are done once', async () => {
    await commit('cut', 'r0');
    const steps = Array.from({ length: 200 }, (_, index) =>
      commit('cut', `r${index}`).catch(() => undefined),
    );
    await direct.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await Promise.all(steps);
    await eventually('a new connection', async () => {
      for (let index = 0; index < 200; index++) await commit('cut', `r${index}`);
    });
    assert.equal(await usedBy('cut'), 200);
  });

  test('a server that became a replica refuses and takes steps again as a primary', async () => {
    await direct.call('REPLICAOF', '127.0.0.1', `${await freePort()}`);
    await assert.rejects(commit('failed-over', 'r1'));
    await eventually('a primary', async () => {
      await direct.call('REPLICAOF', 'NO', 'ONE');
      await commit('failed-over', 'r1');
    });
    assert.equal(await usedBy('failed-over'), 1);
  });

  test('an address that leads to a new primary is followed after the first step that the old one refuses', async (t) => {
    await using replica = await startValkey(program, ['--replicaof', '127.0.0.1', `${server.port}`]);
    let leadsTo = replica.port;
    const address = createServer((socket) => {
      const behind = connect(leadsTo, '127.0.0.1');
      pipeline(socket, behind, socket, () => undefined);
    }).listen(0, '127.0.0.1');
    await once(address, 'listening');
    t.after(() => address.close());
    const following = openStore(t, { url: `redis://127.0.0.1:${portOf(address)}` });
    await following.check();
    leadsTo = server.port;
    const step = () => following.commit(plainEntry('moved', 'r1', windows.current));
    await assert.rejects(step());
    await eventually('the new primary', step);
    assert.equal(await usedBy('moved'), 1);
  });

  test('a server that hangs makes steps fail within the command timeout, and they count once later', async (t) => {
    const quick = openStore(t, { url: server.url, commandTimeout: 300 });
    await quick.check();
    server.signal('SIGSTOP');
    const step = quick.commit(plainEntry('hanging', 'r1', windows.current));
    try {
      await within(3_000, 'the command timeout', assert.rejects(step, /timed out/));
    } finally {
      server.signal('SIGCONT');
    }
    await eventually('the server going on', () => commit('hanging', 'r1'));
    assert.equal(await usedBy('hanging'), 1);
  });

  test('a crash of the server loses no count, and steps fail at once until it is back', async (t) => {
    // With `everysec` a write may wait for the sync before it, and a crash loses it.
    await using durable = await startValkey(program, ['--appendonly', 'yes', '--appendfsync', 'always']);
    const kept = openStore(t, { url: durable.url });
    await kept.check();
    for (let index = 0; index < 20; index++) {
      await kept.commit(plainEntry('s', `r${index}`, windows.current));
    }
    await kept.reserve(plainClaim({ subject: 's', requestId: 'held', windows, limit: 50, lease: 90_000 }));
    await durable.stop('SIGKILL');
    await eventually('the store noticing', async () => {
      await assert.rejects(kept.ping(), (error: Error) => !error.message.includes('timed out'));
    });
    await durable.start();
    await eventually('the store connecting again', () => kept.ping());
    assert.deepEqual(await peekOne(kept, 's', windows), {
      window: windows.current,
      used: 20,
      pending: 1,
      extra: 0,
    });
  });

  test('a server made for keeping counts draws no warning', async () => {
    assert.deepEqual(await store.check(), []);
  });

  test('a server that evicts or keeps nothing draws a warning for each', async (t) => {
    await using careless = await startValkey(program, [
      ...['--save', '', '--appendonly', 'no'],
      ...['--maxmemory', '50mb', '--maxmemory-policy', 'allkeys-lru'],
    ]);
    const opened = openStore(t, { url: careless.url });
    const warnings = await opened.check();
    assert.equal(warnings.length, 2);
    assert.match(warnings[0] ?? '', /maxmemory-policy is "allkeys-lru"/);
    assert.match(warnings[1] ?? '', /keeps nothing on disk/);
  });

  test('a user that may only run the scripts can count; what it may not see is not complained about', async (t) => {
    await direct.call(
      ...(['ACL', 'SETUSER', 'gateway', 'on', '>p4ss', '~quota:*', '-@all'] as const),
      ...[
        '+evalsha',
        '+eval',
        '+ping',
        '+info',
        '+quit',
        '+time',
        '+hget',
        '+hset',
        '+hdel',
        '+hincrby',
        '+zadd',
        '+zrem',
      ],
      ...['+zscore', '+zcard', '+zrangebyscore', '+pttl', '+pexpireat', '+hello', '+auth'],
    );
    const url = server.url.replace('redis://', 'redis://gateway:p4ss@');
    const allowed = openStore(t, { url });
    assert.deepEqual(await allowed.check(), []);
    await allowed.reserve(plainClaim({ subject: 'acl', requestId: 'r1', windows, limit: 1, lease: 1_000 }));
    await allowed.commit(plainEntry('acl', 'r1', windows.current));
    assert.equal(await usedBy('acl'), 1);
  });

  test('a wrong password is said without the password, and no step waits for it', async (t) => {
    await direct.config('SET', 'requirepass', 'right-horse');
    const locked = openStore(t, {
      url: server.url.replace('redis://', 'redis://:wr0ng-horse@'),
      connectTimeout: 300,
    });
    try {
      const [warning = ''] = await locked.check();
      assert.match(warning, /does not answer: .*WRONGPASS/);
      const error = await locked.ping().catch((reason: unknown) => reason);
      assert.doesNotMatch(warning + JSON.stringify(error, Object.getOwnPropertyNames(error)), /wr0ng-horse/);
    } finally {
      await direct.config('SET', 'requirepass', '');
    }
  });

  test('`rediss://` counts over TLS and refuses a certificate that nobody vouches for', async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'llm-gateway-tls-'));
    t.after(() => rmSync(dir, { recursive: true, force: true }));
    const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
    try {
      const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
      const files = ['-days', '2', '-keyout', key, '-out', cert];
      execFileSync('openssl', [...made, ...files, ...subject], { stdio: 'pipe' });
    } catch {
      return t.skip(skipBecause('no openssl to make a certificate with: the quota store over TLS'));
    }
    const ca = readFileSync(cert, 'utf8');
    const front = createTlsServer({ key: readFileSync(key), cert: ca }, (socket) => {
      const behind = connect(server.port, '127.0.0.1');
      pipeline(socket, behind, socket, () => undefined);
    });
    front.on('tlsClientError', () => undefined);
    front.listen(0, '127.0.0.1');
    await once(front, 'listening');
    t.after(() => front.close());

    const url = `rediss://127.0.0.1:${portOf(front)}`;
    const trusting = openStore(t, { url, ca });
    await trusting.check();
    await trusting.commit(plainEntry('tls', 'r1', windows.current));
    assert.equal((await peekOne(trusting, 'tls', windows)).used, 1);

    const distrusting = openStore(t, { url, connectTimeout: 300 });
    assert.match((await distrusting.check())[0] ?? '', /does not answer: .*self-signed certificate/);
  });
}

test('an address where nobody listens is said, steps fail at once, and closing ends the attempts', async (t) => {
  const store = openStore(t, { url: `redis://127.0.0.1:${await freePort()}`, connectTimeout: 300 });
  const [warning = ''] = await store.check();
  assert.match(warning, /^The quota store does not answer: .*ECONNREFUSED/);
  const started = performance.now();
  await assert.rejects(store.ping());
  assert.ok(performance.now() - started < 1_000);
  await within(1_000, 'closing', store.close());
});

test('something that is no store and answers with silence is given up on in time', async (t) => {
  const silent = createServer(() => undefined).listen(0, '127.0.0.1');
  t.after(() => silent.close());
  await once(silent, 'listening');
  const store = openStore(t, { url: `redis://127.0.0.1:${portOf(silent)}`, connectTimeout: 300 });
  const [warning = ''] = await within(2_000, 'the check', store.check());
  assert.match(warning, /does not answer/);
  await assert.rejects(store.ping());
  await within(1_000, 'closing', store.close());
});
