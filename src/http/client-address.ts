/** Which address a request came from, seen past the proxies that the operator named. */
import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';

/** The address that a request counts for: an IP address, or empty where the connection has gone. */
export type ClientAddress = (request: Pick<IncomingMessage, 'socket' | 'headers'>) => string;

/**
 * Walks back through `X-Forwarded-For`, from the connection on, as long as whoever speaks is a proxy of ours: the first
 * one that is not is the client. What stands left of it anybody may have written.
 *
 * @param trusted proxies as addresses or CIDR ranges; none: the connection's own address
 */
export function createClientAddress(trusted: readonly string[]): ClientAddress {
  const proxies = toBlockList(trusted);
  const isProxy = (address: string) => proxies.check(address, familyOf(address));

  return ({ socket, headers }) => {
    let speaker = toAddress(socket.remoteAddress ?? '') ?? '';
    const told = String(headers['x-forwarded-for'] ?? '').split(',');
    while (speaker !== '' && isProxy(speaker)) {
      const before = toAddress(told.pop()?.trim() ?? '');
      if (before === null) break;
      speaker = before;
    }
    return speaker;
  };
}

function toBlockList(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = '', bits] = range.split('/');
    if (bits === undefined) list.addAddress(address, familyOf(address));
    else list.addSubnet(address, Number(bits), familyOf(address));
  }
  return list;
}

const familyOf = (address: string) => (isIP(address) === 6 ? 'ipv6' : 'ipv4');

/** The bare address; some proxies write a port behind it, and sockets for both families write IPv4 as IPv6. */
function toAddress(text: string): string | null {
  const bare = /^\[(.+)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
  const address = bare.replace(/^::ffff:(?=[\d.]+$)/i, '');
  return isIP(address) === 0 ? null : address.toLowerCase();
}
