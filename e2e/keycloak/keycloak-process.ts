/** A real Keycloak as a process of its own on free loopback ports, with an embedded database of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

export interface KeycloakInstallation {
  /** Path of a `java` that is new enough. */
  readonly java: string;
  /** Folder of the distribution, shared by all runs. */
  readonly distribution: string;
}

export interface KeycloakOptions {
  /** The realm whose answering means that Keycloak is ready. */
  readonly realm: string;
  /** A realm file, imported at the first start. */
  readonly realmFile?: string;
  /** Fills `LLM_GATEWAY_URL` in it. */
  readonly gatewayUrl?: string;
}

export interface Keycloak {
  /** Origin. */
  readonly url: string;
  readonly adminPassword: string;
  /** Ends the server; its database stays for {@link Keycloak.start}. */
  stop(): Promise<void>;
  /** Starts the server again, on the same ports. */
  start(): Promise<void>;
  /** Ends the server and removes all it has written. */
  close(): Promise<void>;
}

/** Idle machines need 11 s, or 40 s to compile itself the first time; two busy cores have taken 97 s. */
const READY_MS = 300_000;

/** @throws Error with the end of Keycloak's own log when it ends or is not ready in time */
export async function startKeycloak(
  installation: KeycloakInstallation,
  options: KeycloakOptions,
): Promise<Keycloak> {
  const home = await makeHome(installation.distribution, options);
  const [port, managementPort] = [await freePort(), await freePort()];
  const url = `http://127.0.0.1:${port}`;
  const adminPassword = randomBytes(16).toString('hex');
  let running: Running | null = null;

  async function start(): Promise<void> {
    running = spawnKeycloak(installation, {
      home,
      port,
      managementPort,
      adminPassword,
      gatewayUrl: options.gatewayUrl,
    });
    const ready = await isReady(`${url}/realms/${options.realm}`, running.gone);
    if (ready) return;
    await stop();
    throw new Error(`Keycloak was not ready:\n${await lastLines(join(home, 'log'))}`);
  }

  async function stop(): Promise<void> {
    if (running !== null) await endProcess(running);
    running = null;
  }

  async function close(): Promise<void> {
    await stop();
    await rm(home, { recursive: true, force: true, maxRetries: 3 });
  }

  try {
    await start();
  } catch (error) {
    await close();
    throw error;
  }
  return { url, adminPassword, stop, start, close };
}

/** A home of its own around the shared distribution, so that runs at the same time do not share a database. */
async function makeHome(distribution: string, { realm, realmFile }: KeycloakOptions): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'llm-gateway-keycloak-'));
  for (const name of ['bin', 'conf', 'lib', 'providers', 'themes']) {
    await symlink(join(distribution, name), join(home, name));
  }
  await mkdir(join(home, 'data', 'import'), { recursive: true });
  if (realmFile !== undefined) await copyFile(realmFile, join(home, 'data', 'import', `${realm}-realm.json`));
  return home;
}

interface Running {
  readonly child: ChildProcess;
  readonly gone: Promise<void>;
}

interface Settings {
  readonly home: string;
  readonly port: number;
  readonly managementPort: number;
  readonly adminPassword: string;
  readonly gatewayUrl: string | undefined;
}

function spawnKeycloak({ java, distribution }: KeycloakInstallation, settings: Settings): Running {
  const { home, port, managementPort, adminPassword, gatewayUrl } = settings;
  const ports = [`--http-port=${port}`, `--http-management-port=${managementPort}`];
  const args = ['start-dev', '--import-realm', '--http-host=127.0.0.1', ...ports, `-Dkc.home.dir=${home}`];
  const log = openSync(join(home, 'log'), 'a');
  // A process group of its own: the script that is started has Java as its child.
  const child = spawn(join(distribution, 'bin', 'kc.sh'), args, {
    cwd: home,
    detached: true,
    env: {
      PATH: process.env.PATH,
      HOME: home,
      JAVA: java,
      // Compiling well takes longer than these tests live.
      JAVA_OPTS_APPEND: '-XX:TieredStopAtLevel=1',
      KC_BOOTSTRAP_ADMIN_USERNAME: 'admin',
      KC_BOOTSTRAP_ADMIN_PASSWORD: adminPassword,
      ...(gatewayUrl === undefined ? {} : { LLM_GATEWAY_URL: gatewayUrl }),
    },
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const gone = new Promise<void>((resolve) => {
    child.on('error', () => resolve());
    child.on('exit', () => resolve());
  });
  return { child, gone };
}

async function isReady(url: string, gone: Promise<void>): Promise<boolean> {
  const ended = gone.then(() => true);
  const deadline = Date.now() + READY_MS;
  while (Date.now() < deadline) {
    const { ok } = await fetch(url).catch(() => ({ ok: false }));
    if (ok) return true;
    if (await Promise.race([ended, pause(250, false)])) return false;
  }
  return false;
}

async function endProcess({ child, gone }: Running): Promise<void> {
  signalGroup(child, 'SIGTERM');
  await Promise.race([gone, pause(20_000, undefined, { ref: false })]);
  signalGroup(child, 'SIGKILL');
  await gone;
}

/** The group outlives its leader as long as one member lives. */
function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // Nobody of the group is left.
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

async function lastLines(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '(no log)');
  return text.split('\n').slice(-30).join('\n');
}
