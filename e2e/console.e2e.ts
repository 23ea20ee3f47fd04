/**
 * People at the console: a real Chromium, the real Keycloak, ten thousand users and a month of usage. Every page is held
 * against axe in both themes and on a phone.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { fillUsage } from '../test/support/fill-usage.ts';
import { type GatewayProcess, startGatewayProcess } from '../test/support/gateway-process.ts';
import { skipBecause } from '../test/support/skip.ts';
import { createKeycloakAdmin, type KeycloakAdmin } from './keycloak/admin.ts';
import { CAST, person } from './keycloak/cast.ts';
import { installKeycloak, whyNoKeycloak } from './keycloak/install.ts';
import { freePort, type Keycloak, startKeycloak } from './keycloak/keycloak-process.ts';
import { DEMO_USERS, REALM, REALM_FILE } from './keycloak/realm.ts';
import { openBrowser, whyNoBrowser } from './support/browser.ts';
import { runClaudeCode } from './support/claude-code.ts';

const reason = whyNoKeycloak() ?? whyNoBrowser();
const skip = reason === null ? false : skipBecause(reason);
const timeout = 240_000;
/** Of tests in which Keycloak starts: minutes on a busy machine. */
const longTimeout = 400_000;
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const DESKTOP = { width: 1200, height: 900 };
const PHONE = { width: 375, height: 740 };
const USERS = 10_000;
/** Bytes of a page, and milliseconds until it is drawn. */
const MOST_BYTES = 60_000;
const MOST_MS = 100;

const PAGES = ['', '/usage', '/usage?show=tokens', '/models?model=gpt-5', '/requests', '/keys', '/connect'];
const OPERATOR_PAGES = [
  '/users',
  '/users?search=user-99',
  `/users/${'0'.repeat(64)}`,
  '/everyone',
  '/backends',
  '/plan',
  '/explain?user=user-7&tier=free&model=claude-opus-5-5',
  '/audit',
];

let keycloak: Keycloak;
let admin: KeycloakAdmin;
let gateway: GatewayProcess;
let browser: Browser;
let folder: string;
let url: string;

before(
  async () => {
    if (skip !== false) return;
    folder = await mkdtemp(join(tmpdir(), 'llm-gateway-console-'));
    const port = await freePort();
    url = `http://localhost:${port}`;
    keycloak = await startKeycloak(await installKeycloak(), {
      realm: REALM,
      realmFile: REALM_FILE,
      gatewayUrl: url,
    });
    admin = createKeycloakAdmin(keycloak);
    await admin.add(REALM, CAST);
    await admin.add(REALM, { users: [operator()] });
    for (const username of DEMO_USERS) await admin.setPassword(REALM, username, person(username).password);
    const dataDir = join(folder, 'data');
    await fillUsage({ dataDir, users: USERS, now: Date.now() });
    gateway = await startGatewayProcess({
      env: {
        PORT: String(port),
        AUTH_PROVIDER: 'keycloak',
        KEYCLOAK_URL: `${keycloak.url}/realms/${REALM}`,
        KEYCLOAK_CLIENT_SECRET: await admin.clientSecret(REALM, 'llm-gateway-service'),
        PUBLIC_URL: url,
      },
      dataDir,
      configYaml: 'admin: { roles: [operator] }\nauth: { keycloak: { ownerCheckSeconds: 5 } }\n',
    });
    browser = await openBrowser();
  },
  { timeout: longTimeout },
);
after(async () => {
  await browser?.close();
  await gateway?.kill();
  await keycloak?.close();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true, maxRetries: 3 });
});

function operator() {
  const [usual] = CAST.users;
  return {
    ...usual,
    username: 'olga',
    email: 'olga@example.invalid',
    clientRoles: { 'llm-gateway': ['operator', 'tier-enterprise'] },
  };
}

/** A browser of somebody's own; what it complains about is collected. */
async function openFor(username: string, options: Parameters<Browser['newContext']>[0] = {}) {
  const context = await browser.newContext({
    viewport: DESKTOP,
    permissions: ['clipboard-read', 'clipboard-write'],
    ...options,
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith(keycloak.url))
      complaints.push(request.url());
  });
  await signIn(page, username);
  complaints.length = 0;
  return { context, page, complaints };
}

async function signIn(page: Page, username: string): Promise<void> {
  await page.goto(`${url}/console/keys`);
  await page.click('text=Sign in with your organisation');
  await page.fill('#username', username);
  await page.fill('#password', person(username).password);
  await page.click('[type=submit]');
  await page.waitForURL(`${url}/console/keys`);
}

const textOf = async (page: Page, selector: string) => (await page.textContent(selector)) ?? '';

