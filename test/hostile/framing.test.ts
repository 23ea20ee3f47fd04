/** Requests that are not what they seem: framing, targets, headers and bodies (platform.md D3, rows 1 to 15). */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { chat, KEYS, messages, type Rig, startRig } from '../support/rig.ts';
import { skipBecause } from '../support/skip.ts';
import { hasProc, memoryOf, peakMemoryOf } from './process-facts.ts';
import { dial, readAnswer, request, sendRaw } from './raw-client.ts';

const BODY_LIMIT = 1_500_000;
let rig: Rig;
before(async () => {
  rig = await startRig({}, `limits: { bodyBytes: ${BODY_LIMIT}, headersSeconds: 2, requestSeconds: 30 }\n`);
});
after(() => rig.close());
beforeEach(() => {
  for (const mock of [rig.internal, rig.claude, rig.openai]) mock.reset();
});

const KEY = `authorization: Bearer ${KEYS.free}`;
const JSON_TYPE = 'content-type: application/json';
const post = (...headers: readonly string[]) =>
  request({ method: 'POST', path: '/v1/messages', headers: [KEY, JSON_TYPE, ...headers] });
const get = (...headers: readonly string[]) => request({ headers: [KEY, ...headers] });

const MALFORMED: readonly (readonly [string, string])[] = [
  ['a length and chunks', `${post('content-length: 5', 'transfer-encoding: chunked')}0\r\n\r\n`],
  ['two equal lengths', `${post('content-length: 2', 'content-length: 2')}{}`],
  ['two different lengths', `${post('content-length: 2', 'content-length: 3')}{}`],
  ['a negative length', post('content-length: -1')],
  ['a length with a sign', `${post('content-length: +2')}{}`],
  ['a length in hexadecimal', `${post('content-length: 0x2')}{}`],
  ['a length beyond all numbers', post('content-length: 99999999999999999999999')],
  ['chunks that are not the last coding', `${post('transfer-encoding: chunked, identity')}0\r\n\r\n`],
  ['gzip before chunked', `${post('transfer-encoding: gzip, chunked')}0\r\n\r\n`],
  ['a coding that ends in chunked', `${post('transfer-encoding: xchunked')}0\r\n\r\n`],
  ['two transfer codings', `${post('transfer-encoding: chunked', 'transfer-encoding: chunked')}0\r\n\r\n`],
  ['a chunk size beyond all numbers', `${post('transfer-encoding: chunked')}fffffffffffffffff\r\n{}`],
  ['a chunk that ends in a bare line feed', `${post('transfer-encoding: chunked')}2\n{}\n0\n\n`],
  ['a space before the colon', get('x-odd : 1')],
  ['a folded header', get('x-odd: 1\r\n 2')],
  ['a NUL in a header', get('x-odd: a\0b')],
  ['a bare CR in a header that is copied', get('x-claude-code-session-id: a\rx-evil: 1')],
  ['bare line feeds', `GET /quota HTTP/1.1\nhost: a\n${KEY}\n\n`],
  ['no Host', `GET /quota HTTP/1.1\r\n${KEY}\r\n\r\n`],
  ['two Hosts', get('host: other')],
  ['two Authorizations', get('authorization: Bearer other')],
  ['two equal Authorizations', get(KEY)],
  ['two x-api-keys', get(`x-api-key: ${KEYS.free}`, 'x-api-key: other')],
  ['two content types', `${post('content-type: text/plain', 'content-length: 2')}{}`],
  ['an absolute target', request({ path: 'http://elsewhere/quota', headers: [KEY] })],
  ['a target that is a star', request({ method: 'OPTIONS', path: '*', headers: [KEY] })],
  ['raw letters beyond ASCII in the target', request({ path: '/quot\u00e4', headers: [KEY] })],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['the first bytes of TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ['another protocol', 'SSH-2.0-OpenSSH_9.9\r\n\r\n'],
];
for (const [what, bytes] of MALFORMED) {
  test(`malformed, ${what}: 400, the connection ends and nothing is asked or charged`, async () => {
    const { status, head, body } = await sendRaw(rig.gateway.url, bytes);
    assert.equal(status, 400, head);
    const { error } = JSON.parse(body) as { error: { message: string } };
    assert.ok(error.message);
    assert.doesNotMatch(body, /canary/);
    rig.assertPlayed();
  });
}

const ODD_PATHS = [
  '/v1/../quota',
  '/./quota',
  '/quota/..',
  '//quota',
  '/v1//models',
  '/%2e%2e/quota',
  '/v1/%2E%2e/quota',
  '/%2e/quota',
  '/quota#x',
  '/quota;x=1',
  '/v1\\models',
  '/v1%5cmodels',
  '/v1%2fmodels',
  '/v1%2Fmessages',
  '/quota%00',
  '/%252e%252e/quota',
  '/QUOTA',
  '/quota/',
  '/v1/v1/v1/models',
];
for (const path of ODD_PATHS) {
  test(`the path ${path} is no route`, async () => {
    const { status } = await sendRaw(rig.gateway.url, request({ path, headers: [KEY] }));
    assert.equal(status, 404);
  });
}

for (const path of [
  '/quota?/health',
  '/quota?x=/livez',
  '/v1/models?path=/healthz#/health',
  '/quota#/health',
]) {
  test(`a query or fragment lends no path the openness of another: ${path}`, async () => {
    const { status, body } = await sendRaw(rig.gateway.url, request({ path, headers: [] }));
    assert.ok(status === 401 || status === 404, `${status}`);
    assert.match(body, /"error"/);
  });
}

for (const spoof of [
  'User-Agent: kube-probe/1.30',
  'User-Agent: GoogleHC/1.0',
  'X-Forwarded-Uri: /health',
  'X-Original-URL: /health',
  'X-Rewrite-URL: /health',
  'X-Forwarded-User: root',
  'X_Forwarded_User: root',
  'X_Api_Key: canary-key-free',
  'X-Forwarded-Access-Token: canary-key-free',
]) {
  test(`no header but the credential opens anything: ${spoof}`, async () => {
    for (const path of ['/quota', '/v1/models', '/admin/v1/users']) {
      const { status } = await sendRaw(rig.gateway.url, request({ path, headers: [spoof] }));
      assert.ok(status === 401 || status === 404, `${path}: ${status}`);
    }
  });
}

for (const host of ['a/health', 'a?x=/health', '/health', 'health', 'a#/livez', '%2fhealth']) {
  test(`a Host that looks like a path opens nothing: ${host}`, async () => {
    const asked = `GET /quota HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`;
    const { status } = await sendRaw(rig.gateway.url, asked);
    assert.ok(status === 401 || status === 400, `${status}`);
  });
}

test('encoded slashes and dots in a model id are looked up as a model, never as another path', async () => {
  for (const id of ['..%2f..%2fquota', '%00', 'a%0d%0ax-evil:%201', '%f0%9f%92%a9', '%']) {
    const { status, head, body } = await sendRaw(
      rig.gateway.url,
      request({ path: `/v1/models/${id}`, headers: [KEY] }),
    );
    assert.ok(status === 404 || status === 400, `${id}: ${status}`);
    assert.doesNotMatch(head, /x-evil/);
    assert.ok((JSON.parse(body) as { error: unknown }).error);
  }
});

test('CONNECT is closed without an answer', async () => {
  const { status } = await sendRaw(rig.gateway.url, 'CONNECT elsewhere:443 HTTP/1.1\r\nhost: a\r\n\r\n');
  assert.equal(status, 0);
});

for (const [what, headers] of [
  ['over 32 KiB', [`x-long: ${'a'.repeat(33_000)}`]],
  ['three thousand', Array.from({ length: 3000 }, (_, index) => `x-${index}: 1`)],
] as const) {
  test(`headers of ${what}: 431 with advice`, async () => {
    const { status, body } = await sendRaw(rig.gateway.url, get(...headers));
    assert.equal(status, 431);
    assert.match(body, /32 KiB/);
  });
}

test('a WebSocket is refused at once with 426, with or without a key, on any path', async () => {
  const upgrade = ['connection: Upgrade', 'upgrade: websocket', 'sec-websocket-version: 13'];
  for (const path of ['/v1/responses', '/quota', '/', '/nowhere']) {
    for (const key of [[], [KEY]]) {
      const answer = await sendRaw(rig.gateway.url, request({ path, headers: [...key, ...upgrade] }), 2000);
      assert.equal(answer.status, 426, path);
      assert.match(answer.head, /\r\nupgrade: http\/1\.1\r\n/);
      assert.match(answer.head, /\r\nconnection: upgrade, close\r\n/);
    }
  }
});

test('an offer of HTTP/2 is ignored, as curl expects', async () => {
  const offer = ['connection: Upgrade, HTTP2-Settings', 'upgrade: h2c', 'http2-settings: AAMAAABk'];
  assert.equal((await sendRaw(rig.gateway.url, get(...offer))).status, 200);
});

test('an unknown expectation is a 417 in words', async () => {
  const { status, body } = await sendRaw(rig.gateway.url, get('expect: 200-maybe'));
  assert.equal(status, 417);
  assert.match(body, /100-continue/);
});

test('a body is asked for only when it will be read', async () => {
  const wait = 'expect: 100-continue';
  const tooLong = await sendRaw(rig.gateway.url, post(wait, 'content-length: 999999999'));
  assert.equal(tooLong.status, 413);
  assert.doesNotMatch(tooLong.head, / 100 continue/);
  const stranger = request({
    method: 'POST',
    path: '/v1/messages',
    headers: [JSON_TYPE, wait, 'content-length: 10'],
  });
  const refused = await sendRaw(rig.gateway.url, stranger);
  assert.equal(refused.status, 401);
  assert.doesNotMatch(refused.head, / 100 continue/);

  rig.internal.say({});
  const body = JSON.stringify(messages('gpt-5'));
  const socket = await dial(rig.gateway.url);
  socket.write(post(wait, `content-length: ${body.length}`));
  const answer = readAnswer(socket);
  socket.once('data', () => socket.write(body));
  const { status, head } = await answer;
  assert.match(head, /^http\/1\.1 100 continue\r\n/);
  assert.equal(status, 200);
  socket.destroy();
});

/** Everything that may leave, beside what HTTP itself needs. */
const OUTGOING = new Set([
  'host',
  'connection',
  'content-type',
  'content-length',
  'accept',
  'accept-encoding',
  'user-agent',
  'authorization',
  'x-api-key',
  'anthropic-version',
  'anthropic-beta',
  'x-claude-code-session-id',
  'openai-beta',
]);

for (const [path, tier, body, mock] of [
  ['/v1/messages', 'pro', messages('claude-haiku-5-5'), () => rig.claude],
  ['/v1/messages', 'free', messages('gpt-5'), () => rig.internal],
  ['/v1/chat/completions', 'free', chat('gpt-5'), () => rig.internal],
  ['/v1/chat/completions', 'enterprise', chat('gpt-5'), () => rig.openai],
] as const) {
  test(`spoofed headers of ${path} as ${tier} change nothing and reach no backend`, async () => {
    mock().say({});
    const spoofs = [
      'X_Forwarded_User: root',
      'x_api_key: other',
      'X-Forwarded-For: 10.0.0.1',
      'X-Forwarded-Host: elsewhere',
      'Forwarded: for=10.0.0.1',
      'X-Real-IP: 10.0.0.1',
      'X-Gateway-User: root',
      'X-Gateway-Tier: enterprise',
      'Cookie: session=1',
      'Proxy-Authorization: Basic eA==',
      'TE: trailers',
      'Via: 1.1 elsewhere',
      'X-HTTP-Method-Override: DELETE',
      'OpenAI-Organization: org-other',
      '__proto__: x',
      'constructor: x',
      'Connection: keep-alive, authorization',
      'x-claude-code-session-id: s1',
    ];
    const text = JSON.stringify(body);
    const key = `Authorization: Bearer ${KEYS[tier]}`;
    const answer = await sendRaw(
      rig.gateway.url,
      request({ method: 'POST', path, headers: [key, JSON_TYPE, ...spoofs], body: text }),
    );
    assert.equal(answer.status, 200, answer.body);
    const [sent] = mock().requests;
    const names = (sent?.rawHeaders ?? [])
      .filter((_, index) => index % 2 === 0)
      .map((name) => name.toLowerCase());
    assert.deepEqual(
      names.filter((name) => !OUTGOING.has(name)),
      [],
    );
    rig.assertPlayed();
  });
}

test('nothing of the query but Anthropic’s beta switch goes on to a backend', async () => {
  rig.claude.say({});
  const claude = await rig.post('/v1/messages?beta=true&api_key=canary', 'pro', messages('claude-haiku-5-5'));
  assert.equal(claude.status, 200);
  await claude.text();
  assert.equal(rig.claude.requests[0]?.path, '/v1/messages?beta=true');
  rig.internal.say({});
  const internal = await rig.post('/v1/chat/completions?api_key=canary&beta=true', 'free', chat('gpt-5'));
  assert.equal(internal.status, 200);
  await internal.text();
  rig.assertPlayed();
});

test('prototype keys in a body pollute nothing', async () => {
  rig.internal.say({}, {});
  const body = JSON.stringify(messages('gpt-5')).replace(
    /\}$/,
    ',"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}',
  );
  const translated = await rig.post('/v1/messages', 'free', body);
  assert.equal(translated.status, 200);
  await translated.text();
  const tools = [
    { name: '__proto__', input_schema: { type: 'object', properties: { constructor: { type: 'string' } } } },
  ];
  const named = await rig.post('/v1/messages', 'free', messages('gpt-5', { tools }));
  assert.ok(named.status === 200 || named.status === 400);
  await named.text();
  const clean = (await (await rig.get('/quota', 'free')).json()) as Record<string, unknown>;
  assert.equal(clean.polluted, undefined);
  assert.equal((await rig.get('/livez')).status, 200);
});

