/** Sign-in to the console through a realm of the test's own, on two replicas that share a store. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type FakeRealm, SERVICE_SECRET, startFakeRealm } from '../support/fake-realm.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { fieldOf, openPageBrowser, type PageBrowser } from '../support/page-browser.ts';

const PUBLIC = 'https://llm.example';
const SESSION = '__Host-gateway-console';
let realm: FakeRealm;
let here: GatewayProcess;
let there: GatewayProcess;
let folder: string;

before(async () => {
  realm = await startFakeRealm();
  folder = await mkdtemp(join(tmpdir(), 'llm-gateway-console-'));
  const env = {
    AUTH_PROVIDER: 'keycloak',
    KEYCLOAK_URL: realm.issuer,
    KEYCLOAK_CLIENT_SECRET: SERVICE_SECRET,
    PUBLIC_URL: PUBLIC,
    LOG_LEVEL: 'trace',
  };
  const configYaml = 'auth: { keycloak: { ownerCheckSeconds: 5 } }\nadmin: { roles: [operator] }\n';
  const start = () => startGatewayProcess({ env, configYaml, dataDir: folder });
  [here, there] = await Promise.all([start(), start()]);
});
after(async () => {
  await Promise.all([here?.kill(), there?.kill()]);
  await realm?.close();
  await rm(folder, { recursive: true, force: true, maxRetries: 3 });
});

const openBrowser = (at = here) => openPageBrowser(at.url, PUBLIC);

/** Goes to the realm; gives the path that it sends the browser back to. */
async function leave(browser: PageBrowser, to = '/console/usage'): Promise<string> {
  const { status, location } = await browser.open(
    `/console/sign-in/start?realm=0&to=${encodeURIComponent(to)}`,
  );
  assert.equal(status, 303);
  const left = new URL(location);
  assert.equal(left.searchParams.get('redirect_uri'), `${PUBLIC}/console/callback`);
  assert.equal(left.searchParams.get('code_challenge_method'), 'S256');
  const back = await fetch(location, { redirect: 'manual' });
  const { origin, pathname, search } = new URL(back.headers.get('location') ?? '');
  assert.equal(origin, PUBLIC);
  return pathname + search;
}

async function signIn(sub: string, browser = openBrowser()): Promise<PageBrowser> {
  realm.visitor = { sub, sid: `sid-of-${sub}` };
  const { location } = await browser.open(await leave(browser));
  assert.equal(location, '/console/usage');
  return browser;
}

/** The same browser at the other replica. */
function elsewhere({ cookies }: PageBrowser): PageBrowser {
  const other = openBrowser(there);
  for (const [name, value] of cookies) other.cookies.set(name, value);
  return other;
}

test('a person signs in through the realm, and every replica knows them', async () => {
  realm.addPerson('ada', 'tier-pro');
  const browser = openBrowser();
  const entrance = await browser.open('/console/sign-in?to=%2Fconsole%2Fusage');
  assert.match(entrance.html, /href="\/console\/sign-in\/start\?realm=0&amp;to=%2Fconsole%2Fusage"/);
  assert.doesNotMatch(entrance.html, /name="key"/, 'nobody has a key here');
  realm.visitor = { sub: 'ada', sid: 'sid-of-ada' };
  const arrived = await browser.open(await leave(browser));
  const cookies = arrived.headers.getSetCookie();
  assert.ok(
    cookies.some((cookie) =>
      /^__Host-gateway-console=lgwa_\w{49}; .*HttpOnly; SameSite=Lax; Secure$/.test(cookie),
    ),
  );
  const page = await elsewhere(browser).open('/console');
  assert.equal(page.status, 200);
  assert.match(page.html, /ada <span class="tag">pro/);
  assert.doesNotMatch(page.html, /\/console\/users/);
});

test('a role of the realm makes an operator', async () => {
  realm.addPerson('oda', 'tier-pro', 'operator');
  const browser = await signIn('oda');
  assert.equal((await browser.open('/console/backends')).status, 200);
});

test('a way back works once, and in the browser that left by it', async () => {
  realm.addPerson('bob', 'tier-free');
  realm.visitor = { sub: 'bob', sid: 'sid-of-bob' };
  const browser = openBrowser();
  const back = await leave(browser);
  const stranger = openBrowser();
  await stranger.open('/console/sign-in');
  assert.equal((await stranger.open(back)).status, 400);
  assert.equal(stranger.cookies.has(SESSION), false);
  assert.equal((await browser.open(back)).status, 400, 'the stranger has used it up');
  const again = await leave(browser);
  assert.equal((await browser.open(again)).status, 303);
  assert.equal((await browser.open(again)).status, 400);
  assert.equal((await openBrowser().open('/console/callback')).status, 400);
});

test('the way in after the sign-in leads nowhere else', async () => {
  realm.addPerson('cleo', 'tier-free');
  realm.visitor = { sub: 'cleo', sid: 'sid-of-cleo' };
  const browser = openBrowser();
  assert.equal((await browser.open(await leave(browser, '//evil.example'))).location, '/console');
});

test('a logout at the realm ends the session on every replica', async () => {
  realm.addPerson('dan', 'tier-free');
  const browser = await signIn('dan');
  const other = elsewhere(browser);
  assert.equal((await other.open('/console')).status, 200);
  const token = await realm.logoutToken({ sub: 'dan', sid: 'sid-of-dan' });
  const body = new URLSearchParams({ logout_token: token });
  assert.equal((await fetch(`${here.url}/auth/backchannel-logout`, { method: 'POST', body })).status, 200);
  assert.equal((await browser.open('/console')).status, 303);
  await pause(5_100);
  assert.equal((await other.open('/console')).status, 303);
});

test('who is disabled is out within the bound', async () => {
  const fay = realm.addPerson('fay', 'tier-free');
  const browser = await signIn('fay');
  assert.equal((await browser.open('/console')).status, 200);
  fay.enabled = false;
  await pause(5_100);
  assert.equal((await browser.open('/console')).status, 303);
});

test('signing out ends the session here and shows the way out there', async () => {
  realm.addPerson('gil', 'tier-free');
  const browser = await signIn('gil');
  const other = elsewhere(browser);
  const token = fieldOf((await browser.open('/console')).html, 'token');
  const left = await browser.send('/console/sign-out', { token });
  assert.equal(left.status, 200);
  assert.equal((await other.open('/console')).status, 303);
});

test('while the realm is away it is said so, and nothing secret is in a log', async () => {
  const browser = openBrowser(there);
  realm.visitor = { sub: 'ada', sid: 'sid-of-ada' };
  const back = await leave(browser);
  realm.isAway = true;
  try {
    const { status, html } = await browser.open(back);
    assert.equal(status, 503);
    assert.match(html, /The identity provider does not answer/);
    assert.equal(browser.cookies.has(SESSION), false);
  } finally {
    realm.isAway = false;
  }
  for (const gateway of [here, there])
    assert.doesNotMatch(gateway.stderr(), /lgw[ar]_\w{20}|canary-service|[?&](?:code|state)=/);
});
