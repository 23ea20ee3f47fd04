/** This gateway, as it is started: with static keys, with tokens of a realm, with quota in Valkey. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startFakeIssuer } from '../../test/support/fake-issuer.ts';
import { startArguments } from '../../test/support/start-arguments.ts';
import {
  CONTENDER_CORE,
  isOnPath,
  type Launch,
  launchLine,
  pinned,
  RIG_CORE,
  untilReady,
} from '../process.ts';
import { MANY_USERS, MODELS } from '../workloads.ts';
import {
  BENCH_KEY,
  type Contender,
  canAll,
  type Headers,
  homeOf,
  launched,
  type Missing,
  type Rig,
} from './contender.ts';

/** The plan of the benchmark: users with a limit, so that quota is really counted for every request. */
const plan = (mockPort: number) => `backends:
  claude: { kind: claude, url: "http://127.0.0.1:${mockPort}", apiKey: bench, models: [${MODELS.anthropic.same}] }
  openai: { kind: openai, url: "http://127.0.0.1:${mockPort}/v1", apiKey: bench, models: [${MODELS.responses.same}] }
  internal: { kind: internal, url: "http://127.0.0.1:${mockPort}/v1", model: qwen3-32b, models: [qwen3-32b] }
tiers:
  bench:
    rank: 0
    requestsPerDay: 1000000000
    routes:
      - { match: "claude:haiku", to: internal/default }
      - { match: claude, to: claude }
      - { match: ${MODELS.responses.same}, to: openai }
      - { match: gpt, to: internal/default }
`;

const TIER_OF_TOKENS = `auth:
  keycloak: { tiers: [], defaultTier: bench }
`;

const keyOf = (user: number) => (user === 0 ? BENCH_KEY : `${BENCH_KEY}-${user}`);
const USERS = Array.from({ length: MANY_USERS }, (_, user) => user);
const STATIC_KEYS = USERS.map((user) => `${keyOf(user)}=bench-${user}:bench`).join(',');
const KEY_USERS: readonly Headers[] = USERS.map((user) => ({ 'x-api-key': keyOf(user) }));

interface Variant {
  readonly name: string;
  readonly env: Readonly<Record<string, string>>;
  readonly users: readonly Headers[];
  /** Default: the contender's. */
  readonly core?: number;
}

async function startGateway(
  rig: Rig,
  { name, env, users, core = CONTENDER_CORE }: Variant,
): Promise<Contender> {
  const [port, metricsPort] = [await rig.freePort(), await rig.freePort()];
  const home = homeOf(rig, name);
  const config = join(home, 'gateway.yaml');
  const text = plan(rig.mockPort) + (env.KEYCLOAK_URL === undefined ? '' : TIER_OF_TOKENS);
  writeFileSync(config, text);
  const launch: Launch = {
    command: pinned(core, [process.execPath, ...startArguments()]),
    env: {
      GATEWAY_CONFIG: config,
      GATEWAY_DATA_DIR: join(home, 'data'),
      PORT: String(port),
      METRICS_PORT: String(metricsPort),
      HOST: '127.0.0.1',
      // Where Node keeps compiled code from one start to the next.
      HOME: process.env.HOME ?? '',
      ...env,
    },
    log: join(home, 'output.log'),
  };
  const child = launched(rig, launch);
  const readyMs = await untilReady(`http://127.0.0.1:${port}/readyz`, child);
  const shown = { ...launch, env: { ...launch.env, ...(env.STATIC_KEYS && { STATIC_KEYS: '…' }) } };
  return {
    name,
    port,
    child,
    launch: [launchLine(shown), text],
    users,
    cannot: canAll,
    isRival: false,
    readyMs,
  };
}

export function startGatewayOnSqlite(rig: Rig): Promise<Contender> {
  return startGateway(rig, { name: 'gateway', env: { STATIC_KEYS }, users: KEY_USERS });
}

/** Tokens of a realm on loopback, as Keycloak signs them, that live for the whole run. */
export async function startGatewayWithTokens(rig: Rig): Promise<Contender> {
  const issuer = await startFakeIssuer();
  rig.closers.push(() => issuer.close());
  const exp = Math.floor(Date.now() / 1000) + 86_400;
  const signFor = (user: number) =>
    issuer.sign({
      exp,
      sub: `bench-${user}`,
      preferred_username: `bench-${user}`,
    });
  const tokens = await Promise.all(USERS.map(signFor));
  return startGateway(rig, {
    name: 'gateway, tokens',
    env: { AUTH_PROVIDER: 'keycloak', KEYCLOAK_URL: issuer.issuer },
    users: tokens.map((token) => ({ authorization: `Bearer ${token}` })),
  });
}

export async function startGatewayOnValkey(rig: Rig): Promise<Contender | Missing> {
  const name = 'gateway, Valkey';
  const valkey = await startValkey(rig);
  if (valkey === null) return { name, reason: 'neither valkey-server nor redis-server is on this machine' };
  const env = { STATIC_KEYS, QUOTA_REDIS_URL: valkey.url };
  const gateway = await startGateway(rig, { name, env, users: KEY_USERS });
  return { ...gateway, launch: [valkey.launch, ...gateway.launch] };
}

/** One of several that share what they count: in a folder, or in Valkey. */
export function startReplica(
  rig: Rig,
  name: string,
  core: number,
  shared: Readonly<Record<string, string>>,
): Promise<Contender> {
  return startGateway(rig, { name, env: { STATIC_KEYS, ...shared }, users: KEY_USERS, core });
}

/** Null where there is none on this machine. */
export async function startValkey(
  rig: Rig,
): Promise<{ readonly url: string; readonly launch: string } | null> {
  const server = ['valkey-server', 'redis-server'].find(isOnPath);
  if (server === undefined) return null;
  const port = await rig.freePort();
  const home = homeOf(rig, 'valkey');
  const options = `--port ${port} --bind 127.0.0.1 --dir ${home} --appendonly yes --appendfsync everysec`;
  const kept = ['--maxmemory-policy', 'noeviction', '--save', ''];
  const launch: Launch = {
    command: pinned(RIG_CORE, [server, ...options.split(' '), ...kept]),
    log: join(home, 'output.log'),
  };
  launched(rig, launch);
  return { url: `redis://127.0.0.1:${port}`, launch: launchLine(launch) };
}
