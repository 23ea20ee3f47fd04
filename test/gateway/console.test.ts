/** The console on a real gateway, with static keys: pages, forms, operators, and those who try to get at others. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { type MockBackend, startMockBackend } from '../support/mock-backend.ts';
import { fieldOf, openPageBrowser, type PageBrowser, signInWithKey } from '../support/page-browser.ts';
import { messages } from '../support/rig.ts';

const EVIL = '"><script>alert(1)</script>';
const PLAN = `
tiers:
  small: { rank: 1, requestsPerDay: 2, routes: [{ match: gpt, to: openai }, { match: claude, to: internal/default }, { match: '*', to: internal }] }
admin: { users: [sue] }
`;
const KEYS = {
  ana: 'canary-key-of-ana',
  ben: 'canary-key-of-ben',
  sue: 'canary-key-of-sue',
  eve: 'canary-key-of-eve',
};
type Name = keyof typeof KEYS;

let internal: MockBackend;
let gateway: GatewayProcess;
before(async () => {
  internal = await startMockBackend({ dialect: 'openai', models: ['qwen3-32b', EVIL], credential: null });
  const users = Object.entries(KEYS).map(([name, key]) => `${key}=${name === 'eve' ? EVIL : name}:small`);
  gateway = await startGatewayProcess({
    env: { INTERNAL_LLM_URL: internal.v1, STATIC_KEYS: users.join(','), LOG_LEVEL: 'trace' },
    configYaml: PLAN,
  });
});
after(async () => {
  await gateway?.kill();
  await internal?.close();
});

const PAGES = ['', '/usage', '/models', '/requests', '/keys', '/connect'];
const OPERATOR_PAGES = ['/users', '/everyone', '/backends', '/plan', '/explain', '/audit'];

async function browserOf(name: Name): Promise<PageBrowser> {
  const browser = openPageBrowser(gateway.url);
  assert.equal((await signInWithKey(browser, KEYS[name])).location, '/console');
  return browser;
}
async function ask(key: string, model = 'claude-opus-5-5'): Promise<number> {
  const response = await fetch(`${gateway.url}/v1/messages`, {
    method: 'POST',
    headers: { 'x-api-key': key, 'content-type': 'application/json' },
    body: JSON.stringify(messages(model)),
  });
  await response.text();
  return response.status;
}
const statusOf = async (key: string) =>
  (await fetch(`${gateway.url}/quota`, { headers: { authorization: `Bearer ${key}` } })).status;

/** What operators open somebody by. */
async function subjectOf(operator: PageBrowser, search: string): Promise<string> {
  for (let tries = 0; tries < 100; tries++) {
    const { html } = await operator.open(`/console/users?search=${encodeURIComponent(search)}`);
    const subject = /href="\/console\/users\/([0-9a-f]{64})"/.exec(html)?.[1];
    if (subject !== undefined) return subject;
    await pause(50);
  }
  assert.fail(`no request of ${search} was written down`);
}

test('whoever is not signed in is shown the way in, and then what they looked for', async () => {
  const browser = openPageBrowser(gateway.url);
  const { status, location } = await browser.open('/console/models?model=gpt-5');
  assert.deepEqual([status, location], [303, '/console/sign-in?to=%2Fconsole%2Fmodels%3Fmodel%3Dgpt-5']);
  const arrived = await signInWithKey(browser, KEYS.ana, '/console/models?model=gpt-5');
  assert.deepEqual([arrived.status, arrived.location], [303, '/console/models?model=gpt-5']);
  assert.equal((await browser.open(arrived.location)).status, 200);
});

test('the way in leads nowhere else', async () => {
  for (const to of [
    'https://evil.example/',
    '//evil.example',
    '/\\evil.example',
    '/console\\evil',
    '/console/../v1/models',
    '/console@evil.example',
    '/console/x?y=\r\nlocation: https://evil.example',
    '/consolex',
    '/console/sign-out',
  ]) {
    const { location } = await signInWithKey(openPageBrowser(gateway.url), KEYS.ana, to);
    const { origin, pathname } = new URL(location, gateway.url);
    assert.equal(origin, gateway.url, to);
    assert.match(pathname, /^\/console(?:\/|$)/, to);
  }
});

