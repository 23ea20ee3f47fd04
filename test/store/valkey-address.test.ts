import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readValkeyAddress } from '../../src/store/valkey-address.ts';

test('one server keeps its address as it is', () => {
  for (const url of ['redis://localhost', 'rediss://ana:pass%20word@db.example:6380/3?x=1'])
    assert.deepEqual(readValkeyAddress(url), { kind: 'single', url });
});

test('Sentinels are listed with the name of their primary, its login and their own', () => {
  assert.deepEqual(
    readValkeyAddress(
      'redis+sentinel://gw:p%40ss@one:26380,two,[::1]:26381/quota/2?sentinel_password=s%26t&sentinel_username=watch',
    ),
    {
      kind: 'sentinel',
      sentinels: [
        { host: 'one', port: 26_380 },
        { host: 'two', port: 26_379 },
        { host: '::1', port: 26_381 },
      ],
      name: 'quota',
      database: 2,
      tls: false,
      login: { username: 'gw', password: 'p@ss' },
      sentinelLogin: { username: 'watch', password: 's&t' },
    },
  );
});

test('what is left out of a Sentinel address has its usual value', () => {
  assert.deepEqual(readValkeyAddress('rediss+sentinel://:secret@one'), {
    kind: 'sentinel',
    sentinels: [{ host: 'one', port: 26_379 }],
    name: 'mymaster',
    database: 0,
    tls: true,
    login: { password: 'secret' },
    sentinelLogin: {},
  });
});

test('a cluster is a list of nodes to begin with', () => {
  assert.deepEqual(readValkeyAddress('redis+cluster://gw:secret@one,two:7001'), {
    kind: 'cluster',
    nodes: [
      { host: 'one', port: 6379 },
      { host: 'two', port: 7001 },
    ],
    tls: false,
    login: { username: 'gw', password: 'secret' },
  });
});

for (const url of [
  '',
  'localhost:6379',
  'http://secret@localhost',
  'redis+proxy://secret@localhost',
  'redis+sentinel://secret@/quota',
  'redis+sentinel://one/quota/secret',
  'redis+sentinel://one/quota/0/secret',
  'redis+cluster://one:secret',
  'redis+cluster://one:99999999',
  'redis+cluster://secret@one/1',
]) {
  test(`"${url}" is refused in words that do not repeat it`, () => {
    assert.throws(
      () => readValkeyAddress(url),
      (error: Error) =>
        /^(?:expected redis:|a cluster has no)/.test(error.message) && !/secret/.test(error.message),
    );
  });
}
