/** nginx and HAProxy as deploy/proxies/ configures them, on free ports, each in a folder of its own. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from '../../test/support/valkey-server.ts';

export type ProxyName = 'nginx' | 'haproxy';

export interface ProxyProcess {
  readonly url: string;
  stop(): Promise<void>;
}

const FOLDER = join(import.meta.dirname, '..', '..', 'deploy', 'proxies');

/** Debian keeps both where only administrators look. */
const PATH = `${process.env.PATH}:/usr/sbin`;

export const isInstalled = (name: ProxyName): boolean =>
  spawnSync('sh', ['-c', `command -v ${name}`], { env: { PATH } }).status === 0;

const START: Readonly<
  Record<ProxyName, { readonly file: string; readonly args: (folder: string) => string[] }>
> = {
  nginx: {
    file: 'nginx.conf',
    args: (folder) => [
      '-p',
      folder,
      '-e',
      'stderr',
      '-c',
      'proxy.conf',
      '-g',
      'daemon off; pid nginx.pid; master_process off;',
    ],
  },
  haproxy: { file: 'haproxy.cfg', args: (folder) => ['-db', '-f', join(folder, 'proxy.conf')] },
};

/** @param gateways their origins, one or two; with one, both servers of the configuration are it */
export async function startProxy(
  name: ProxyName,
  gateways: readonly [string, ...string[]],
): Promise<ProxyProcess> {
  const folder = mkdtempSync(join(tmpdir(), `llm-gateway-${name}-`));
  const port = await freePort();
  const [one, two = one] = gateways.map((origin) => new URL(origin).host);
  const text = readFileSync(join(FOLDER, START[name].file), 'utf8')
    .replace('127.0.0.1:8080', `127.0.0.1:${port}`)
    .replace('127.0.0.1:8000', `${one}`)
    .replace('127.0.0.1:8001', `${two}`)
    // A folder of its own instead of the system's.
    .replace(
      'http {',
      `http { client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;`,
    );
  writeFileSync(join(folder, 'proxy.conf'), text);
  const child = spawn(name, START[name].args(folder), { env: { PATH }, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
  const url = `http://127.0.0.1:${port}`;
  await untilReady(url, child, () => said);
  return {
    url,
    async stop() {
      child.kill('SIGTERM');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function untilReady(url: string, child: ChildProcess, said: () => string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (child.exitCode !== null) throw new Error(`the proxy ended: ${said()}`);
    const answer = await fetch(`${url}/readyz`).catch(() => null);
    if (answer?.status === 200) return;
    await pause(50);
  }
  child.kill('SIGKILL');
  throw new Error(`the proxy is not ready: ${said()}`);
}
