import { appendFileSync } from 'node:fs';

/**
 * States why a test is left out on this machine; `test/run.ts` prints it at the end. In CI it is an error instead.
 *
 * @returns the reason, to be given to `test(name, { skip })`
 */
export function skipBecause(reason: string): string {
  if (process.env.CI === 'true') throw new Error(`nothing is skipped in CI, but: ${reason}`);
  if (process.env.SKIP_NOTES !== undefined) appendFileSync(process.env.SKIP_NOTES, `- ${reason}\n`);
  return reason;
}
