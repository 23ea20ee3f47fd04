/** Commands that ask a gateway, signed in with a key of a static user. */
import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type CommandLine, openCommandLine } from '../support/command-line.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';

const KEY = 'a-static-key-of-this-test';
let gateway: GatewayProcess;
let line: CommandLine;

before(async () => {
  gateway = await startGatewayProcess({ env: { STATIC_KEYS: `${KEY}=ada:pro` } });
  line = openCommandLine();
  const { status, stderr } = await line.run(['login', '--url', gateway.url, '--with-key'], {
    input: `${KEY}\n`,
  });
  assert.deepEqual([status, stderr], [0, `Signed in to ${gateway.url} as ada, tier pro.\n`]);
});
after(async () => {
  line?.close();
  await gateway?.kill();
});

test('a key that the gateway refuses is not kept', async () => {
  const other = openCommandLine();
  try {
    const wrong = await other.run(['login', '--url', gateway.url, '--with-key'], {
      input: 'wrong-key-12345',
    });
    assert.equal(wrong.status, 77);
    assert.match(wrong.stderr, /not valid for this gateway/);
    assert.doesNotMatch(wrong.stderr, /wrong-key/);
    const none = await other.run(['login', '--url', gateway.url, '--with-key'], { input: '\n' });
    assert.equal(none.status, 64);
    assert.equal((await other.run(['token'])).status, 77);
  } finally {
    other.close();
  }
});

test('keys are made, listed and revoked; the key alone is on standard output', async () => {
  const made = await line.run(['keys', 'create', 'ci', '--days', '3']);
  assert.match(made.stdout, /^lgwp_\S+\n$/);
  const key = made.stdout.trim();
  assert.doesNotMatch(made.stderr, new RegExp(key));
  const [, id = ''] = /Key (\S+) \("ci", personal\) until/.exec(made.stderr) ?? [];
  const listed = await line.run(['keys', 'list']);
  assert.match(listed.stdout, new RegExp(`^${id} +personal +\\d{4}-\\d\\d-\\d\\d +never +ci$`, 'm'));
  const json = JSON.parse((await line.run(['keys', 'list', '--json'])).stdout) as { id: string }[];
  assert.deepEqual(
    json.map((one) => one.id),
    [id],
  );
  assert.equal((await line.run(['keys', 'revoke', id])).status, 0);
  const again = await line.run(['keys', 'revoke', id]);
  assert.equal(again.status, 1);
  assert.match(again.stderr, /You have no key with this id/);
  const asked = await fetch(`${gateway.url}/quota`, { headers: { authorization: `Bearer ${key}` } });
  assert.equal(asked.status, 401);
});

test('wrong arguments are told with the usage and reach no gateway', async () => {
  for (const args of [
    ['keys'],
    ['keys', 'create'],
    ['keys', 'list', 'x'],
    ['keys', 'revoke'],
    ['keys', 'make', 'x'],
  ])
    assert.equal((await line.run(args)).status, 64, args.join(' '));
  assert.equal((await line.run(['keys', 'create', 'x', '--days', 'soon'])).status, 64);
});

test('quota is shown in words, and as the gateway says it', async () => {
  const { stdout } = await line.run(['quota']);
  assert.match(stdout, /^ada, tier pro\ndaily +[█░]{20} +\d+ of 1,000 requests +starts anew in \S/);
  const json = JSON.parse((await line.run(['quota', '--json'])).stdout) as { user: string };
  assert.equal(json.user, 'ada');
});

test('the status line says model and quota, and keeps what it has learnt', async () => {
  const input = JSON.stringify({ model: { display_name: 'Opus 5.5' } });
  const { stdout } = await line.run(['statusline'], { input });
  assert.match(stdout, /^Opus 5\.5 · pro · daily [█░]{10} \d+ of 1,000 requests · anew in [^\n]+\n$/);
  const cache = join(line.home, '.cache', 'llm-gateway', 'quota.json');
  assert.equal(statSync(cache).mode & 0o777, 0o600);
  assert.doesNotMatch(readFileSync(cache, 'utf8'), new RegExp(KEY));
});

test('the status line waits a second for a gateway that says nothing, and then says so', async () => {
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const other = openCommandLine({ LLM_GATEWAY_URL: url });
  try {
    assert.equal((await other.run(['statusline'], { input: 'no json' })).stdout, 'quota unknown\n');
    const signedIn = openCommandLine();
    await signedIn.run(['login', '--url', gateway.url, '--with-key'], { input: KEY });
    const file = join(signedIn.home, '.config', 'llm-gateway', 'session.json');
    const session = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    const { writeFileSync } = await import('node:fs');
    writeFileSync(file, JSON.stringify({ ...session, gateway: url }));
    assert.equal((await signedIn.run(['statusline'], { input: '{}' })).stdout, 'quota unknown\n');
    signedIn.close();
  } finally {
    other.close();
    silent.closeAllConnections();
    silent.close();
  }
});

test('without Claude Code on the path, claude says how to install it', async () => {
  const { status, stderr } = await line.run(['claude', '-p', 'hello'], { env: { PATH: '/nonexistent' } });
  assert.equal(status, 127);
  assert.match(
    stderr,
    /Claude Code is not installed[^\n]*npm install --global @anthropic-ai\/claude-code\n$/,
  );
});
