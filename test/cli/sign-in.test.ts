/** Signing in, staying so and ending it, against the gateway as a process and a provider in the shape of Keycloak. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { type CommandLine, openCommandLine } from '../support/command-line.ts';
import { type DeviceIssuer, startDeviceIssuer, USER_CODE } from '../support/device-issuer.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';

let issuer: DeviceIssuer;
let gateway: GatewayProcess;
let url: string;
let line: CommandLine;

before(async () => {
  issuer = await startDeviceIssuer();
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  gateway = await startGatewayProcess({
    env: { AUTH_PROVIDER: 'keycloak', KEYCLOAK_URL: issuer.issuer, PUBLIC_URL: url, PORT: `${port}` },
  });
});
after(async () => {
  await gateway?.kill();
  await issuer?.close();
});
beforeEach(() => {
  line = openCommandLine();
  Object.assign(issuer, { decisions: ['approve'], expiresIn: 300, renewals: 'ok' });
  for (const forms of Object.values(issuer.forms)) forms.length = 0;
});
afterEach(() => line.close());

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const file = () => join(line.home, '.config', 'llm-gateway', 'session.json');
type Kept = Readonly<Record<string, unknown>>;
const kept = () => JSON.parse(readFileSync(file(), 'utf8')) as Kept;
const change = (changes: Kept) => writeFileSync(file(), JSON.stringify({ ...kept(), ...changes }));

async function signIn(): Promise<void> {
  const { status, stderr } = await line.run(['login', '--url', url]);
  assert.equal(status, 0, stderr);
  for (const forms of Object.values(issuer.forms)) forms.length = 0;
}

async function statusWith(token: string): Promise<number> {
  return (await fetch(`${url}/quota`, { headers: { authorization: `Bearer ${token}` } })).status;
}

test('login shows address and code, waits, and keeps the sign-in for this user alone', async () => {
  issuer.decisions = ['wait', 'wait', 'approve'];
  const { status, stdout, stderr } = await line.run(['login', '--url', `${url}/v1/`]);
  assert.deepEqual([status, stdout], [0, ''], stderr);
  assert.match(
    stderr,
    new RegExp(`${issuer.issuer}/device[^]*${USER_CODE}[^]*Signed in to ${url} as \\S+, tier pro`),
  );
  assert.equal(issuer.forms.token.length, 3);
  assert.deepEqual(
    [statSync(file()).mode & 0o777, statSync(join(file(), '..')).mode & 0o777],
    [0o600, 0o700],
  );
  const token = await line.run(['token']);
  assert.equal(await statusWith(token.stdout.trim()), 200);
  assert.equal(issuer.forms.token.length, 3, 'a token that counts is not renewed');
});

test('a sign-in that is denied in the browser ends at once, and nothing is kept', async () => {
  issuer.decisions = ['wait', 'deny'];
  const { status, stderr } = await line.run(['login', '--url', url]);
  assert.equal(status, 77);
  assert.match(stderr, /the sign-in was denied in the browser\n$/);
  assert.ok(!existsSync(file()));
});

test('of ten helpers at once one renews the sign-in, and all print its token', async () => {
  await signIn();
  const { accessToken } = kept();
  change({ renewAt: 0, expiresAt: 0 });
  const runs = await Promise.all(Array.from({ length: 10 }, () => line.run(['token', '--url', url])));
  const tokens = new Set(runs.map(({ stdout }) => stdout));
  assert.deepEqual([tokens.size, issuer.forms.token.length], [1, 1], runs[0]?.stderr);
  const [token = ''] = tokens;
  assert.notEqual(token.trim(), accessToken);
  assert.equal(await statusWith(token.trim()), 200);
  const sent = Number(/\d+/.exec(`${issuer.forms.token[0]?.get('refresh_token')}`));
  assert.equal(kept().refreshToken, `refresh-${sent + 1}`);
});

test('while the provider is broken a token is used to its end, and then one sentence says why not', async () => {
  await signIn();
  issuer.renewals = 'broken';
  change({ renewAt: 0 });
  const still = await line.run(['token']);
  assert.deepEqual([still.status, still.stdout.trim()], [0, kept().accessToken]);
  change({ expiresAt: 0 });
  const over = await line.run(['token']);
  assert.deepEqual([over.status, over.stdout], [69, '']);
  assert.match(over.stderr, /^llm-gateway token: http:\S+ answered 500\n$/);
  issuer.renewals = 'ok';
  assert.equal((await line.run(['token'])).status, 0, 'and it recovers');
});

test('a sign-in that the provider has ended is asked about once, and its tokens are gone from the disk', async () => {
  await signIn();
  issuer.renewals = 'ended';
  change({ renewAt: 0 });
  for (const attempt of [1, 2, 3]) {
    const { status, stdout, stderr } = await line.run(['token']);
    assert.deepEqual([status, stdout], [77, ''], `${attempt}`);
    assert.equal(stderr, `llm-gateway token: your sign-in has ended; run: llm-gateway login --url ${url}\n`);
  }
  assert.equal(issuer.forms.token.length, 1);
  assert.doesNotMatch(readFileSync(file(), 'utf8'), /eyJ|refresh-\d/);
});

test('logout revokes the renewal at the provider and forgets everything; a second one is fine', async () => {
  await signIn();
  const { refreshToken } = kept();
  assert.equal((await line.run(['logout'])).status, 0);
  assert.deepEqual(
    issuer.forms.revoke.map((form) => form.get('token')),
    [refreshToken],
  );
  assert.ok(!existsSync(file()));
  assert.equal((await line.run(['logout'])).status, 0);
  const { status, stderr } = await line.run(['token']);
  assert.deepEqual(
    [status, stderr],
    [77, 'llm-gateway token: you are not signed in; run: llm-gateway login\n'],
  );
});

test('a token never goes to another gateway than the one it was got for', async () => {
  await signIn();
  for (const command of [['token'], ['quota'], ['keys', 'list']]) {
    const { status, stdout, stderr } = await line.run(command, {
      env: { LLM_GATEWAY_URL: 'https://other.example' },
    });
    assert.deepEqual([status, stdout], [77, '']);
    assert.match(stderr, /signed in to http:\S+, not to https:\/\/other\.example/);
  }
});

test('a gateway that is known by another address is not signed in to', async () => {
  const alias = url.replace('127.0.0.1', 'localhost');
  const { status, stderr } = await line.run(['login', '--url', alias]);
  assert.equal(status, 1);
  assert.match(stderr, new RegExp(`calls itself ${url}; use --url ${url}`));
  assert.equal(issuer.forms.device.length, 0);
});

test('where a gateway trusts several identity providers, one is chosen by name', async () => {
  const server = createServer((request, response) => {
    const resource = `http://${request.headers.host}`;
    const body = { resource, authorization_servers: ['https://other.example/realms/b', issuer.issuer] };
    response.end(JSON.stringify(request.url === '/quota' ? { user: 'ada', tier: 'pro' } : body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const open = await line.run(['login', '--url', address]);
    assert.equal(open.status, 64);
    assert.match(
      open.stderr,
      /choose one with --issuer:\n {2}https:\/\/other\.example\/realms\/b\n {2}http:/,
    );
    const chosen = await line.run(['login', '--url', address, '--issuer', issuer.issuer]);
    assert.equal(chosen.status, 0, chosen.stderr);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test('what is no gateway, does not answer or is no address is said in one sentence', async () => {
  for (const [address, status, said] of [
    [issuer.issuer, 1, /does not say where to sign in/],
    ['http://127.0.0.1:9', 69, /http:\/\/127\.0\.0\.1:9 does not answer/],
    ['llm.example', 64, /--url takes the address of a gateway, not "llm\.example"/],
  ] as const) {
    const run = await line.run(['login', '--url', address]);
    assert.equal(run.status, status, run.stderr);
    assert.match(run.stderr, said);
  }
});

test('a session file that somebody has broken is said to be, and nothing of it is printed', async () => {
  await signIn();
  writeFileSync(file(), '{"kind":"oauth","accessToken":"secret-token"');
  const { status, stderr } = await line.run(['token']);
  assert.equal(status, 1);
  assert.match(stderr, /session\.json cannot be read; delete it and sign in again/);
  assert.doesNotMatch(stderr, /secret-token/);
});
