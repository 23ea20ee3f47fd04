import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { createReloader, RELOADED } from '../../src/compose/reload.ts';
import { type ConfigResult, loadConfig } from '../../src/config/load.ts';
import { type Config, configSchema } from '../../src/config/schema.ts';

const load = (yaml: string): ConfigResult =>
  loadConfig({ env: { GATEWAY_CONFIG: 'g.yaml' }, readFile: () => yaml });

function config(yaml: string): Config {
  const loaded = load(yaml);
  assert.ok(loaded.ok, inspect(loaded));
  return loaded.config;
}

/** A reloader whose applied configurations, outcomes and log lines are kept. */
function reloaderFrom(yaml: string, apply: (config: Config) => Promise<void> = async () => undefined) {
  const applied: Config[] = [];
  const outcomes: string[] = [];
  const lines: string[] = [];
  const say = (level: string) => (_: unknown, message: string) => void lines.push(`${level}: ${message}`);
  let now = 1000;
  const reloader = createReloader({
    config: config(yaml),
    async apply(next) {
      await apply(next);
      applied.push(next);
    },
    onReload: (outcome) => outcomes.push(outcome),
    log: { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') },
    clock: () => now++,
  });
  return { ...reloader, applied, outcomes, lines };
}

const body = (bytes: number) => `limits: { bodyBytes: ${bytes} }\n`;

test('the same configuration again changes nothing', async () => {
  const reloader = reloaderFrom(body(5));
  assert.equal((await reloader.reload(load(body(5)))).limits.bodyBytes, 5);
  assert.deepEqual([reloader.applied, reloader.outcomes], [[], ['unchanged']]);
  assert.equal(reloader.status().loadedAt, 1000);
});

test('reloads that come together are taken one after the other, and the last one holds', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const reloader = reloaderFrom(body(1), () => promise);
  const all = [2, 3, 4].map((bytes) => reloader.reload(load(body(bytes))));
  resolve();
  assert.deepEqual(
    (await Promise.all(all)).map(({ limits }) => limits.bodyBytes),
    [2, 3, 4],
  );
  assert.deepEqual(
    reloader.applied.map(({ limits }) => limits.bodyBytes),
    [2, 3, 4],
  );
});

test('a configuration that cannot be put in force is rejected, and the next one is compared with the last good one', async () => {
  const reloader = reloaderFrom(body(1), async ({ limits }) => {
    if (limits.bodyBytes === 2) throw new Error('no');
  });
  assert.equal((await reloader.reload(load(body(2)))).limits.bodyBytes, 1);
  assert.ok(reloader.status().isRejected);
  assert.equal((await reloader.reload(load(body(2)))).limits.bodyBytes, 1);
  assert.equal((await reloader.reload(load(body(3)))).limits.bodyBytes, 3);
  assert.deepEqual(reloader.outcomes, ['rejected', 'rejected', 'applied']);
  assert.ok(!reloader.status().isRejected);
  assert.equal(reloader.lines[0], 'error: configuration rejected; the last good one stays in force');
});

test('the way back from a wrong file is no change, and heals', async () => {
  const reloader = reloaderFrom(body(1));
  await reloader.reload(load(body(-1)));
  assert.ok(reloader.status().isRejected);
  await reloader.reload(load(body(1)));
  assert.deepEqual(reloader.outcomes, ['rejected', 'unchanged']);
  assert.ok(!reloader.status().isRejected);
});

test('an option that needs a restart keeps its value in what is put in force', async () => {
  const reloader = reloaderFrom('server: { port: 1 }\n');
  const inForce = await reloader.reload(load(`server: { port: 2 }\n${body(7)}`));
  assert.deepEqual([inForce.server.port, inForce.limits.bodyBytes], [1, 7]);
  assert.deepEqual(reloader.status().awaitingRestart, ['server.port']);
  await reloader.reload(load(`server: { port: 1 }\n${body(7)}`));
  assert.deepEqual(reloader.status().awaitingRestart, []);
});

/** Sections that are read once, at the start. A new section is decided here or in RELOADED. */
const AT_START_ONLY = ['dataDir', 'observability', 'quota', 'server', 'usage'];

test('of every section it is decided whether a reload changes it', () => {
  const decided = new Set([...RELOADED.map((key) => key.split('.')[0]), ...AT_START_ONLY]);
  assert.deepEqual([...decided].sort(), Object.keys(configSchema.shape).sort());
});
