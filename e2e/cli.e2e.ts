/**
 * The command line between a real Keycloak and the real Claude Code and Codex: in by two commands, renewed without
 * anybody noticing, out when somebody says so. The demo model answers.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type CommandLine, openCommandLine } from '../test/support/command-line.ts';
import { type GatewayProcess, startGatewayProcess } from '../test/support/gateway-process.ts';
import { skipBecause } from '../test/support/skip.ts';
import { createKeycloakAdmin, type KeycloakAdmin } from './keycloak/admin.ts';
import { person } from './keycloak/cast.ts';
import { installKeycloak, whyNoKeycloak } from './keycloak/install.ts';
import { freePort, type Keycloak, startKeycloak } from './keycloak/keycloak-process.ts';
import { DEMO_USERS, REALM, REALM_FILE } from './keycloak/realm.ts';
import { approve, askForTokens } from './keycloak/sign-in.ts';
import { claudeCodeBinary } from './support/claude-code.ts';
import { codexBinary } from './support/codex.ts';
import { type CountingProxy, startCountingProxy } from './support/counting-proxy.ts';

const reason = whyNoKeycloak();
const skip = reason === null ? false : skipBecause(reason);
const timeout = 180_000;
/** Of a client whose access tokens end in seconds. */
const [BRIEF, BRIEF_SECONDS] = ['test-brief', 10];
const ONBOARDING_SECONDS = 60;

let keycloak: Keycloak;
let admin: KeycloakAdmin;
let issuer: string;
let proxy: CountingProxy;
let gateway: GatewayProcess;
/** One person at one machine, from the first test to the last. */
let line: CommandLine;

before(
  async () => {
    if (skip !== false) return;
    const port = await freePort();
    proxy = await startCountingProxy(`http://127.0.0.1:${port}`);
    keycloak = await startKeycloak(await installKeycloak(), {
      realm: REALM,
      realmFile: REALM_FILE,
      gatewayUrl: proxy.url,
    });
    issuer = `${keycloak.url}/realms/${REALM}`;
    admin = createKeycloakAdmin(keycloak);
    await admin.add(REALM, { clients: [briefClient()] });
    for (const username of DEMO_USERS) await admin.setPassword(REALM, username, person(username).password);
    const secret = await admin.clientSecret(REALM, 'llm-gateway-service');
    gateway = await startGatewayProcess({
      env: {
        AUTH_PROVIDER: 'keycloak',
        KEYCLOAK_URL: issuer,
        KEYCLOAK_CLIENT_SECRET: secret,
        PUBLIC_URL: proxy.url,
        PORT: `${port}`,
      },
      // What has ended by the provider's word has ended here, but for a second.
      configYaml: 'auth: { keycloak: { clockSkewSeconds: 1 } }',
    });
    line = openCommandLine({
      // Quiet and alone: no updates, no telemetry, no start-up traffic but the prompt's own.
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      DISABLE_AUTOUPDATER: '1',
      IS_SANDBOX: '1',
    });
  },
  { timeout: 400_000 },
);
after(async () => {
  line?.close();
  await gateway?.kill();
  await proxy?.close();
  await keycloak?.close();
});

/** The shipped client with tokens that end soon. */
function briefClient() {
  const realm = JSON.parse(readFileSync(REALM_FILE, 'utf8')) as { clients: { clientId: string }[] };
  const { clientId: _, ...shipped } = realm.clients.find(({ clientId }) => clientId === 'llm-gateway') as {
    clientId: string;
    attributes: object;
  };
  const attributes = {
    'oauth2.device.authorization.grant.enabled': 'true',
    'pkce.code.challenge.method': 'S256',
    'access.token.lifespan': `${BRIEF_SECONDS}`,
  };
  return { ...shipped, clientId: BRIEF, rootUrl: '', redirectUris: [], fullScopeAllowed: true, attributes };
}

