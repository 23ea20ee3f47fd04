/**
 * Claude Code signs in natively: its terminal is driven, a real browser meets the gateway's pages and a real Keycloak,
 * and the session lives and ends as the realm says.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { type GatewayProcess, startGatewayProcess } from '../test/support/gateway-process.ts';
import { skipBecause } from '../test/support/skip.ts';
import { createKeycloakAdmin, type KeycloakAdmin } from './keycloak/admin.ts';
import { CAST, CLIENTS, person } from './keycloak/cast.ts';
import { installKeycloak, whyNoKeycloak } from './keycloak/install.ts';
import { freePort, type Keycloak, startKeycloak } from './keycloak/keycloak-process.ts';
import { DEMO_USERS, REALM, REALM_FILE } from './keycloak/realm.ts';
import { signInByDevice, signInDirectly } from './keycloak/sign-in.ts';
import { openBrowser, signInWithCode, whyNoBrowser } from './support/browser.ts';
import { type CountingProxy, startCountingProxy } from './support/counting-proxy.ts';
import { managedClaudeCode, openTerminal, whyNoTerminal } from './support/terminal.ts';

const reason = whyNoKeycloak() ?? whyNoBrowser() ?? whyNoTerminal();
const skip = reason === null ? false : skipBecause(reason);
const timeout = 120_000;
/** Of tests in which Keycloak starts: minutes on a busy machine. */
const longTimeout = 400_000;
/** The longest that a disabled person goes on, as configured here. Milliseconds. */
const OWNER_CHECK = 5000;
const SERVICE = 'llm-gateway-service';
/** Its access tokens say next to nothing. */
const LIGHT = 'test-light';

let keycloak: Keycloak;
let admin: KeycloakAdmin;
let issuer: string;
let browser: Browser;
/** What everybody knows the gateway by. */
let proxy: CountingProxy;
let gateway: GatewayProcess;
/** Shares the store of the first, and asks Keycloak about tokens that say too little. */
let other: GatewayProcess;
let folder: string;

before(
  async () => {
    if (skip !== false) return;
    folder = await mkdtemp(join(tmpdir(), 'llm-gateway-sign-in-'));
    const port = await freePort();
    proxy = await startCountingProxy(`http://127.0.0.1:${port}`);
    const realm = { realm: REALM, realmFile: REALM_FILE, gatewayUrl: proxy.url };
    keycloak = await startKeycloak(await installKeycloak(), realm);
    issuer = `${keycloak.url}/realms/${REALM}`;
    admin = createKeycloakAdmin(keycloak);
    await admin.add(REALM, CAST);
    await admin.add(REALM, { clients: [lightweightClient()] });
    for (const username of DEMO_USERS) await admin.setPassword(REALM, username, person(username).password);
    const secret = await admin.clientSecret(REALM, SERVICE);
    gateway = await startGateway(secret, { PORT: String(port) }, 'off');
    other = await startGateway(secret, {}, 'partial');
    browser = await openBrowser();
  },
  { timeout: longTimeout },
);
after(async () => {
  await browser?.close();
  for (const one of [gateway, other]) await one?.kill();
  await proxy?.close();
  await keycloak?.close();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true, maxRetries: 3 });
});

function lightweightClient() {
  const [mapped] = CAST.clients;
  const attributes = { 'client.use.lightweight.access.token.enabled': 'true' };
  const audience = {
    name: 'service',
    protocol: 'openid-connect',
    protocolMapper: 'oidc-audience-mapper',
    config: {
      'included.client.audience': SERVICE,
      'access.token.claim': 'true',
      'introspection.token.claim': 'true',
      'lightweight.claim': 'true',
    },
  };
  const gatewayAudience = {
    ...audience,
    name: 'gateway',
    config: {
      'included.client.audience': 'llm-gateway',
      'access.token.claim': 'false',
      'introspection.token.claim': 'true',
    },
  };
  return { ...mapped, clientId: LIGHT, attributes, protocolMappers: [audience, gatewayAudience] };
}

function startGateway(secret: string, env: Record<string, string>, introspection: string) {
  return startGatewayProcess({
    env: {
      AUTH_PROVIDER: 'keycloak',
      KEYCLOAK_URL: issuer,
      KEYCLOAK_CLIENT_SECRET: secret,
      PUBLIC_URL: proxy.url,
      ...env,
    },
    dataDir: join(folder, 'data'),
    configYaml: [
      'auth:',
      `  keycloak: { ownerCheckSeconds: ${OWNER_CHECK / 1000}, introspection: ${introspection} }`,
      '  signIn: { notice: "Ask the platform team for help.", managedSettings: { pro: { cleanupPeriodDays: 7 } } }',
    ].join('\n'),
  });
}

const managedSettings = () => ({ forceLoginMethod: 'gateway', forceLoginGatewayUrl: proxy.url });

/** Asks at one of the gateways, and gives the status. */
async function statusOf(credential: string, at = proxy.url): Promise<number> {
  const response = await fetch(`${at}/quota`, { headers: { authorization: `Bearer ${credential}` } });
  await response.text();
  return response.status;
}

