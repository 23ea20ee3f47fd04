#!/usr/bin/env node
/**
 * The process: environment to configuration to a listening gateway, its reloads and its orderly end. The only file that
 * touches `process`.
 */
import { closeSync, openSync, readFileSync } from 'node:fs';
import { type DemoKeys, loadOrCreateDemoKeys } from './auth/keys.ts';
import { welcomeText } from './cli/welcome.ts';
import { type ConfigProblem, type ConfigResult, EXIT_CONFIG, loadConfig } from './config/load.ts';
import type { Config } from './config/schema.ts';
import { watchFiles } from './config/watch.ts';
import type { DemoBackend } from './demo/demo-backend.ts';
import { createGateway, type Gateway } from './gateway.ts';
import { createLog, gatherLines, type Log } from './observe/log.ts';

const NO_KEYS: DemoKeys = { entries: [], minted: [] };

/** Every file that the configuration was read from, those that could not be read included. */
const files = new Set<string>();
const load = (): ConfigResult =>
  loadConfig({
    env: process.env,
    readFile(path) {
      files.add(path);
      return readFileSync(path, 'utf8');
    },
  });

const startedInTerminal = process.stdin.isTTY === true;

const loaded = load();
if (loaded.ok) await serve(loaded.config);
else refuseToStart(loaded.problems);

async function serve(config: Config): Promise<void> {
  const lines = gatherLines(process.stderr, process.nextTick);
  process.on('exit', lines.flush);
  const log = createLog(config.logLevel, lines);
  process.on('uncaughtException', (err) => {
    log.error({ err }, 'uncaught exception');
    process.exit(1);
  });

  const mintsKeys = needsKeys(config);
  const keys = mintsKeys ? await loadKeys(config) : NO_KEYS;
  const demo = Object.keys(config.backends).length === 0 ? await startDemo() : null;
  const complete = demo === null ? config : withDemoBackend(config, demo);
  const gateway = await createGateway({
    config: complete,
    extraKeys: keys.entries,
    log,
    version: readVersion(),
  }).catch(giveUp);
  const ports = await gateway.start().catch(giveUp);

  let inForce = complete;
  const reload = async (cause: string) => {
    log.info({ cause }, 'loading the configuration again');
    inForce = await gateway.reload(completeReload(load(), mintsKeys, demo));
  };
  watchFiles([...files], () => void reload('file changed'));
  process.on('SIGHUP', () => {
    if (hasLostTerminal()) process.kill(process.pid, 'SIGINT');
    else void reload('SIGHUP');
  });
  endOnSignal(gateway, demo, () => inForce.server, log);

  log.info({ ...ports, demo: demo !== null }, 'listening');
  const facts = { port: ports.port, demoModel: demo !== null, dataDir: config.dataDir };
  process.stdout.write(
    welcomeText({ ...facts, minted: keys.minted, earlierKeys: mintsKeys && keys.minted.length === 0 }),
  );
}

/** The release, as `package.json` beside the sources says. */
function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  return String((manifest as { version?: unknown }).version);
}

function needsKeys({ auth }: Config): boolean {
  return auth.provider === 'static' && auth.static.keys === undefined;
}

/** What the start puts in place of keys and backends that nobody configured, a reload cannot: it may be a slip. */
function completeReload(again: ConfigResult, mintsKeys: boolean, demo: DemoBackend | null): ConfigResult {
  if (!again.ok) return again;
  const { config } = again;
  const hasBackends = Object.keys(config.backends).length > 0;
  const problems = [
    ...(hasBackends || demo !== null ? [] : [{ key: 'backends', message: 'must name at least one' }]),
    ...(mintsKeys || !needsKeys(config) ? [] : [{ key: 'auth.static.keys', message: 'is required' }]),
  ];
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, config: hasBackends || demo === null ? config : withDemoBackend(config, demo) };
}

/** A closing terminal sends SIGHUP as well. */
function hasLostTerminal(): boolean {
  if (!startedInTerminal) return false;
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return false;
  } catch {
    return true;
  }
}

function loadKeys(config: Config): Promise<DemoKeys> {
  return loadOrCreateDemoKeys(config.dataDir, Object.keys(config.tiers)).catch((error: Error) => {
    refuseToStart([{ key: 'GATEWAY_DATA_DIR', message: error.message }]);
  });
}

async function startDemo(): Promise<DemoBackend> {
  const { startDemoBackend } = await import('./demo/demo-backend.ts');
  return startDemoBackend();
}

function withDemoBackend(config: Config, { url, model }: DemoBackend): Config {
  const root = url.replace(/\/v1$/, '');
  const profile = { tokenizePath: null };
  const internal = {
    kind: 'internal' as const,
    url: [root],
    model,
    models: [model],
    maxOutputTokens: 8192,
    profile,
  };
  return { ...config, backends: { internal } };
}

/** SIGTERM drains; SIGINT, from a person at a terminal, does not wait for load balancers; a second one ends now. */
function endOnSignal(
  gateway: Gateway,
  demo: DemoBackend | null,
  times: () => Config['server'],
  log: Log,
): void {
  let ending = false;
  const end = async (signal: NodeJS.Signals) => {
    if (ending) process.exit(1);
    ending = true;
    log.info({ signal }, 'draining');
    gateway.drain();
    const { drainDelaySeconds, drainSeconds } = times();
    const delay = signal === 'SIGTERM' ? drainDelaySeconds * 1000 : 0;
    await new Promise((resolve) => setTimeout(resolve, delay));
    await gateway.stop(drainSeconds * 1000);
    await demo?.close();
    log.info({}, 'stopped');
    process.exit(0);
  };
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
}

function refuseToStart(problems: readonly ConfigProblem[]): never {
  const lines = problems.map(({ key, message }) => `  ${key}: ${message}`);
  process.stderr.write(`The configuration cannot be used:\n${lines.join('\n')}\n`);
  process.exit(EXIT_CONFIG);
}

function giveUp(error: unknown): never {
  const { code, message } = error as { code?: string; message?: string };
  process.stderr.write(
    `The gateway cannot start: ${code === 'EADDRINUSE' ? `the port is in use (${message})` : message}\n`,
  );
  process.exit(1);
}
