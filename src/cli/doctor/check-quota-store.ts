import { accessSync, constants, existsSync, statfsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Config } from '../../config/schema.ts';
import { openValkey } from '../../store/valkey.ts';
import { type Finding, ok, problem, warning } from './finding.ts';

/** Milliseconds that a step of the quota should not exceed. */
const SLOW_MS = 20;
const LOW_DISK_BYTES = 256 * 1024 * 1024;
const SAMPLES = 20;

/** Looks at the place where requests are counted: reachable, quick, and not about to forget. */
export async function checkQuotaStore({ quota, dataDir }: Config): Promise<readonly Finding[]> {
  if (quota.redisUrl === undefined) return [checkFolder(dataDir)];
  const valkey = openValkey({ url: quota.redisUrl.reveal() });
  try {
    const warnings = await valkey.check();
    const [unreachable] = warnings.filter((text) => text.includes('does not answer'));
    if (unreachable !== undefined) {
      return [
        problem('quota store', unreachable, 'Look at QUOTA_REDIS_URL, the password and the network policy.'),
      ];
    }
    const median = await medianOf(SAMPLES, () => valkey.ping());
    const slow = `a round trip takes ${median.toFixed(1)} ms`;
    return [
      median > SLOW_MS
        ? warning(
            'quota store',
            slow,
            'Put the gateway and the store into the same zone: every request waits for it.',
          )
        : ok('quota store', `answers, ${slow}`),
      ...warnings.map((text) => toFinding(text)),
    ];
  } finally {
    await valkey.close();
  }
}

/** A warning of the store ends with its remedy, behind a semicolon. */
function toFinding(text: string): Finding {
  const cut = text.lastIndexOf('; ');
  if (cut < 0) return warning('quota store', text, 'See docs/decisions on the quota store.');
  const remedy = text.slice(cut + 2);
  return warning('quota store', text.slice(0, cut), remedy.charAt(0).toUpperCase() + remedy.slice(1));
}

async function medianOf(samples: number, step: () => Promise<void>): Promise<number> {
  const times: number[] = [];
  for (let sample = 0; sample < samples; sample++) {
    const began = performance.now();
    await step();
    times.push(performance.now() - began);
  }
  return times.sort((one, other) => one - other)[Math.floor(samples / 2)] ?? 0;
}

function checkFolder(dataDir: string): Finding {
  let folder = resolve(dataDir);
  while (!existsSync(folder) && folder !== dirname(folder)) folder = dirname(folder);
  try {
    accessSync(folder, constants.W_OK);
  } catch {
    return problem(
      'quota store',
      `${folder} cannot be written`,
      'Give GATEWAY_DATA_DIR to the user of the gateway.',
    );
  }
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize < LOW_DISK_BYTES) {
    const left = `${Math.round((bavail * bsize) / 1024 / 1024)} MB`;
    return warning(
      'quota store',
      `only ${left} left where SQLite writes`,
      'Make room: a full disk stops counting.',
    );
  }
  return ok('quota store', `SQLite in ${resolve(dataDir)}, right for one replica`);
}