for (const [what, body] of [
  ['a byte order mark', `\uFEFF${JSON.stringify(messages('gpt-5'))}`],
  ['NaN', '{"model":"gpt-5","temperature":NaN,"messages":[]}'],
  ['a comment', '{"model":"gpt-5"/* hi */,"messages":[]}'],
  ['a trailing comma', '{"model":"gpt-5","messages":[],}'],
  ['something after the object', `${JSON.stringify(messages('gpt-5'))}{}`],
  ['single quotes', "{'model':'gpt-5'}"],
] as const) {
  test(`JSON with ${what} is refused`, async () => {
    const response = await rig.post('/v1/messages', 'free', body);
    assert.equal(response.status, 400);
    await response.text();
    rig.assertPlayed();
  });
}

test('what only the backend needs to understand goes there byte for byte', async () => {
  rig.claude.say({});
  const body =
    '{"max_tokens":1e1 ,"model" : "claude-haiku-5-5","metadata":{"n":1.0E+2,"s":"\\ud800\\u0000"},' +
    '"messages":[{"role":"user","content":"caf\\u00e9 \\ud83d\\ude00"}]}';
  const response = await rig.post('/v1/messages', 'pro', body);
  assert.equal(response.status, 200);
  await response.text();
  assert.equal(rig.claude.requests[0]?.body.toString('utf8'), body);
});

