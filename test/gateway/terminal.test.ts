/** A gateway that was started by hand: what SIGHUP means while its terminal is there, and when it has gone. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { skipBecause } from '../support/skip.ts';
import { within } from '../support/within.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/** util-linux's `script` runs a command in a terminal of its own; that of BSD takes other arguments. */
const hasScript = /util-linux/.test(spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout ?? '');

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

test('SIGHUP loads the configuration again; when the terminal closes, the gateway ends with it', {
  skip: !hasScript && skipBecause('no `script` of util-linux on this machine, to make a terminal with'),
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-terminal-'));
  // The log goes elsewhere, or a gateway that writes on would end by that alone.
  const log = join(folder, 'log');
  const command = `echo "gateway is $$"; exec '${process.execPath}' src/main.ts 2> '${log}'`;
  const terminal = spawn('script', ['--quiet', '--flush', '--command', command, '/dev/null'], {
    cwd: ROOT,
    env: {
      PATH: process.env.PATH,
      HOME: folder,
      SHELL: '/bin/sh',
      HOST: '127.0.0.1',
      PORT: '0',
      METRICS_PORT: '0',
      GATEWAY_DATA_DIR: join(folder, 'data'),
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let shown = '';
  let gateway = 0;
  terminal.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
  });
  const logged = (pattern: RegExp) =>
    within(
      20_000,
      `${pattern} in the log`,
      (async () => {
        while (gateway === 0 || !pattern.test(readFileSync(log, 'utf8'))) {
          gateway = Number(/gateway is (\d+)\s/.exec(shown)?.[1] ?? 0);
          await pause(20);
        }
      })(),
    );
  try {
    await logged(/"msg":"listening"/);
    process.kill(gateway, 'SIGHUP');
    await logged(/"msg":"configuration unchanged"/);
    assert.ok(isAlive(gateway));
    // The terminal's other end is closed, as when its window is.
    terminal.kill('SIGKILL');
    await logged(/"signal":"SIGINT","msg":"draining".*"msg":"stopped"/s);
    await within(
      10_000,
      'the end of the gateway',
      (async () => {
        while (isAlive(gateway)) await pause(20);
      })(),
    );
  } finally {
    terminal.kill('SIGKILL');
    if (gateway > 0 && isAlive(gateway)) process.kill(gateway, 'SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
});
