/** A real model server as a process of its own, on a free loopback port. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

export interface ModelServerOptions {
  readonly command: string;
  /** Its arguments, once the port is known. */
  readonly args: (port: number) => readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Everything the server prints goes here. */
  readonly logFile: string;
  /** How long it may take until `GET /health` says 200, in milliseconds. */
  readonly readyMs: number;
}

export interface ModelServer {
  /** Origin. */
  readonly url: string;
  readonly pid: number;
  /** Ends the server and the processes it started; fulfilled when it is gone. */
  stop(): Promise<void>;
}

/** @throws Error with the end of the server's own log when it ends or is not ready in time */
export async function startModelServer(options: ModelServerOptions): Promise<ModelServer> {
  const port = await freePort();
  const log = openSync(options.logFile, 'w');
  // A process group of its own, because vLLM's engine is a child that a signal to its parent alone may leave behind.
  const child = spawn(options.command, options.args(port), {
    detached: true,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...options.env },
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const gone = new Promise<void>((resolve) => {
    child.on('error', () => resolve());
    child.on('exit', () => resolve());
  });
  const server: ModelServer = {
    url: `http://127.0.0.1:${port}`,
    pid: child.pid ?? 0,
    stop: () => stop(child, gone),
  };
  if (await isReady(server.url, gone, options.readyMs)) return server;
  await server.stop();
  throw new Error(`${options.command} was not ready:\n${lastLines(options.logFile)}`);
}

async function isReady(url: string, gone: Promise<void>, readyMs: number): Promise<boolean> {
  const ended = gone.then(() => true);
  const deadline = Date.now() + readyMs;
  while (Date.now() < deadline) {
    const healthy = await fetch(`${url}/health`).then(
      (response) => response.ok,
      () => false,
    );
    if (healthy) return true;
    if (await Promise.race([ended, pause(250, false)])) return false;
  }
  return false;
}

async function stop(child: ChildProcess, gone: Promise<void>): Promise<void> {
  signalGroup(child, 'SIGTERM');
  const late = await Promise.race([gone.then(() => false), pause(10_000, true, { ref: false })]);
  signalGroup(child, 'SIGKILL');
  if (late) await gone;
}

/** The group outlives its leader as long as one member lives. */
function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // Nobody of the group is left.
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

function lastLines(file: string): string {
  return readFileSync(file, 'utf8').split('\n').slice(-30).join('\n');
}