/** Runs a text in the page, where there is a document. */
const inPage = (page: Page, script: string): Promise<unknown> => page.evaluate(script);

/** What axe finds, in its own words. */
async function axe(page: Page): Promise<readonly string[]> {
  // The page's own policy lets no script in; the debugger's does not ask it.
  const session = await page.context().newCDPSession(page);
  await session.send('Runtime.evaluate', { expression: AXE });
  const { result } = await session.send('Runtime.evaluate', {
    expression: `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice'] }).then(({ violations }) =>
      JSON.stringify(violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html).join(' | '))))`,
    awaitPromise: true,
  });
  await session.detach();
  return JSON.parse(String(result.value)) as string[];
}

const DRAWN = `(([entry]) => entry.domComplete - entry.requestStart)(performance.getEntriesByType('navigation'))`;

/** Milliseconds from asking to drawn, of the best of several: a busy machine says nothing about the page. */
async function drawnIn(page: Page, address: string): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < 7; round++) {
    await page.goto(address, { waitUntil: 'load' });
    times.push(Number(await inPage(page, DRAWN)));
  }
  return Math.min(...times);
}

test('a person signs in at Keycloak and is back where they wanted to be', { skip, timeout }, async () => {
  const { context, page, complaints } = await openFor('demo-pro');
  assert.match(await textOf(page, 'header'), /demo-pro\s+pro/);
  assert.equal(await page.locator('nav[aria-label=Operators]').count(), 0);
  const cookies = await context.cookies();
  const session = cookies.find(({ name }) => name.endsWith('gateway-console'));
  assert.deepEqual([session?.httpOnly, session?.sameSite], [true, 'Lax']);
  assert.deepEqual(complaints, []);
  await context.close();
});

test('axe finds nothing on any page, in both themes, on a desk and on a phone', {
  skip,
  timeout,
}, async () => {
  const { context, page, complaints } = await openFor('olga');
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const viewport of [DESKTOP, PHONE]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize(viewport);
      for (const path of [...PAGES, ...OPERATOR_PAGES]) {
        const response = await page.goto(`${url}/console${path}`);
        assert.equal(response?.status(), 200, path);
        assert.deepEqual(await axe(page), [], `${path} ${colorScheme} ${viewport.width}`);
        const fits = await inPage(page, 'document.documentElement.scrollWidth <= innerWidth');
        assert.ok(fits, `${path} is wider than ${viewport.width}`);
      }
    }
  }
  assert.deepEqual(complaints, []);
  await context.close();
  const stranger = await browser.newPage();
  await stranger.goto(`${url}/console`);
  assert.deepEqual(await axe(stranger), []);
  await stranger.close();
});

test('pages are small and quick with ten thousand users and a month of usage', {
  skip,
  timeout,
}, async () => {
  const { context, page } = await openFor('olga');
  const slow: string[] = [];
  for (const path of [...PAGES, ...OPERATOR_PAGES]) {
    const response = await page.goto(`${url}/console${path}`);
    const bytes = (await response?.body())?.length ?? 0;
    const ms = await drawnIn(page, `${url}/console${path}`);
    process.stdout.write(`  ${`/console${path}`.padEnd(75)} ${bytes} bytes, ${ms.toFixed(0)} ms\n`);
    if (bytes > MOST_BYTES || ms > MOST_MS) slow.push(`${path}: ${bytes} bytes, ${ms} ms`);
  }
  assert.deepEqual(slow, []);
  await context.close();
});

test('a key is made, copied, moves the quota while Claude Code works, and is revoked', {
  skip,
  timeout,
}, async () => {
  const { context, page, complaints } = await openFor('demo-free');
  await page.goto(`${url}/console/keys`);
  await page.fill('[name=name]', 'laptop');
  await page.click('text=Make it');
  await page.click('[data-copy=new-key]');
  await page.waitForSelector('text=Copied');
  const key = String(await inPage(page, 'navigator.clipboard.readText()'));
  assert.match(key, /^lgwp_\w{49}$/);
  await page.goto(`${url}/console`);
  assert.match(await textOf(page, '.cards'), /10 left/);
  const { isError, result } = await runClaudeCode({ prompt: 'Say hello.', baseUrl: url, token: key });
  assert.equal(isError, false, result);
  await pause(1_500);
  await page.reload();
  assert.match(await textOf(page, '.cards'), /[789] left/);
  assert.match(await textOf(page, 'main'), /demo-model at internal/);
  await page.goto(`${url}/console/keys`);
  page.once('dialog', (dialog) => void dialog.accept());
  await page.click('text=Revoke');
  await page.waitForSelector('text=You have no key yet');
  const refused = await fetch(`${url}/quota`, { headers: { authorization: `Bearer ${key}` } });
  assert.equal(refused.status, 401);
  assert.deepEqual(complaints, []);
  await context.close();
});