/** Claude Code on the path, as an installation leaves it. */
function pathWithClaude(): string {
  const bin = join(line.home, 'bin');
  mkdirSync(bin, { recursive: true });
  try {
    symlinkSync(claudeCodeBinary(), join(bin, 'claude'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return `${bin}${delimiter}${process.env.PATH}`;
}

/** Types `login`, and does in a browser what it says. */
async function login(username: string, ...args: readonly string[]) {
  let said = '';
  let approved: Promise<void> | undefined;
  const failed = new AbortController();
  const done = await line.run(['login', '--url', proxy.url, ...args], {
    signal: failed.signal,
    onStderr: (text) => {
      said += text;
      const address = /with the code in it: (\S+)\)/.exec(said)?.[1];
      if (address === undefined) return;
      approved ??= approve(address, person(username)).catch((error) => failed.abort(error));
    },
  });
  await approved;
  assert.deepEqual([done.status, done.stdout], [0, ''], done.stderr);
  return done.stderr;
}

const sessionFile = () => join(line.home, '.config', 'llm-gateway', 'session.json');
const session = () => JSON.parse(readFileSync(sessionFile(), 'utf8')) as Record<string, string>;

const claude = (...args: readonly string[]) =>
  line.exec('claude', [...args], { env: { PATH: pathWithClaude() } });

/** Statuses of the inference requests since so many were seen. */
const messagesSince = (from: number) =>
  proxy.seen
    .slice(from)
    .filter(({ path }) => path.startsWith('/v1/messages'))
    .map(({ status }) => status);

test('from an empty home to the first answer in two commands', { skip, timeout }, async (t) => {
  const env = { PATH: pathWithClaude() };
  const began = performance.now();
  const said = await login('demo-pro');
  const { status, stdout, stderr } = await line.run(['claude', '-p', 'say hello'], { env });
  const seconds = (performance.now() - began) / 1000;
  t.diagnostic(`login and first answer: ${seconds.toFixed(1)} s`);
  assert.match(said, /as demo-pro, tier pro\./);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /You wrote: "say hello"/);
  assert.deepEqual(messagesSince(0), [200]);
  assert.ok(seconds < ONBOARDING_SECONDS, `${seconds} s`);
});

test('after setup, plain Claude Code asks the gateway, with a token from its helper', {
  skip,
  timeout,
}, async () => {
  const { status, stderr } = await line.run(['setup', '--yes']);
  assert.equal(status, 0, stderr);
  const from = proxy.seen.length;
  const run = await claude('-p', 'hello again');
  assert.equal(run.status, 0, run.stdout + run.stderr);
  assert.match(run.stdout, /You wrote: "hello again"/);
  assert.deepEqual(messagesSince(from), [200]);
});

test('after setup codex, plain Codex does as well', { skip, timeout }, async () => {
  const { status, stderr } = await line.run(['setup', 'codex', '--yes']);
  assert.equal(status, 0, stderr);
  const from = proxy.seen.length;
  const args = ['exec', '--json', '--skip-git-repo-check', '--dangerously-bypass-approvals-and-sandbox', '-'];
  const run = await line.exec(codexBinary(), args, { input: 'hello codex' });
  assert.equal(run.status, 0, run.stdout + run.stderr);
  assert.match(run.stdout, /"agent_message","text":"This is the demo model/);
  const asked = proxy.seen.slice(from).filter(({ path }) => path === '/v1/responses');
  assert.deepEqual(
    asked.map(({ status: answered }) => answered),
    [200],
  );
});

test('keys, quota and status line with the same sign-in', { skip, timeout }, async () => {
  const key = (await line.run(['keys', 'create', 'ci'])).stdout.trim();
  const asked = await fetch(`${proxy.url}/quota`, { headers: { authorization: `Bearer ${key}` } });
  assert.equal(asked.status, 200);
  assert.match((await line.run(['quota'])).stdout, /^demo-pro, tier pro\ndaily .* [3-9] of 1,000 requests/);
  const input = JSON.stringify({ model: { display_name: 'Opus' } });
  assert.match((await line.run(['statusline'], { input })).stdout, /^Opus · pro · daily /);
});

test('when the token has ended ten helpers ask at once: one renewal, one token, and Claude Code goes on', {
  skip,
  timeout,
}, async () => {
  await login('demo-pro', '--client-id', BRIEF);
  const { accessToken, refreshToken } = session();
  await pause((BRIEF_SECONDS + 1) * 1000);
  const runs = await Promise.all(Array.from({ length: 10 }, () => line.run(['token'])));
  const tokens = new Set(runs.map(({ stdout }) => stdout.trim()));
  assert.equal(tokens.size, 1, runs.map(({ stderr }) => stderr).join(''));
  assert.notEqual([...tokens][0], accessToken);
  assert.notEqual(session().refreshToken, refreshToken);
  await pause((BRIEF_SECONDS + 1) * 1000);
  const from = proxy.seen.length;
  const run = await claude('-p', 'still here?');
  assert.equal(run.status, 0, run.stdout + run.stderr);
  assert.match(run.stdout, /You wrote: "still here\?"/);
  assert.equal(messagesSince(from).filter((status) => status === 200).length, 1);
});

test('a token that ends within a session is renewed there, and the tool loop goes on', {
  skip,
  timeout,
}, async () => {
  const from = proxy.seen.length;
  const prompt = `run \`sleep ${BRIEF_SECONDS + 4}\``;
  const run = await claude('-p', '--allowedTools', 'Bash', '--', prompt);
  assert.equal(run.status, 0, run.stdout + run.stderr);
  assert.match(messagesSince(from).join(' '), /200 401 (?:401 )*200$/, run.stdout);
});

test('whoever is disabled in Keycloak gets no new token, and reads what to do', {
  skip,
  timeout,
}, async () => {
  await admin.disable(REALM, 'demo-pro');
  await pause((BRIEF_SECONDS + 1) * 1000);
  const { status, stdout, stderr } = await line.run(['token']);
  assert.deepEqual([status, stdout], [77, ''], stderr);
  assert.equal(
    stderr,
    `llm-gateway token: your sign-in has ended; run: llm-gateway login --url ${proxy.url}\n`,
  );
  await admin.enable(REALM, 'demo-pro');
});

test('logout ends the session in Keycloak too, and Claude Code is out', { skip, timeout }, async () => {
  await login('demo-pro');
  const { refreshToken = '' } = session();
  assert.equal((await line.run(['logout'])).status, 0);
  const renewal = await askForTokens(issuer, {
    grant_type: 'refresh_token',
    client_id: 'llm-gateway',
    refresh_token: refreshToken,
  });
  assert.equal(renewal.status, 400);
  const from = proxy.seen.length;
  const run = await claude('-p', 'still here?');
  assert.notEqual(run.status, 0, run.stdout);
  assert.ok(!messagesSince(from).includes(200));
});

test('setup --remove leaves both clients as they were', { skip, timeout }, async () => {
  for (const client of ['claude', 'codex'])
    assert.equal((await line.run(['setup', client, '--remove', '--yes'])).status, 0);
  const codex = readFileSync(join(line.home, '.codex', 'config.toml'), { encoding: 'utf8', flag: 'a+' });
  assert.doesNotMatch(codex, /llm-gateway/);
});

test('a session file of another gateway is not used', { skip, timeout }, async () => {
  writeFileSync(sessionFile(), JSON.stringify({ kind: 'key', gateway: 'https://other.example', key: 'k' }));
  const { status } = await line.run(['claude', '--url', proxy.url, '-p', 'x'], {
    env: { PATH: pathWithClaude() },
  });
  assert.equal(status, 77);
});
