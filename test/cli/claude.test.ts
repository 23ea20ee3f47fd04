/** What `llm-gateway claude` hands to Claude Code, told by a stand-in that prints it. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type CommandLine, openCommandLine } from '../support/command-line.ts';

let line: CommandLine;
let path: string;

before(() => {
  line = openCommandLine();
  const folder = join(line.home, '.config', 'llm-gateway');
  mkdirSync(folder, { recursive: true });
  const session = { kind: 'key', gateway: 'https://llm.example', key: 'a-key-of-this-test' };
  writeFileSync(join(folder, 'session.json'), JSON.stringify(session));
  const bin = join(line.home, 'bin');
  mkdirSync(bin);
  const script = `#!${process.execPath}\nconsole.log(JSON.stringify({ args: process.argv.slice(2), env: process.env })); process.exit(7);\n`;
  writeFileSync(join(bin, 'claude'), script);
  chmodSync(join(bin, 'claude'), 0o755);
  path = bin;
});
after(() => line.close());

interface Told {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

async function start(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Told> {
  const { status, stdout, stderr } = await line.run(['claude', ...args], { env: { PATH: path, ...env } });
  assert.equal(status, 7, stderr);
  return JSON.parse(stdout) as Told;
}

const settingsOf = ({ args }: Told) =>
  JSON.parse(args[args.indexOf('--settings') + 1] ?? '') as Record<string, unknown>;

test('Claude Code is started with the helper, its arguments and no other credential; nothing is written', async () => {
  const before = readdirSync(line.home);
  const told = await start(['-p', 'say "hi" & $x', '--', '--help'], {
    ANTHROPIC_API_KEY: 'sk-ant-foreign',
    ANTHROPIC_AUTH_TOKEN: 'foreign',
    EDITOR: 'vi',
  });
  assert.deepEqual(told.args.slice(2), ['-p', 'say "hi" & $x', '--', '--help']);
  assert.deepEqual(
    [told.env.ANTHROPIC_API_KEY, told.env.ANTHROPIC_AUTH_TOKEN, told.env.EDITOR],
    [undefined, undefined, 'vi'],
  );
  const { apiKeyHelper, env } = settingsOf(told) as { apiKeyHelper: string; env: Record<string, string> };
  assert.match(apiKeyHelper, /llm-gateway\.js token --url https:\/\/llm\.example$/);
  assert.equal(env.ANTHROPIC_BASE_URL, 'https://llm.example');
  assert.doesNotMatch(JSON.stringify(told), /a-key-of-this-test/);
  assert.deepEqual(
    readdirSync(line.home).filter((name) => !before.includes(name) && name !== '.cache'),
    [],
  );
});

test('its own --help is asked for behind "--"', async () => {
  assert.deepEqual((await start(['--', '--help'])).args.slice(2), ['--help']);
});

test("settings of the user's own become a part of ours", async () => {
  const told = await start(['--settings', '{"model":"opus","env":{"A":"1"}}', '-c']);
  const settings = settingsOf(told) as { model: string; env: Record<string, string> };
  assert.deepEqual([settings.model, settings.env.A, told.args.slice(2)], ['opus', '1', ['-c']]);
  assert.equal(settings.env.ANTHROPIC_BASE_URL, 'https://llm.example');
});

test("the user's own file keeps its status line, and its credentials do not get in the way", async () => {
  const mine = { type: 'command', command: 'date' };
  mkdirSync(join(line.home, '.claude'));
  const file = join(line.home, '.claude', 'settings.json');
  writeFileSync(file, JSON.stringify({ statusLine: mine, env: { ANTHROPIC_AUTH_TOKEN: 'old' } }));
  const { statusLine, env } = settingsOf(await start([])) as {
    statusLine: unknown;
    env: Record<string, string>;
  };
  assert.deepEqual([statusLine, env.ANTHROPIC_AUTH_TOKEN], [mine, '']);
});

test('who is not signed in there is told before anything starts', async () => {
  const { status, stdout } = await line.run(['claude', '--url', 'https://other.example', '-p', 'x'], {
    env: { PATH: path },
  });
  assert.deepEqual([status, stdout], [77, '']);
});
