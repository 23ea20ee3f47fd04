/** The connection to a real Valkey. */
import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import { test } from 'node:test';
import { openValkey, toScript } from '../../src/store/valkey.ts';
import { skipBecause } from '../support/skip.ts';
import { findValkey, startValkey } from '../support/valkey-server.ts';

const program = findValkey();

test('the steps of one turn go out in one write, and each gets its own answer', {
  skip: program === null && skipBecause('no Valkey or Redis server'),
}, async (t) => {
  const server = await startValkey(program ?? '');
  t.after(() => server[Symbol.asyncDispose]());
  const valkey = openValkey({ url: server.url });
  t.after(() => valkey.close());
  await valkey.check();
  const echo = toScript('return ARGV[1]');
  assert.equal(await valkey.run(echo, [], ['known from now on']), 'known from now on');
  // How a stream hands on a single piece; of several at once it makes `_writev`.
  const single = t.mock.method(Socket.prototype, '_write');
  const words = Array.from({ length: 16 }, (_, index) => `step ${index}`);
  assert.deepEqual(await Promise.all(words.map((word) => valkey.run(echo, [], [word]))), words);
  assert.equal(single.mock.callCount(), 0);
});