test('only a key of the configuration signs in; one that somebody made does not', async () => {
  const browser = await browserOf('ana');
  const { html } = await browser.open('/console/keys');
  const made = await browser.send('/console/keys', {
    token: fieldOf(html, 'token'),
    name: 'laptop',
    days: '1',
  });
  const key = /lgwp_\w{49}/.exec(made.html)?.[0] ?? '';
  assert.equal(await statusOf(key), 200);
  for (const wrong of [key, 'canary-key-of-nobody', '', 'a b']) {
    const answer = await signInWithKey(openPageBrowser(gateway.url), wrong);
    assert.equal(answer.status, 403);
    assert.match(answer.html, /role="alert"/);
  }
});

test('a session is a new one each time, out of reach of scripts; one that was planted is worth nothing', async () => {
  const browser = openPageBrowser(gateway.url);
  const planted = `lgwa_${'A'.repeat(49)}`;
  browser.cookies.set('gateway-console', planted);
  const { headers } = await signInWithKey(browser, KEYS.ana);
  const given = headers.getSetCookie().find((cookie) => cookie.startsWith('gateway-console=')) ?? '';
  assert.match(given, /^gateway-console=lgwa_\w{49}; Max-Age=\d+; Path=\/; HttpOnly; SameSite=Lax$/);
  assert.notEqual(browser.cookies.get('gateway-console'), planted);
  const other = openPageBrowser(gateway.url);
  other.cookies.set('gateway-console', planted);
  assert.equal((await other.open('/console')).status, 303);
});

test('who signs out is out, whoever has kept the cookie', async () => {
  const browser = await browserOf('ana');
  const kept = browser.cookies.get('gateway-console') ?? '';
  const { html } = await browser.open('/console');
  const left = await browser.send('/console/sign-out', { token: fieldOf(html, 'token') });
  assert.match(left.html, /Signed out/);
  browser.cookies.set('gateway-console', kept);
  assert.equal((await browser.open('/console')).status, 303);
});