test('an operator gives more to somebody who has used everything up', { skip, timeout }, async () => {
  const { context, page } = await openFor('demo-free');
  await page.fill('[name=name]', 'script');
  await page.click('text=Make it');
  const key = await textOf(page, '#new-key');
  const ask = async () => {
    const response = await fetch(`${url}/v1/messages`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'claude-opus-5-5',
        max_tokens: 20,
        messages: [{ role: 'user', content: 'hi' }],
      }),
    });
    await response.text();
    return response.status;
  };
  let asked = 0;
  while ((await ask()) === 200) assert.ok(asked++ < 10);
  const desk = await openFor('olga');
  await desk.page.goto(`${url}/console/users?search=demo-free`);
  await desk.page.waitForSelector('main table');
  await desk.page.click('main table a');
  await desk.page.fill('[name=extra]', '1');
  await desk.page.locator('[name=reason]').first().fill('finishing the demo');
  await desk.page.click('button[value=grant]');
  await desk.page.waitForSelector('text=1 of it given by an operator');
  assert.deepEqual([await ask(), await ask()], [200, 429]);
  await desk.page.goto(`${url}/console/audit`);
  assert.match(await textOf(desk.page, 'main'), /olga.*grant.*finishing the demo/s);
  await desk.context.close();
  await context.close();
});

test('the backends page shows a request that is under way, by itself', { skip, timeout }, async () => {
  const { context, page } = await openFor('olga');
  await page.goto(`${url}/console/backends`);
  await page.click('text=Pause refreshing');
  await page.click('text=Go on refreshing');
  assert.match(await textOf(page, 'main'), /internal.*well/s);
  const first = await page.locator('[data-live]').elementHandle();
  assert.ok(first !== null);
  await first.waitForElementState('hidden', { timeout: 20_000 });
  await context.close();
});

test('a theme is chosen by keyboard, and stays', { skip, timeout }, async () => {
  const { context, page } = await openFor('demo-pro', { colorScheme: 'light' });
  await page.goto(`${url}/console`);
  await page.keyboard.press('Tab');
  assert.equal(await inPage(page, 'document.activeElement.textContent'), 'Skip to the content');
  await page.keyboard.press('Enter');
  assert.equal(await inPage(page, 'document.activeElement.id'), 'content');
  await page.focus('#theme');
  await page.keyboard.press('Enter');
  const ground = () => inPage(page, 'getComputedStyle(document.body).backgroundColor');
  const dark = await ground();
  assert.equal(dark, 'rgb(20, 22, 26)');
  await page.goto(`${url}/console/plan`).catch(() => null);
  await page.goto(`${url}/console/models`);
  assert.equal(await ground(), dark);
  await context.close();
});

test('everything is there without any script', { skip, timeout }, async () => {
  const { context, page } = await openFor('demo-pro', { javaScriptEnabled: false });
  await page.fill('[name=name]', 'no script');
  await page.click('text=Make it');
  assert.match(await textOf(page, '#new-key'), /^lgwp_\w{49}$/);
  await page.goto(`${url}/console`);
  assert.equal((await page.locator('.chart, .note').count()) > 0, true);
  await context.close();
});

test('whoever signs out is out, here and, where they wish, at Keycloak', { skip, timeout }, async () => {
  const { context, page } = await openFor('demo-pro');
  await page.click('text=Sign out');
  await page.waitForSelector('text=Sign in again');
  const other = await context.newPage();
  await other.goto(`${url}/console`);
  assert.match(other.url(), /\/console\/sign-in/);
  await page.click('text=Sign out of your organisation as well');
  await page.click('[type=submit]');
  await page.waitForURL(`${url}/console/sign-in**`);
  await page.click('text=Sign in with your organisation');
  await page.waitForSelector('#username');
  await context.close();
});

test('a session that Keycloak ends is over within seconds', { skip, timeout }, async () => {
  const { context, page } = await openFor('demo-enterprise');
  await admin.logOut(REALM, 'demo-enterprise');
  await untilSignedOut(context, page);
});

async function untilSignedOut(context: BrowserContext, page: Page): Promise<void> {
  const deadline = Date.now() + 15_000;
  for (;;) {
    await page.goto(`${url}/console`);
    if (page.url().includes('/sign-in')) break;
    assert.ok(Date.now() < deadline, 'the session goes on');
    await pause(500);
  }
  await context.close();
}
