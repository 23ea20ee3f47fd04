/** The files of Claude Code and Codex, changed by the command. */
import assert from 'node:assert/strict';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { type CommandLine, openCommandLine } from '../../support/command-line.ts';
import { type GatewayProcess, startGatewayProcess } from '../../support/gateway-process.ts';

const KEY = 'a-static-key-of-this-test';
let gateway: GatewayProcess;
let line: CommandLine;

before(async () => {
  gateway = await startGatewayProcess({ env: { STATIC_KEYS: `${KEY}=ada:pro` } });
});
after(() => gateway?.kill());
beforeEach(async () => {
  line = openCommandLine();
  await line.run(['login', '--url', gateway.url, '--with-key'], { input: KEY });
});
afterEach(() => line.close());

const settings = () => join(line.home, '.claude', 'settings.json');
const config = () => join(line.home, '.codex', 'config.toml');

function write(path: string, text: string): void {
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text);
}

test('Claude Code: shown, written, kept, and removed without a trace', async () => {
  const mine = '{\n    "model": "opus",\n    "env": { "ANTHROPIC_AUTH_TOKEN": "old-secret" }\n}\n';
  write(settings(), mine);
  const done = await line.run(['setup', '--yes']);
  assert.equal(done.status, 0);
  assert.match(done.stderr, /^- .*"ANTHROPIC_AUTH_TOKEN": "…"/m);
  assert.match(done.stderr, /^\+ .*"apiKeyHelper": ".*token --url http:/m);
  assert.match(done.stderr, /^\+ .*"ANTHROPIC_BASE_URL": "http:/m);
  assert.equal(readFileSync(`${settings()}.before-llm-gateway`, 'utf8'), mine);
  assert.doesNotMatch(readFileSync(settings(), 'utf8'), new RegExp(KEY));
  const again = await line.run(['setup', '--yes']);
  assert.match(again.stderr, /is as it should be/);
  assert.equal((await line.run(['setup', '--remove', '--yes'])).status, 0);
  assert.deepEqual(JSON.parse(readFileSync(settings(), 'utf8')), JSON.parse(mine));
  assert.deepEqual(readdirSync(join(line.home, '.claude')), ['settings.json']);
});

test('Claude Code: a file that was not there goes again; one that is a link stays one', async () => {
  await line.run(['setup', '--yes']);
  assert.ok(existsSync(settings()));
  await line.run(['setup', '--remove', '--yes']);
  assert.ok(!existsSync(settings()));
  write(join(line.home, 'dotfiles.json'), '{}');
  symlinkSync(join(line.home, 'dotfiles.json'), settings());
  await line.run(['setup', '--yes']);
  assert.ok(lstatSync(settings()).isSymbolicLink());
  assert.match(readFileSync(join(line.home, 'dotfiles.json'), 'utf8'), /apiKeyHelper/);
});

test('Claude Code: what is no settings file is left alone', async () => {
  for (const text of ['{ // mine\n}', '[]']) {
    write(settings(), text);
    const { status, stderr } = await line.run(['setup', '--yes']);
    assert.equal(status, 1);
    assert.match(stderr, /is not a JSON object; nothing was changed/);
    assert.equal(readFileSync(settings(), 'utf8'), text);
  }
});

test('without a terminal and without --yes nothing is changed', async () => {
  const { status, stderr } = await line.run(['setup']);
  assert.equal(status, 64);
  assert.match(stderr, /nothing was changed; say --yes/);
  assert.ok(!existsSync(settings()));
});

test('Codex: a model of the gateway, the provider, and all of it out again', async () => {
  write(config(), 'model = "gpt-5.5"\n\n[tui]\nx = 1\n');
  const { status, stderr } = await line.run(['setup', 'codex', '--yes']);
  assert.equal(status, 0, stderr);
  const toml = readFileSync(config(), 'utf8');
  assert.match(toml, /^model = "demo-model" /);
  assert.match(toml, new RegExp(`base_url = "${gateway.url}/v1"`));
  assert.doesNotMatch(toml, new RegExp(KEY));
  const other = await line.run(['setup', 'codex', '--yes', '--model', 'qwen3-32b']);
  assert.match(other.stderr, /^- model = "demo-model"[\s\S]*^\+ model = "qwen3-32b"/m);
  await line.run(['setup', 'codex', '--remove', '--yes']);
  assert.equal(readFileSync(config(), 'utf8'), 'model = "gpt-5.5"\n\n[tui]\nx = 1\n');
  assert.deepEqual(readdirSync(join(line.home, '.codex')), ['config.toml']);
});
