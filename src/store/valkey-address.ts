/** Where a Valkey or Redis is: one server, one that Sentinels point at, or a cluster. PURE. */

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

export interface Login {
  readonly username?: string;
  readonly password?: string;
}

export type ValkeyAddress =
  | { readonly kind: 'single'; readonly url: string }
  | {
      readonly kind: 'sentinel';
      readonly sentinels: readonly HostPort[];
      /** Name under which the Sentinels know the primary. */
      readonly name: string;
      readonly database: number;
      readonly tls: boolean;
      readonly login: Login;
      /** For the Sentinels themselves. */
      readonly sentinelLogin: Login;
    }
  | {
      readonly kind: 'cluster';
      readonly nodes: readonly HostPort[];
      readonly tls: boolean;
      readonly login: Login;
    };

const FORM = /^(rediss?)(?:\+(sentinel|cluster))?:\/\/(?:([^@/]*)@)?([^@/?]+)(?:\/([^?]*))?(?:\?(.*))?$/i;

/**
 * Reads `redis://`, and the forms that the field has settled on for several servers:
 *
 *     redis+sentinel://[user:password@]host[:26379][,host…][/name[/database]][?sentinel_password=…&sentinel_username=…]
 *     redis+cluster://[user:password@]host[:6379][,host…]
 *
 * `rediss` in place of `redis` is TLS to every server, the Sentinels included. The name is `mymaster` by default.
 *
 * @throws Error that names what was expected, never the address, which holds a password
 */
export function readValkeyAddress(url: string): ValkeyAddress {
  const [, scheme = '', topology, user = '', hosts = '', path = '', query = ''] = FORM.exec(url) ?? [];
  if (hosts === '') throw new Error(EXPECTED);
  if (topology === undefined) return { kind: 'single', url };
  const tls = scheme.toLowerCase() === 'rediss';
  const login = toLogin(user);
  if (topology.toLowerCase() === 'cluster') {
    if (path !== '' && path !== '0') throw new Error('a cluster has no database but 0');
    return { kind: 'cluster', nodes: toHosts(hosts, 6379), tls, login };
  }
  const [name = '', database = '0', ...more] = path.split('/');
  if (!/^\d+$/.test(database) || more.length > 0) throw new Error(EXPECTED);
  const options = new URLSearchParams(query);
  return {
    kind: 'sentinel',
    sentinels: toHosts(hosts, 26_379),
    name: name === '' ? 'mymaster' : decodeURIComponent(name),
    database: Number(database),
    tls,
    login,
    sentinelLogin: {
      ...defined('username', options.get('sentinel_username') ?? ''),
      ...defined('password', options.get('sentinel_password') ?? ''),
    },
  };
}

const EXPECTED =
  'expected redis://host, redis+sentinel://host,host/name or redis+cluster://host,host (or the same with rediss)';

function toHosts(list: string, defaultPort: number): readonly HostPort[] {
  return list.split(',').map((text) => {
    const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(text.trim()) ?? [];
    const host = bracketed ?? plain;
    const number = port === undefined ? defaultPort : Number(port);
    if (host === undefined || number > 65_535) throw new Error(EXPECTED);
    return { host, port: number };
  });
}

function toLogin(text: string): Login {
  const colon = text.indexOf(':');
  const [username, password] = colon < 0 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1)];
  return { ...defined('username', username), ...defined('password', password) };
}

function defined<K extends string>(key: K, text: string): { readonly [key in K]?: string } {
  return text === '' ? {} : ({ [key]: decodeURIComponent(text) } as { readonly [key in K]: string });
}