async function until(what: string, ms: number, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + ms;
  while (!(await holds())) {
    assert.ok(Date.now() < deadline, `not within ${ms} ms: ${what}`);
    await pause(200);
  }
}

const form = (path: string, fields: Readonly<Record<string, string>>) =>
  fetch(proxy.url + path, { method: 'POST', body: new URLSearchParams(fields) });

/** A page in a browser that nobody has used before. */
async function inBrowser<T>(act: (page: Page) => Promise<T>): Promise<T> {
  const context = await browser.newContext();
  try {
    return await act(await context.newPage());
  } finally {
    await context.close();
  }
}

interface Pair {
  readonly access_token: string;
  readonly refresh_token: string;
}

/** Signs in as another program would that knows the device grant. */
async function signIn(username: string): Promise<Pair> {
  const begun = (await (await form('/oauth/device_authorization', {})).json()) as Record<string, string>;
  await inBrowser(async (page) => {
    await signInWithCode(page, `${proxy.url}/device`, begun.user_code ?? '', person(username));
    await page.click('button[value=approve]');
    await page.waitForSelector('text=You are signed in');
  });
  const answer = await form('/oauth/token', {
    grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
    device_code: begun.device_code ?? '',
  });
  assert.equal(answer.status, 200);
  return (await answer.json()) as Pair;
}

/** One prompt of the Claude Code that has signed in, in print mode. */
async function prompt(text: string): Promise<{ result: string; isError: boolean }> {
  const args = ['--print', '--output-format', 'json', text];
  const [command = '', ...rest] = await managedClaudeCode({
    folder,
    managedSettings: managedSettings(),
    args,
  });
  const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
  await new Promise((resolve) => child.on('close', resolve));
  const line = output.split('\n').find((one) => one.startsWith('{'));
  const report = JSON.parse(line ?? '{}') as { result?: string; is_error?: boolean };
  return { result: report.result ?? output, isError: report.is_error !== false };
}

const credentialsFile = () => join(folder, 'home', '.claude', '.credentials.json');

interface Stored {
  enterpriseGateway: { jwt: string; idpRefreshToken: string; expiresAt: number; email: string };
}
const readStored = async () => JSON.parse(await readFile(credentialsFile(), 'utf8')) as Stored;

test('from nothing to the first answer: terminal, code, browser, Keycloak, "Allow", prompt', {
  skip,
  timeout,
}, async () => {
  const terminal = await openTerminal({ folder, managedSettings: managedSettings() });
  try {
    await terminal.see(/Choose the text style/);
    terminal.press('Enter');
    await terminal.see(/Enter to connect/);
    terminal.press('Enter');
    await terminal.choose(/Yes, trust this gateway/);
    const [, code = ''] = await terminal.see(/Code:\s+([A-Z]{4}-[A-Z]{4})/);
    await inBrowser(async (page) => {
      await signInWithCode(page, `${proxy.url}/device`, code, person('demo-pro'));
      assert.match((await page.textContent('body')) ?? '', new RegExp(`as demo-pro[^]*${code}`));
      await page.click('button[value=approve]');
      await page.waitForSelector('text=You are signed in');
    });
    await terminal.see(/Signed in to Cloud gateway as demo-pro@example.invalid/);
    await terminal.choose(/Yes, continue/);
    await terminal.see(/Connected to Cloud gateway/);
    terminal.press('Enter');
    await terminal.see(/Security notes/);
    terminal.press('Enter');
    await terminal.choose(/Yes, I trust this folder/);
    await terminal.see(/Cloud gateway/);
    await pause(1500);
    terminal.type('say hello');
    await pause(500);
    terminal.press('Enter');
    await terminal.see(/You wrote/);
    terminal.type('/status');
    await pause(500);
    terminal.press('Enter');
    await terminal.see(/Gateway account:\s+demo-pro@example.invalid/);
    terminal.press('Escape');
    await pause(500);
    terminal.type('/usage');
    await pause(500);
    terminal.press('Enter');
    await terminal.see(/Spend limit[\s\S]*% used/);
  } finally {
    terminal.close();
  }
  const { jwt } = (await readStored()).enterpriseGateway;
  assert.match(jwt, /^lgwa_/);
  assert.equal(await statusOf(jwt, other.url), 200, 'another replica knows the session');
  assert.ok(proxy.seen.some(({ path, status }) => path === '/managed/settings' && status === 200));
});

test('a session is renewed without anybody noticing', { skip, timeout }, async () => {
  const before = await readStored();
  const soon = { ...before.enterpriseGateway, expiresAt: Date.now() + 60_000 };
  await writeFile(credentialsFile(), JSON.stringify({ ...before, enterpriseGateway: soon }));
  const from = proxy.seen.length;
  const { result, isError } = await prompt('say hello again');
  assert.equal(isError, false, result);
  assert.match(result, /You wrote/);
  const asked = proxy.seen.slice(from).filter(({ path }) => path === '/oauth/token');
  assert.deepEqual(
    asked.map(({ status }) => status),
    [200],
  );
  const { enterpriseGateway: now } = await readStored();
  assert.notEqual(now.jwt, before.enterpriseGateway.jwt);
  assert.notEqual(now.idpRefreshToken, before.enterpriseGateway.idpRefreshToken);
});

