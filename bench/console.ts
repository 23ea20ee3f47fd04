/**
 * Whether people at the console slow down proxied requests: the same load at a fixed rate, with ten people who click
 * without pause through every page of operators, and without them, in turns. 10,000 users and a month of usage.
 *
 *   node bench/console.ts [rounds] [requests a second]
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fillUsage } from '../test/support/fill-usage.ts';
import { startGatewayProcess } from '../test/support/gateway-process.ts';
import { openPageBrowser, signInWithKey } from '../test/support/page-browser.ts';

const [rounds = 5, rate = 100] = process.argv.slice(2).map(Number);
const SECONDS = 6;
const PEOPLE = 10;
/** Milliseconds that somebody looks at a page: quick for a person. */
const LOOKS = 1_000;
const PAGES = [
  '',
  '/usage',
  '/models',
  '/requests',
  '/keys',
  '/users',
  '/everyone',
  '/backends',
  '/plan',
  '/audit',
];
const KEY = 'key-of-the-bench';
const VIEWS = 50;

const folder = await mkdtemp(join(tmpdir(), 'llm-gateway-bench-console-'));
await fillUsage({ dataDir: folder, users: 10_000, now: Date.now() });
const reply = JSON.stringify({
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'claude-opus-5-5',
  content: [{ type: 'text', text: 'Hello.' }],
  stop_reason: 'end_turn',
  stop_sequence: null,
  usage: { input_tokens: 10, output_tokens: 2 },
});
const backend = createServer((request, response) => {
  request.resume().on('end', () => response.setHeader('content-type', 'application/json').end(reply));
});
await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve));
const gateway = await startGatewayProcess({
  env: {
    STATIC_KEYS: `${KEY}=ana:enterprise`,
    CLAUDE_API_KEY: 'x',
    CLAUDE_BASE_URL: `http://127.0.0.1:${(backend.address() as AddressInfo).port}`,
  },
  configYaml: 'admin: { users: [ana] }\n',
  dataDir: folder,
});

const body = JSON.stringify({
  model: 'claude-opus-5-5',
  max_tokens: 50,
  messages: [{ role: 'user', content: 'x'.repeat(1000) }],
});

async function ask(): Promise<void> {
  const headers = { 'x-api-key': KEY, 'content-type': 'application/json' };
  const response = await fetch(`${gateway.url}/v1/messages`, { method: 'POST', headers, body });
  await response.text();
  if (response.status !== 200) throw new Error(`a request was answered with ${response.status}`);
}

/** At the rate, whether or not earlier ones are answered; milliseconds of each, from when it was due. */
async function load(): Promise<readonly number[]> {
  const began = performance.now();
  const asked = Array.from({ length: rate * SECONDS }, async (_, index) => {
    const due = began + (index * 1000) / rate;
    await pause(Math.max(0, due - performance.now()));
    await ask();
    return performance.now() - due;
  });
  return (await Promise.all(asked)).sort((one, other) => one - other);
}

async function click(until: () => boolean): Promise<number> {
  const browser = openPageBrowser(gateway.url);
  await signInWithKey(browser, KEY);
  let looked = 0;
  for (let page = Math.floor(Math.random() * PAGES.length); !until(); page = (page + 1) % PAGES.length) {
    const { status } = await browser.open(`/console${PAGES[page]}`);
    if (status !== 200) throw new Error(`a page was answered with ${status}`);
    looked++;
    await pause(LOOKS * (0.5 + Math.random()));
  }
  return looked;
}

const at = (times: readonly number[], share: number) => times[Math.ceil(times.length * share) - 1] ?? 0;
const middle = (values: readonly number[]) =>
  at(
    values.toSorted((one, other) => one - other),
    0.5,
  );
const idle = async () =>
  /VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${gateway.pid}/status`, 'utf8'))?.[1] ?? '0';

const megabytes = { before: Number(await idle()) / 1024, loaded: 0 };
await click(() => megabytes.loaded++ > 0);
await pause(3_000);
megabytes.loaded = Number(await idle()) / 1024;
/** Of the gateway's process so far, milliseconds; the kernel counts in hundredths of a second. */
async function cpu(): Promise<number> {
  const fields = (await readFile(`/proc/${gateway.pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** What each page costs, which says more than times where others use the machine. */
async function costs(): Promise<void> {
  const browser = openPageBrowser(gateway.url);
  await signInWithKey(browser, KEY);
  for (const page of PAGES) {
    await browser.open(`/console${page}`);
    const before = await cpu();
    for (let view = 0; view < VIEWS; view++) await browser.open(`/console${page}`);
    process.stdout.write(
      `/console${page.padEnd(12)} ${(((await cpu()) - before) / VIEWS).toFixed(1)} ms of CPU\n`,
    );
  }
}

const ratios: number[] = [];
try {
  await costs();
  await load();
  for (let round = 0; round < rounds; round++) {
    const without = await load();
    let over = false;
    const people = Array.from({ length: PEOPLE }, () => click(() => over));
    await pause(LOOKS);
    const beside = await load();
    over = true;
    const looked = (await Promise.all(people)).reduce((sum, one) => sum + one, 0);
    ratios.push(at(beside, 0.99) / at(without, 0.99));
    const show = (times: readonly number[]) =>
      `p50 ${at(times, 0.5).toFixed(2)} p99 ${at(times, 0.99).toFixed(2)} ms`;
    process.stdout.write(`without ${show(without)}   with ${looked} pages ${show(beside)}\n`);
  }
  process.stdout.write(
    `p99 with ten people / without: ${middle(ratios).toFixed(2)} (median of ${rounds}), at ${rate} requests a second\n` +
      `memory: ${megabytes.before.toFixed(0)} MB before anybody looked, ${megabytes.loaded.toFixed(0)} MB with the console loaded\n`,
  );
} finally {
  await gateway.kill();
  backend.close();
  await rm(folder, { recursive: true, force: true, maxRetries: 3 });
}