for (const [what, body, allowed] of [
  ['100,000 levels deep', () => `{"model":"gpt-5","x":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, [400]],
  ['of 120,000 keys', () => `{${Array.from({ length: 120_000 }, (_, n) => `"k${n}":1`).join(',')}}`, [400]],
  ['that is one long string', () => `{"model":"gpt-5","x":"${'a'.repeat(1_400_000)}"}`, [400]],
  ['of backslashes and quotes', () => `{"model":"gpt-5","x":"${'\\\\\\"'.repeat(350_000)}"}`, [400]],
  ['of digits', () => `{"model":"gpt-5","x":${'1'.repeat(1_400_000)}}`, [400]],
] as const) {
  test(`a body ${what} is answered soon, and others do not wait for it`, async () => {
    const heavy = rig.post('/v1/messages', 'free', body());
    const light = rig.get('/livez');
    assert.equal((await light).status, 200);
    const response = await heavy;
    assert.ok((allowed as readonly number[]).includes(response.status), String(response.status));
    await response.text();
    rig.assertPlayed();
  });
}

for (const [what, model] of [
  ['of 10 KB', 'gpt-'.padEnd(10_240, 'x')],
  ['with a line break', 'gpt-5\r\nx-evil: 1'],
  ['that forges a metric', 'gpt-5"} 1\ngateway_forged{a="'],
  ['in other letters', 'gpt-\u4e94'],
  ['with a NUL', 'gpt\u0000-5'],
  ['with a right-to-left mark', 'gpt-5\u202e'],
  ['with a space', 'gpt 5'],
  ['without letters', ''],
] as const) {
  test(`a model name ${what} is refused and leaves no trace in headers, log or metrics`, async () => {
    for (const [path, body] of [
      ['/v1/messages', messages(model)],
      ['/v1/chat/completions', chat(model)],
      ['/v1/messages/count_tokens', messages(model)],
    ] as const) {
      const response = await rig.post(path, 'enterprise', body);
      assert.equal(response.status, 400);
      assert.equal(response.headers.get('x-evil'), null);
      await response.text();
    }
    const metrics = await (await fetch(`${rig.gateway.metricsUrl}/metrics`)).text();
    assert.doesNotMatch(metrics, /^gateway_forged|xxxxxxxxxx/m);
    for (const line of rig.gateway.stderr().trim().split('\n')) JSON.parse(line);
    assert.doesNotMatch(rig.gateway.stderr(), /xxxxxxxxxx|x-evil|gateway_forged/);
    rig.assertPlayed();
  });
}

test('a model name that climbs is a name like any other', async () => {
  const response = await rig.post('/v1/chat/completions', 'enterprise', chat('../../admin'));
  assert.equal(response.status, 404);
  await response.text();
  rig.assertPlayed();
});

test('methods that no path takes are refused with Allow', async () => {
  for (const method of ['OPTIONS', 'TRACE', 'DELETE', 'PROPFIND']) {
    const { status, head } = await sendRaw(rig.gateway.url, request({ method, headers: [KEY] }));
    assert.equal(status, 405);
    assert.match(head, /\r\nallow: get\r\n/);
  }
});

test('requests in one packet are answered one after the other', async () => {
  const socket = await dial(rig.gateway.url);
  let text = '';
  socket.setEncoding('latin1').on('data', (piece: string) => {
    text += piece;
  });
  const ended = new Promise((resolve) => socket.once('close', resolve));
  socket.write(get() + request({ path: '/nowhere' }) + get('connection: close'));
  await ended;
  assert.deepEqual(text.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 404', 'HTTP/1.1 200']);
});

const skip = !hasProc && skipBecause('memory of a process is read from /proc: bodies in crumbs');

test('a body in chunks of one byte costs memory by its length, not by its pieces', { skip }, async () => {
  const before = memoryOf(rig.gateway.pid);
  const socket = await dial(rig.gateway.url);
  const answer = readAnswer(socket);
  socket.write(post('transfer-encoding: chunked'));
  const crumbs = Buffer.from('1\r\n \r\n'.repeat(10_000));
  for (let sent = 0; sent < BODY_LIMIT; sent += 10_000) {
    if (!socket.write(crumbs)) await new Promise((resolve) => socket.once('drain', resolve));
  }
  socket.write('0\r\n\r\n');
  assert.equal((await answer).status, 400);
  socket.destroy();
  const growth = peakMemoryOf(rig.gateway.pid) - before;
  assert.ok(growth < 80_000_000, `${growth} bytes more were in use`);
});

test('a flood beyond the limit is cut off and not kept', { skip }, async () => {
  const before = memoryOf(rig.gateway.pid);
  const socket = await dial(rig.gateway.url);
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const answer = readAnswer(socket);
  socket.write(post('transfer-encoding: chunked'));
  const piece = Buffer.from(`10000\r\n${'x'.repeat(65_536)}\r\n`);
  const pour = () => {
    while (!socket.destroyed && socket.write(piece));
  };
  socket.on('drain', pour);
  pour();
  await closed;
  const { status } = await answer;
  assert.ok(status === 413 || status === 0, `${status}: the answer, or a reset that overtook it`);
  const growth = memoryOf(rig.gateway.pid) - before;
  assert.ok(growth < 100_000_000, `${growth} bytes more are in use`);
});
