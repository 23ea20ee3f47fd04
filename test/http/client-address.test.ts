import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { createClientAddress } from '../../src/http/client-address.ts';

const from = (remoteAddress: string | undefined, forwarded?: string) => ({
  socket: { remoteAddress } as Socket,
  headers: { ...(forwarded !== undefined && { 'x-forwarded-for': forwarded }) },
});

for (const [what, trusted, connection, forwarded, expected] of [
  ['no proxy is named: the connection', [], '10.0.0.1', '1.1.1.1', '10.0.0.1'],
  ['the header of a stranger is not read', ['10.0.0.0/8'], '8.8.8.8', '1.1.1.1', '8.8.8.8'],
  ['one proxy', ['10.0.0.0/8'], '10.0.0.1', '1.1.1.1', '1.1.1.1'],
  ['a proxy by its address', ['10.0.0.1'], '10.0.0.1', '1.1.1.1', '1.1.1.1'],
  ['what the client wrote itself', ['10.0.0.0/8'], '10.0.0.1', '6.6.6.6, 1.1.1.1', '1.1.1.1'],
  ['its own proxy claimed', ['10.0.0.0/8'], '10.0.0.1', '6.6.6.6, 10.0.0.9, 1.1.1.1', '1.1.1.1'],
  [
    'a row of proxies',
    ['10.0.0.0/8', 'fd00::/8'],
    '10.0.0.1',
    '6.6.6.6, 1.1.1.1, fd00::7,10.2.0.1',
    '1.1.1.1',
  ],
  ['a client within the range', ['10.0.0.0/8'], '10.0.0.1', '10.9.9.9', '10.9.9.9'],
  ['no header', ['10.0.0.0/8'], '10.0.0.1', undefined, '10.0.0.1'],
  ['an empty header', ['10.0.0.0/8'], '10.0.0.1', '', '10.0.0.1'],
  ['rubbish stops the walk', ['10.0.0.0/8'], '10.0.0.1', '1.1.1.1, unknown', '10.0.0.1'],
  ['rubbish behind a proxy', ['10.0.0.0/8'], '10.0.0.1', '1.1.1.1, <a>, 10.0.0.2', '10.0.0.2'],
  ['IPv4 written as IPv6', ['10.0.0.0/8'], '::ffff:10.0.0.1', '::FFFF:1.1.1.1', '1.1.1.1'],
  ['a port', ['10.0.0.0/8'], '10.0.0.1', '1.1.1.1:4711', '1.1.1.1'],
  ['a port behind IPv6', ['10.0.0.0/8'], '10.0.0.1', '[2001:DB8::1]:4711', '2001:db8::1'],
  ['IPv6 proxies', ['fd00::/8'], 'fd00::1', '2001:db8::1', '2001:db8::1'],
  ['a local address with its zone', ['fd00::/8'], 'fe80::1%eth0', '1.1.1.1', 'fe80::1%eth0'],
  ['a connection that has gone', ['10.0.0.0/8'], undefined, '1.1.1.1', ''],
] as const) {
  test(`${what} → ${expected || 'nobody'}`, () => {
    assert.equal(createClientAddress(trusted)(from(connection, forwarded)), expected);
  });
}

test('whatever a client writes, the address that the proxy adds decides', () => {
  const clientAddress = createClientAddress(['10.0.0.0/8', '192.168.0.1']);
  fc.assert(
    fc.property(fc.string(), fc.ipV4(), (written, client) => {
      fc.pre(!client.startsWith('10.') && client !== '192.168.0.1');
      assert.equal(clientAddress(from('10.0.0.1', `${written}, ${client}, 192.168.0.1`)), client);
    }),
  );
});
