import { setTimeout as pause } from 'node:timers/promises';

/** The sum of a metric over all its labels, as the server's `/metrics` says it now. */
export async function readMetric(origin: string, name: string): Promise<number> {
  // A connection of its own: vLLM closes those that rest for five seconds, perhaps just when they are used again.
  const text = await (await fetch(`${origin}/metrics`, { headers: { connection: 'close' } })).text();
  const values = text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .map((line) => Number(line.slice(line.lastIndexOf(' '))));
  if (values.length === 0) throw new Error(`no metric ${name}`);
  return values.reduce((sum, value) => sum + value, 0);
}

/**
 * Waits until a metric has a value.
 *
 * @returns how long it took, in milliseconds; infinite when it did not within `patienceMs`
 */
export async function waitForMetric(
  origin: string,
  name: string,
  wanted: number,
  patienceMs: number,
): Promise<number> {
  const began = performance.now();
  while (performance.now() - began < patienceMs) {
    if ((await readMetric(origin, name)) === wanted) return performance.now() - began;
    await pause(20);
  }
  return Number.POSITIVE_INFINITY;
}