test('whoever is disabled in Keycloak is out within the bound, keys and renewal too', {
  skip,
  timeout,
}, async () => {
  const { jwt, idpRefreshToken } = (await readStored()).enterpriseGateway;
  const { access_token } = await signInByDevice(issuer, 'llm-gateway', person('demo-pro'));
  const made = await fetch(`${proxy.url}/auth/keys`, {
    method: 'POST',
    headers: { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'ci' }),
  });
  const { key } = (await made.json()) as { key: string };
  assert.deepEqual([made.status, await statusOf(key), await statusOf(jwt)], [201, 200, 200]);

  await admin.disable(REALM, 'demo-pro');
  const disabledAt = Date.now();
  await until('out', OWNER_CHECK + 3000, async () => (await statusOf(key)) === 401);
  await until('out', OWNER_CHECK + 3000, async () => (await statusOf(jwt)) === 401);
  assert.ok(Date.now() - disabledAt < OWNER_CHECK + 3000);
  const { result, isError } = await prompt('still there?');
  assert.equal(isError, true, result);
  const renewal = await form('/oauth/token', {
    grant_type: 'refresh_token',
    refresh_token: idpRefreshToken,
  });
  assert.equal(renewal.status, 401);
  assert.equal(((await renewal.json()) as { error: string }).error, 'invalid_grant');

  await admin.enable(REALM, 'demo-pro');
  await until('the key counts again', OWNER_CHECK + 3000, async () => (await statusOf(key)) === 200);
  assert.equal(await statusOf(jwt), 401, 'the session is over for good');
});

test('a session that is ended in Keycloak ends at the gateway, on every replica, tokens included', {
  skip,
  timeout,
}, async () => {
  const session = await signIn('by-client-role');
  const token = (await signInByDevice(issuer, 'llm-gateway', person('by-client-role'))).access_token;
  const bystander = await signIn('by-group');
  for (const one of [session.access_token, token]) assert.equal(await statusOf(one, other.url), 200);
  await admin.logOut(REALM, 'by-client-role');
  for (const at of [proxy.url, other.url]) {
    for (const one of [session.access_token, token]) {
      await until('thrown out', 8000, async () => (await statusOf(one, at)) === 401);
    }
  }
  assert.equal(await statusOf(bystander.access_token), 200);
});

test('a code that is denied in the browser ends the sign-in', { skip, timeout }, async () => {
  const begun = (await (await form('/oauth/device_authorization', {})).json()) as Record<string, string>;
  assert.equal(begun.login_notice, 'Ask the platform team for help.');
  await inBrowser(async (page) => {
    const typed = (begun.user_code ?? '').toLowerCase().replace('-', ' ');
    await signInWithCode(page, `${proxy.url}/device`, typed, person('by-realm-role'));
    await page.click('button[value=deny]');
    await page.waitForSelector('text=Nobody was signed in');
  });
  const answer = await form('/oauth/token', {
    grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
    device_code: begun.device_code ?? '',
  });
  assert.equal(((await answer.json()) as { error: string }).error, 'access_denied');
});

test('a token that says too little is asked about where that is configured, and refused where not', {
  skip,
  timeout,
}, async () => {
  const { access_token } = await signInDirectly(issuer, LIGHT, person('by-client-role'));
  assert.deepEqual([await statusOf(access_token, other.url), await statusOf(access_token)], [200, 401]);
  const { access_token: foreign } = await signInDirectly(issuer, CLIENTS.foreign, person('by-client-role'));
  assert.equal(await statusOf(foreign, other.url), 401);
});

test('while Keycloak is stopped sessions and keys go on, nobody new gets in, and all is well afterwards', {
  skip,
  timeout: longTimeout,
}, async () => {
  const session = await signIn('traveller');
  assert.equal(await statusOf(session.access_token), 200);
  await keycloak.stop();
  await pause(OWNER_CHECK + 500);
  assert.equal(await statusOf(session.access_token), 200);
  const renewed = await form('/oauth/token', {
    grant_type: 'refresh_token',
    refresh_token: session.refresh_token,
  });
  assert.equal(renewed.status, 200);
  await inBrowser(async (page) => {
    const begun = (await (await form('/oauth/device_authorization', {})).json()) as { user_code: string };
    await page.goto(`${proxy.url}/device?user_code=${begun.user_code}`);
    await page.click('button');
    // The addresses of the realm are known; it is the realm's own page that does not come.
    await page
      .waitForURL((url) => !url.href.startsWith(proxy.url), { waitUntil: 'commit' })
      .catch(() => null);
  });
  await keycloak.start();
  await signIn('traveller');
  await admin.addSigningKey(REALM);
  await signIn('traveller');
});

test('no credential is in a log', { skip, timeout }, () => {
  for (const one of [gateway, other]) assert.doesNotMatch(one.stderr() + one.stdout(), /eyJ|lgw[psar]_/);
});
