import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '../..');

function run(program: string, args: readonly string[], cwd = root) {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', cwd, timeout: 30_000 });
  return { status, stdout, stderr };
}

const llmGateway = (...args: string[]) => run(join(root, 'bin/llm-gateway.js'), args);

test('without a command, and with --help, the commands are listed', () => {
  const bare = llmGateway();
  assert.equal(bare.status, 0);
  assert.match(bare.stdout, /^ {2}top +watch requests/m);
  assert.deepEqual(llmGateway('--help'), bare);
});

test('an unknown command and unknown options are said on standard error with the usage, exit status 64', () => {
  const command = llmGateway('topp');
  assert.equal(command.status, 64);
  assert.match(command.stderr, /there is no command "topp"/);
  assert.equal(command.stdout, '');
  const option = llmGateway('top', '--urls', 'x');
  assert.equal(option.status, 64);
  assert.match(option.stderr, /Unknown option '--urls'/);
  assert.match(option.stderr, /--once/);
});

test('a name that every object has is no command', () => {
  assert.equal(llmGateway('constructor').status, 64);
});

test('--help of a command says its usage', () => {
  const help = llmGateway('top', '--help');
  assert.equal(help.status, 0);
  assert.match(help.stdout, /--interval/);
});

test('an old Node hands over to the one that npm installed', (t) => {
  const old = ['/usr/bin/node', '/bin/node'].find((path) => existsSync(path));
  const version = old === undefined ? '' : run(old, ['--version']).stdout;
  if (old === undefined || Number(/^v(\d+)/.exec(version)?.[1]) >= 24) {
    t.diagnostic(`no old Node on this machine (${version.trim() || 'none'}): the handover is not tried`);
    return;
  }
  assert.match(run(old, [join(root, 'bin/llm-gateway.js'), 'top', '--help']).stdout, /--interval/);
});

test('an installed package runs from inside node_modules, where Node strips no types by itself', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-installed-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const installed = join(folder, 'node_modules/llm-gateway');
  mkdirSync(installed, { recursive: true });
  for (const part of ['bin', 'src', 'package.json'])
    cpSync(join(root, part), join(installed, part), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(installed, 'node_modules'));
  const help = run(process.execPath, [join(installed, 'bin/llm-gateway.js'), 'top', '--help'], folder);
  assert.equal(help.stderr, '');
  assert.match(help.stdout, /--interval/);
});
