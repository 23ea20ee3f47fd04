/** One configuration after another: all of it or nothing, and the last good one stays. */
import { type Change, changesBetween, touches, withOptionsOf } from '../config/compare.ts';
import type { ConfigResult } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import type { Log } from '../observe/log.ts';
import type { ReloadOutcome } from '../observe/metrics.ts';

/** What a reload changes. Any other option keeps its value until the process is started anew. */
export const RELOADED = [
  'admin',
  'auth',
  'backends',
  'console',
  'limits',
  'logLevel',
  'quota.mode',
  'quota.onStoreFailure',
  'quota.outageGrant',
  'quota.overrides',
  'quota.pools',
  'responses',
  'server.drainDelaySeconds',
  'server.drainSeconds',
  'server.publicUrl',
  'server.trustedProxies',
  'tiers',
] as const;

export interface ReloadParts {
  /** The configuration of the start. */
  readonly config: Config;
  /** Makes a configuration the one in force; when it rejects, nothing has changed. */
  readonly apply: (config: Config, changes: readonly Change[]) => Promise<void>;
  readonly onReload: (outcome: ReloadOutcome) => void;
  readonly log: Log;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

/** How the configuration stands, for `/health`. */
export interface ConfigStatus {
  /** The last reload was refused, so that a restart would be refused as well. */
  readonly isRejected: boolean;
  /** When the configuration in force was loaded, milliseconds since the epoch. */
  readonly loadedAt: number;
  /** Options whose new values wait for a restart. */
  readonly awaitingRestart: readonly string[];
}

export interface Reloader {
  /** Takes what was loaded, after the reloads before it; gives the configuration then in force. Never rejects. */
  reload(loaded: ConfigResult): Promise<Config>;
  status(): ConfigStatus;
}

export function createReloader({ config, apply, onReload, log, clock }: ReloadParts): Reloader {
  let inForce = config;
  let status: ConfigStatus = { isRejected: false, loadedAt: clock(), awaitingRestart: [] };
  let last: Promise<Config> = Promise.resolve(config);

  const reject = (fields: Readonly<Record<string, unknown>>): ReloadOutcome => {
    log.error(fields, 'configuration rejected; the last good one stays in force');
    status = { ...status, isRejected: true };
    return 'rejected';
  };

  const take = async (loaded: ConfigResult): Promise<ReloadOutcome> => {
    if (!loaded.ok) return reject({ problems: loaded.problems });
    const all = changesBetween(inForce, loaded.config);
    const [changes, fixed] = [all.filter(isReloaded), all.filter((change) => !isReloaded(change))];
    const awaitingRestart = fixed.map(({ key }) => key);
    if (fixed.length > 0)
      log.warn(
        { keys: awaitingRestart },
        'these options of the configuration change at the next restart only',
      );
    if (changes.length === 0) {
      log.info({}, 'configuration unchanged');
      status = { ...status, isRejected: false, awaitingRestart };
      return 'unchanged';
    }
    const next = withOptionsOf(loaded.config, inForce, awaitingRestart);
    await apply(next, changes);
    inForce = next;
    status = { isRejected: false, loadedAt: clock(), awaitingRestart };
    log.info({ changes }, 'configuration reloaded');
    return 'applied';
  };

  return {
    reload(loaded) {
      last = last.then(async () => {
        onReload(await take(loaded).catch((err: unknown) => reject({ err })));
        return inForce;
      });
      return last;
    },
    status: () => status,
  };
}

const isReloaded = (change: Change) => touches([change], RELOADED);
