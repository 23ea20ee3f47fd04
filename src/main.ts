#!/usr/bin/env node
/**
 * The process: environment to configuration to a listening gateway, and its orderly end. The only file that touches
 * `process`.
 */
import { readFileSync } from 'node:fs';
import { type DemoKeys, loadOrCreateDemoKeys } from './auth/keys.ts';
import { welcomeText } from './cli/welcome.ts';
import { type ConfigProblem, EXIT_CONFIG, loadConfig } from './config/load.ts';
import type { Config } from './config/schema.ts';
import { type DemoBackend, startDemoBackend } from './demo/demo-backend.ts';
import { createGateway, type Gateway } from './gateway.ts';
import { createLog, type Log } from './observe/log.ts';

const NO_KEYS: DemoKeys = { entries: [], minted: [] };

const loaded = loadConfig({ env: process.env, readFile: (path) => readFileSync(path, 'utf8') });
if (loaded.ok) await serve(loaded.config);
else refuseToStart(loaded.problems);

async function serve(config: Config): Promise<void> {
  const log = createLog(config.logLevel, process.stderr);
  process.on('uncaughtException', (err) => {
    log.error({ err }, 'uncaught exception');
    process.exit(1);
  });

  const needsKeys = config.auth.provider === 'static' && config.auth.static.keys === undefined;
  const keys = needsKeys ? await loadKeys(config) : NO_KEYS;
  const demo = Object.keys(config.backends).length === 0 ? await startDemoBackend() : null;
  const complete = demo === null ? config : withDemoBackend(config, demo);
  const gateway = await createGateway({ config: complete, extraKeys: keys.entries, log }).catch(giveUp);
  const ports = await gateway.start().catch(giveUp);

  log.info({ ...ports, demo: demo !== null }, 'listening');
  const facts = { port: ports.port, demoModel: demo !== null, dataDir: config.dataDir };
  process.stdout.write(
    welcomeText({ ...facts, minted: keys.minted, earlierKeys: needsKeys && keys.minted.length === 0 }),
  );
  endOnSignal(gateway, demo, config, log);
}

function loadKeys(config: Config): Promise<DemoKeys> {
  return loadOrCreateDemoKeys(config.dataDir, Object.keys(config.tiers)).catch((error: Error) => {
    refuseToStart([{ key: 'GATEWAY_DATA_DIR', message: error.message }]);
  });
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
function endOnSignal(gateway: Gateway, demo: DemoBackend | null, config: Config, log: Log): void {
  const { drainDelaySeconds, drainSeconds } = config.server;
  let ending = false;
  const end = async (signal: NodeJS.Signals) => {
    if (ending) process.exit(1);
    ending = true;
    log.info({ signal }, 'draining');
    gateway.drain();
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