test('every page is whole, small, free of anything inline or from elsewhere, and never in a frame', async () => {
  const browser = await browserOf('sue');
  for (const path of [...PAGES, ...OPERATOR_PAGES, '/explain?tier=small&model=claude-opus-5-5']) {
    const { status, headers, html } = await browser.open(`/console${path}`);
    assert.equal(status, 200, path);
    const policy = headers.get('content-security-policy') ?? '';
    assert.match(policy, /default-src 'none'.*frame-ancestors 'none'/);
    assert.doesNotMatch(policy, /unsafe|https?:|\*/);
    assert.deepEqual(
      ['x-frame-options', 'x-content-type-options', 'cache-control'].map((name) => headers.get(name)),
      ['DENY', 'nosniff', 'no-store'],
    );
    assert.doesNotMatch(html, /<script(?![^>]* src=")|<style| style="| on[a-z]+="/, path);
    for (const [, address = ''] of html.matchAll(/(?:src|href|action)="([^"]*)"/g))
      assert.match(address, /^(?:\/console|#)/, path);
    assert.ok(html.length < 60_000, path);
    assert.match(html, /<html lang="en".*<\/html>\n$/s, path);
  }
});

test('style and script come from here, under names that browsers may keep for ever', async () => {
  const { html } = await openPageBrowser(gateway.url).open('/console/sign-in');
  const assets = [...html.matchAll(/"(\/console\/assets\/[^"]+)"/g)].map(([, path = '']) => path);
  assert.equal(assets.length, 3);
  for (const path of assets) {
    const response = await fetch(gateway.url + path);
    assert.equal(response.status, 200);
    assert.match(response.headers.get('cache-control') ?? '', /immutable/);
    assert.equal((await fetch(gateway.url + path.replace(/\.\w{16}\./, '.0.'))).status, 404);
  }
});

test('a form that another site sends changes nothing', async () => {
  const browser = await browserOf('ana');
  const other = await browserOf('ben');
  const own = fieldOf((await browser.open('/console/keys')).html, 'token');
  const foreign = fieldOf((await other.open('/console/keys')).html, 'token');
  const keysBefore = (await browser.open('/console/keys')).html.match(/Revoke laptop/g)?.length ?? 0;
  for (const [token, headers] of [
    ['', {}],
    [foreign, {}],
    [own, { 'sec-fetch-site': 'cross-site' }],
    [own, { 'sec-fetch-site': 'same-site' }],
    [own, { origin: 'https://evil.example' }],
    [own, { origin: 'null' }],
  ] as const) {
    const answer = await browser.send('/console/keys', { token, name: 'laptop', days: '1' }, headers);
    assert.equal(answer.status, 403);
    assert.equal((await browser.send('/console/sign-out', { token }, headers)).status, 403);
  }
  const { html } = await browser.open('/console/keys');
  assert.equal(html.match(/Revoke laptop/g)?.length ?? 0, keysBefore);
});

test('a sign-in form that another site sends signs nobody in', async () => {
  const victim = openPageBrowser(gateway.url);
  const attacker = openPageBrowser(gateway.url);
  const token = fieldOf((await attacker.open('/console/sign-in')).html, 'token');
  await victim.open('/console/sign-in');
  const answer = await victim.send('/console/sign-in', { token, to: '/console', key: KEYS.eve });
  assert.equal(answer.status, 403);
  assert.equal(victim.cookies.has('gateway-console'), false);
});

test('a key is made, shown once, used, and ended; nobody else can end it', async () => {
  const browser = await browserOf('ben');
  const token = fieldOf((await browser.open('/console/keys')).html, 'token');
  const made = await browser.send('/console/keys', { token, name: EVIL, days: '1' });
  assert.equal(made.status, 201);
  const key = /lgwp_\w{49}/.exec(made.html)?.[0] ?? '';
  assert.equal(await statusOf(key), 200);
  const listed = (await browser.open('/console/keys')).html;
  assert.ok(!listed.includes(key) && !listed.includes('<script>alert'));
  const [revoke = ''] = /\/console\/keys\/\w+\/revoke/.exec(listed) ?? [];
  const other = await browserOf('ana');
  const foreign = fieldOf((await other.open('/console/keys')).html, 'token');
  assert.equal((await other.send(revoke, { token: foreign })).status, 404);
  assert.equal(await statusOf(key), 200);
  assert.equal((await browser.send(revoke, { token })).location, '/console/keys');
  assert.equal(await statusOf(key), 401);
  const wrong = await browser.send('/console/keys', { token, name: '', days: '0' });
  assert.equal(wrong.status, 400);
  assert.match(wrong.html, /role="alert">name: expected/);
});

test('names of users and models that are written like pages are shown as text', async () => {
  internal.say({}, {});
  assert.equal(await ask(KEYS.eve), 200);
  assert.equal(await ask(KEYS.eve, EVIL), 200);
  const operator = await browserOf('sue');
  const subject = await subjectOf(operator, 'script');
  const eve = openPageBrowser(gateway.url);
  await signInWithKey(eve, KEYS.eve);
  await pause(1_200);
  const pages = [
    ...(await Promise.all(PAGES.map((path) => eve.open(`/console${path}`)))),
    await eve.open(`/console/models?model=${encodeURIComponent(EVIL)}`),
    await operator.open(`/console/users?search=${encodeURIComponent(EVIL)}`),
    await operator.open(`/console/users/${subject}`),
    await operator.open('/console/everyone'),
    await operator.open(
      `/console/explain?user=${encodeURIComponent(EVIL)}&tier=small&model=${encodeURIComponent(EVIL)}`,
    ),
    await operator.open(`/console/audit?month=${encodeURIComponent(EVIL)}`),
    await operator.open(`/console/${encodeURIComponent(EVIL)}`),
    await openPageBrowser(gateway.url).open(`/console/sign-in?to=${encodeURIComponent(`/console/${EVIL}`)}`),
  ];
  for (const { html } of pages) assert.doesNotMatch(html, /<script>/);
  assert.ok(pages.some(({ html }) => html.includes('&quot;&gt;&lt;script&gt;alert(1)')));
});

test('nobody but an operator sees or changes others, whatever address they type', async () => {
  const operator = await browserOf('sue');
  const eve = await subjectOf(operator, 'script');
  const browser = await browserOf('ana');
  const token = fieldOf((await browser.open('/console')).html, 'token');
  for (const path of [...OPERATOR_PAGES, `/users/${eve}`, `/users/${eve}/usage.csv`, '/everyone.csv']) {
    const { status, html } = await browser.open(`/console${path}`);
    assert.equal(status, 403, path);
    assert.ok(!html.includes(eve));
  }
  for (const path of [`/users/${eve}/grants`, `/users/${eve}/revoke`]) {
    const { status } = await browser.send(`/console${path}`, { token, extra: '5', reason: 'x' });
    assert.equal(status, 403, path);
  }
  const { html } = await browser.open('/console');
  assert.doesNotMatch(html, /\/console\/users/);
  assert.match((await operator.open('/console/audit')).html, /Nothing was changed/);
});

test('an operator gives more, and the next request goes through', async () => {
  internal.say({}, {}, {}, {}, {});
  assert.deepEqual([await ask(KEYS.ana), await ask(KEYS.ana), await ask(KEYS.ana)], [200, 200, 429]);
  const browser = await browserOf('ana');
  assert.match((await browser.open('/console')).html, /<p class="big">0 left<\/p>/);
  const operator = await browserOf('sue');
  const ana = await subjectOf(operator, 'ana');
  const page = await operator.open(`/console/users/${ana}`);
  const token = fieldOf(page.html, 'token');
  const grants = `/console/users/${ana}/grants`;
  for (const fields of [
    { extra: '0', reason: 'x' },
    { extra: '1.5', reason: 'x' },
    { extra: '1', reason: ' ' },
  ])
    assert.equal(
      (await operator.send(grants, { token, change: 'grant', allowance: 'daily', ...fields })).status,
      400,
    );
  const given = { token, change: 'grant', allowance: 'daily', extra: '1', reason: 'a demo' };
  assert.equal((await operator.send(grants, given)).location, `/console/users/${ana}`);
  assert.deepEqual([await ask(KEYS.ana), await ask(KEYS.ana)], [200, 429]);
  const reset = { token, change: 'reset', allowance: 'daily', reason: 'our mistake' };
  await operator.send(grants, reset);
  assert.match((await operator.open(`/console/users/${ana}`)).html, /given by an operator/);
  assert.deepEqual([await ask(KEYS.ana), await ask(KEYS.ana), await ask(KEYS.ana)], [200, 200, 429]);
  const audit = (await operator.open('/console/audit')).html;
  assert.match(audit, /sue \(\w{16}\).*reset.*our mistake.*grant.*a demo/s);
});

test('an operator ends what a user holds', async () => {
  const browser = await browserOf('ben');
  const token = fieldOf((await browser.open('/console/keys')).html, 'token');
  const made = await browser.send('/console/keys', { token, name: 'stolen', days: '1' });
  const key = /lgwp_\w{49}/.exec(made.html)?.[0] ?? '';
  internal.say({});
  assert.equal(await ask(key), 200);
  const operator = await browserOf('sue');
  const ben = await subjectOf(operator, 'ben');
  const form = {
    token: fieldOf((await operator.open(`/console/users/${ben}`)).html, 'token'),
    reason: 'stolen',
  };
  assert.equal((await operator.send(`/console/users/${ben}/revoke`, form)).status, 303);
  assert.equal(await statusOf(key), 401);
  assert.equal((await browser.open('/console')).status, 303, 'the session is over too');
});

test('explain goes through the rules as a request would, and says where the user stands', async () => {
  const operator = await browserOf('sue');
  const { html } = await operator.open('/console/explain?user=ana&tier=small&model=claude-opus-5-5');
  assert.match(html, /<code>gpt<\/code> → openai: <span class="note">is about other models/);
  assert.match(html, /<code>claude<\/code> → internal\/default: <strong>decides<\/strong>/);
  assert.match(html, /<code>claude-opus-5-5<\/code> is served by <strong>qwen3-32b<\/strong>/);
  assert.match(html, /Used up: daily\..*the request is refused/);
  const other = await operator.open('/console/explain?tier=small&model=gpt-5');
  assert.match(other.html, /fits, but none of its backends is configured/);
});

test('usage goes into a spreadsheet: one’s own, and for operators everybody’s', async () => {
  const browser = await browserOf('ana');
  const own = await browser.open('/console/usage.csv');
  assert.equal(own.headers.get('content-type'), 'text/csv; charset=utf-8');
  assert.match(own.html, /^day,model,backend,requests,.*\r\n\d{4}-\d\d-\d\d,qwen3-32b,internal,5,/);
  assert.doesNotMatch(own.html, /script/);
  const all = await (await browserOf('sue')).open('/console/everyone.csv');
  assert.match(all.html, /^day,subject,user,model,backend,requests/);
  assert.match(all.html, /,ana,qwen3-32b,internal,5,/);
});

test('nothing of what was said, and no key, is on a page or in the log', async () => {
  const operator = await browserOf('sue');
  const ana = await subjectOf(operator, 'ana');
  for (const path of [`/users/${ana}`, '/backends', '/everyone'])
    assert.doesNotMatch((await operator.open(`/console${path}`)).html, /canary-/);
  assert.doesNotMatch(gateway.stderr(), /canary-|lgw[apr]_\w{20}/);
});

test('where nobody wants a console there is none', async () => {
  const without = await startGatewayProcess({ configYaml: 'console: { enabled: false }\n' });
  try {
    assert.equal((await fetch(`${without.url}/console`)).status, 404);
  } finally {
    await without.kill();
  }
});
