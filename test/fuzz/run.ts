/**
 * The long run: `npm run fuzz [-- --cases 1000000] [--seed 1] [--only <part of a target's name>]`, on every core.
 * Finds are written, made small, to test/fuzz/found/ under a name to be changed into what happens.
 */
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { type Found, type Plan, type Played, play, shrink } from './play.ts';
import { TARGETS } from './targets.ts';

if (isMainThread) await main();
else parentPort?.postMessage(play(workerData as Plan));

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      cases: { type: 'string', default: '1000000' },
      seed: { type: 'string', default: '1' },
      only: { type: 'string', default: '' },
    },
  });
  const { only } = values;
  const [to, seed] = [Number(values.cases), Number(values.seed)];
  const step = availableParallelism();
  process.stdout.write(`${to} cases, seed ${seed}, ${step} threads\n`);
  const began = performance.now();
  const parts = await Promise.all(
    Array.from({ length: step }, (_, from) => playApart({ seed, from, to, step, only })),
  );
  const seconds = (performance.now() - began) / 1000;
  const cases = parts.reduce((sum, part) => sum + part.cases, 0);
  const slowest = parts.map((part) => part.slowest).reduce((a, b) => (a.ms > b.ms ? a : b));
  process.stdout.write(
    `${cases} cases in ${seconds.toFixed(0)} s; the slowest took ${slowest.ms.toFixed(0)} ms ` +
      `(${slowest.target}, number ${slowest.number})\n`,
  );
  const found = parts.flatMap((part) => part.found);
  for (const one of found) keep(one);
  if (found.length === 0) process.stdout.write('nothing found\n');
  process.exitCode = found.length === 0 ? 0 : 1;
}

function playApart(plan: Plan): Promise<Played> {
  return new Promise((resolve, reject) => {
    // Threads have four times the stack of the gateway's own thread, where nesting would break what it must not.
    const resourceLimits = { stackSizeMb: 1 };
    const worker = new Worker(new URL(import.meta.url), { workerData: plan, resourceLimits });
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`a thread ended with ${code} before it was done`)));
  });
}

function keep({ target: name, number, error, input }: Found): void {
  const target = TARGETS.find((one) => one.name === name);
  const small = target === undefined ? input : shrink(target, Uint8Array.from(input), error);
  const text = new TextDecoder().decode(small);
  const isText = Buffer.from(text).equals(small);
  const shown = isText ? { text } : { base64: Buffer.from(small).toString('base64') };
  const file = join(import.meta.dirname, 'found', `new-${number}.json`);
  writeFileSync(file, `${JSON.stringify({ target: name, ...shown }, null, 2)}\n`);
  process.stdout.write(`\n${name}, number ${number}, kept as ${file}\n${error.stack ?? error.message}\n`);
}
