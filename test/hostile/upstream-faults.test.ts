/** Backends that break HTTP, TLS and promises, written byte by byte (platform.md D3, rows 24 to 37). */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { createServer as createTlsServer } from 'node:tls';
import { chat, messages, type Rig, startRig } from '../support/rig.ts';
import { skipBecause } from '../support/skip.ts';
import { parseSse } from '../support/sse.ts';
import { within } from '../support/within.ts';
import {
  chunk,
  completion,
  httpAnswer,
  type RawBackend,
  STREAM_HEAD,
  startRawBackend,
} from './raw-backend.ts';

const LIMITS =
  'limits: { firstByteSeconds: 2, betweenBytesSeconds: 2, connectSeconds: 1, replyBytes: 4000000 }\n';
let rig: Rig;
let backend: RawBackend;
before(async () => {
  backend = await startRawBackend();
  rig = await startRig({ INTERNAL_LLM_URL: backend.v1, INTERNAL_LLM_MODEL: 'raw-model' }, LIMITS);
});
after(async () => {
  await rig.close();
  await backend.close();
});

const GOOD = completion('fine');
const whole = (body: string, ...headers: string[]) => httpAnswer(body, ...headers);
const status = (code: number, body: string, ...headers: string[]) =>
  whole(body, ...headers).replace('200 OK', `${code} Odd`);

const PATHS = [
  ['/v1/messages', messages('gpt-5')],
  ['/v1/chat/completions', chat('gpt-5')],
] as const;

async function used(): Promise<number> {
  for (;;) {
    const now = (await (await rig.get('/quota', 'pro')).json()) as { used: number; pending: number };
    if (now.pending === 0) return now.used;
    await pause(20);
  }
}

/** What a client may never see of what stands behind. */
const INNARDS = /127\.0\.0\.1|10\.9\.8\.7|<html|nginx|canary|node_modules|ECONN|ENOTFOUND|CERT_/;

const pour = (socket: Socket, head: string, piece: string) => {
  socket.write(head);
  const more = () => {
    while (!socket.destroyed && socket.write(piece));
  };
  socket.on('drain', more);
  more();
};

const BROKEN: readonly (readonly [
  string,
  (socket: Socket) => unknown,
  number | Readonly<Record<string, number>>,
])[] = [
  ['sends 70 KB of headers', (socket) => socket.write(whole(GOOD, `x-a: ${'a'.repeat(70_000)}`)), 502],
  ['sends 20,000 headers', (socket) => socket.write(whole(GOOD, ...Array(20_000).fill('x-a: b'))), 502],
  ['sends early hints for ever', (socket) => pour(socket, '', 'HTTP/1.1 103 Hints\r\nlink: a\r\n\r\n'), 502],
  ['says a length and chunks', (socket) => socket.write(whole('', 'transfer-encoding: chunked')), 502],
  ['says two lengths', (socket) => socket.write(whole(GOOD, 'content-length: 7')), 502],
  [
    'switches protocols',
    (socket) => socket.write('HTTP/1.1 101 Odd\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'),
    502,
  ],
  ['answers without content', (socket) => socket.write('HTTP/1.1 204 No Content\r\n\r\n'), 502],
  ['answers with an empty body', (socket) => socket.write(whole('')), 502],
  ['answers with half of JSON', (socket) => socket.write(whole(GOOD.slice(0, 40))), 502],
  ['answers with a list', (socket) => socket.write(whole('[]')), 502],
  ['answers with bytes that are no text', (socket) => socket.write(whole('\x00\x01\x02')), 502],
  [
    'answers in gzip unasked',
    (socket) => socket.write(whole('\x1f\x8b\x08\x00', 'content-encoding: gzip')),
    502,
  ],
  [
    'claims a thousand codings',
    (socket) => socket.write(whole('\x1f\x8b', `content-encoding: ${Array(1000).fill('gzip').join(',')}`)),
    502,
  ],
  ['closes in its headers', (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-ty'), 502],
  ['closes without a byte', (socket) => socket.end(), 502],
  ['closes in its body', (socket) => socket.end(whole(GOOD).slice(0, -10)), 502],
  [
    'resets in its body',
    (socket) => socket.write(whole(GOOD).slice(0, -10), () => setTimeout(() => socket.resetAndDestroy(), 20)),
    502,
  ],
  ['falls silent in its body', (socket) => socket.write(whole(GOOD).slice(0, -10)), 504],
  ['falls silent in its headers', (socket) => socket.write('HTTP/1.1 200 OK\r\nx-a: '), 504],
  [
    'never stops',
    (socket) => pour(socket, 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n', ' '.repeat(65_536)),
    502,
  ],
  ['never stops its error', (socket) => pour(socket, 'HTTP/1.1 500 Odd\r\n\r\n', ' '.repeat(65_536)), 502],
  ['redirects', (socket) => socket.write(status(307, '', 'location: http://10.9.8.7/canary')), 502],
  ['fails with a page', (socket) => socket.write(status(500, '<html>nginx 10.9.8.7</html>')), 500],
  ['fails with nothing', (socket) => socket.write(status(500, '')), 500],
  [
    'has no room',
    (socket) => socket.write(status(503, '<html>nginx')),
    { '/v1/messages': 529, '/v1/chat/completions': 503 },
  ],
  [
    'is overloaded',
    (socket) => socket.write(status(529, '{}', 'retry-after: 3')),
    { '/v1/messages': 529, '/v1/chat/completions': 503 },
  ],
  ['fails with an empty object', (socket) => socket.write(status(502, '{}')), 502],
  [
    'has no time until the end of time',
    (socket) => socket.write(status(429, '{}', `retry-after: ${'9'.repeat(300)}`)),
    429,
  ],
  ['refuses in plain words', (socket) => socket.write(status(400, 'no, says 10.9.8.7')), 400],
];
for (const [path, body] of PATHS) {
  for (const [what, act, statuses] of BROKEN) {
    const expected = typeof statuses === 'number' ? statuses : statuses[path];
    test(`${path}: a backend that ${what} is a ${expected} in the caller’s dialect, and free`, async () => {
      const before = await used();
      backend.answer(act);
      const asked = backend.requests.length;
      const response = await within(10_000, 'the answer', rig.post(path, 'pro', body));
      const text = await response.text();
      assert.equal(response.status, expected, text);
      assert.match(response.headers.get('content-type') ?? '', /^application\/json/);
      const { error, type } = JSON.parse(text) as { error: { type: string; message: string }; type?: string };
      assert.ok(error.message.length > 0 && error.type.length > 0);
      assert.equal(type, path === '/v1/messages' ? 'error' : undefined);
      assert.doesNotMatch(text + JSON.stringify([...response.headers]), INNARDS);
      assert.equal(backend.requests.length, asked + 1);
      assert.equal(await used(), before);
    });
  }
}

for (const [path, body] of PATHS) {
  for (const [what, bytes] of [
    ['garbage', '\x00\x01garbage\n\nmore'],
    ['a page', '<html>\n\n10.9.8.7</html>'],
    ['comments alone', ': hello\n\n: hello\n\n'],
    ['JSON that is no event', 'data: 7\n\ndata: []\n\n'],
  ] as const) {
    test(`${path}: ${what} in place of a stream is an error with a real status`, async () => {
      const before = await used();
      backend.answer((socket) => socket.end(STREAM_HEAD + bytes));
      const response = await rig.post(path, 'pro', { ...body, stream: true });
      const text = await response.text();
      assert.equal(response.status, 502, text);
      assert.doesNotMatch(text, INNARDS);
      assert.equal(await used(), before);
    });
  }

  test(`${path}: garbage within a stream never passes for a good end`, async () => {
    backend.answer((socket) => socket.end(`${STREAM_HEAD}${chunk('one')}data: {"broken\n\n\xff\xfe\n\n`));
    const response = await rig.post(path, 'pro', { ...body, stream: true });
    const text = await response.text();
    assert.doesNotMatch(text, /message_stop|\[DONE\]/);
    assert.match(parseSse(text).at(-1)?.data ?? '', /"error"/);
  });

  test(`${path}: an event of a megabyte arrives whole, one beyond the limit ends in an error`, async () => {
    const end = `${chunk('', 'stop')}data: [DONE]\n\n`;
    backend.answer((socket) => socket.end(STREAM_HEAD + chunk('x'.repeat(1_000_000)) + end));
    const large = await (await rig.post(path, 'pro', { ...body, stream: true })).text();
    assert.match(large, /x{1000000}/);
    assert.match(large, /message_stop|\[DONE\]/);
    backend.answer((socket) => pour(socket, `${STREAM_HEAD}${chunk('one')}data: `, 'x'.repeat(65_536)));
    const endless = await (await rig.post(path, 'pro', { ...body, stream: true })).text();
    assert.doesNotMatch(endless, /message_stop|\[DONE\]/);
    assert.match(parseSse(endless).at(-1)?.data ?? '', /"error"/);
  });

  test(`${path}: a stream cut into single bytes reads the same`, async () => {
    const stream = `\uFEFF: hi\r\n\r\n${chunk('caf\u00e9 \u{1F600}').replaceAll('\n', '\r\n')}${chunk('', 'stop').replaceAll('\n', '\r')}data: [DONE]\n\n`;
    backend.answer(async (socket) => {
      socket.setNoDelay(true);
      socket.write(STREAM_HEAD);
      for (const byte of Buffer.from(stream)) {
        socket.write(Buffer.of(byte));
        await new Promise((resolve) => setImmediate(resolve));
      }
      socket.end();
    });
    const text = await (await rig.post(path, 'pro', { ...body, stream: true })).text();
    assert.match(text, /café 😀/);
    assert.match(text, /message_stop|\[DONE\]/);
  });

  test(`${path}: nothing of the backend’s headers reaches the client`, async () => {
    backend.answer((socket) =>
      socket.write(
        whole(
          GOOD,
          'set-cookie: canary=1',
          'server: nginx',
          'x-foo: 1',
          'connection: keep-alive, x-foo',
          'via: 1.1 x',
          'x-powered-by: canary',
          'access-control-allow-origin: *',
          'alt-svc: h3=":443"',
          'x-ratelimit-limit-requests: 4242',
        ),
      ),
    );
    const response = await rig.post(path, 'pro', body);
    await response.text();
    assert.equal(response.status, 200);
    const own =
      /^(?:connection|keep-alive|date|content-(?:type|length)|(?:x-)?request-id|x-gateway-[a-z-]+|ratelimit(?:-policy)?|anthropic-ratelimit-[a-z0-9-]+|x-ratelimit-[a-z-]+-requests)$/;
    assert.deepEqual(
      [...response.headers.keys()].filter((name) => !own.test(name)),
      [],
    );
    assert.doesNotMatch(JSON.stringify([...response.headers]), /4242|canary|nginx/);
  });
}

test('an answer nobody asked for poisons nobody’s connection', async () => {
  const poison = whole(completion('POISON'));
  const ask = async () => (await rig.post('/v1/chat/completions', 'pro', chat('gpt-5'))).text();
  backend.answer((socket) => socket.write(whole(GOOD) + poison));
  for (let round = 0; round < 3; round++) assert.doesNotMatch(await ask(), /POISON/);
  backend.answer((socket) => {
    socket.write(whole(GOOD));
    setTimeout(() => socket.write(poison), 20);
  });
  for (let round = 0; round < 3; round++) {
    assert.match(await ask(), /fine/);
    await pause(60);
  }
});

test('a backend that closes after each answer costs its callers nothing', async () => {
  backend.answer((socket) => socket.end(whole(GOOD)));
  for (let round = 0; round < 10; round++) {
    const response = await rig.post('/v1/chat/completions', 'pro', chat('gpt-5'));
    assert.equal(response.status, 200);
    await response.text();
  }
});

test('a kept connection that resets under a request is not tried again once the request was sent', async () => {
  const asked = new WeakSet<Socket>();
  backend.answer((socket) => {
    if (asked.has(socket)) socket.resetAndDestroy();
    else socket.write(whole(GOOD));
    asked.add(socket);
  });
  const before = backend.requests.length;
  const statuses: number[] = [];
  for (let round = 0; round < 2; round++) {
    const response = await rig.post('/v1/chat/completions', 'pro', chat('gpt-5'));
    statuses.push(response.status);
    await response.text();
  }
  assert.equal(backend.requests.length - before, 2);
  assert.deepEqual(statuses.toSorted(), [200, 502].slice(0, 2));
});

test('a model with an odd name in a backend’s list breaks no header', async () => {
  const odd = await startRawBackend();
  const names = JSON.stringify({ data: [{ id: 'm\u4e00\r\nx-evil: 1' }] });
  const own = await startRig({ INTERNAL_LLM_URL: odd.v1 });
  odd.answer((socket) => socket.write(whole(GOOD)));
  odd.list(whole(names));
  try {
    const response = await own.post('/v1/chat/completions', 'free', chat('gpt-5'));
    assert.equal(response.status, 200, await response.text());
    assert.equal(response.headers.get('x-evil'), null);
    assert.equal(response.headers.get('x-gateway-model-served'), 'm???x-evil: 1');
  } finally {
    await own.close();
    await odd.close();
  }
});

for (const [what, url] of [
  ['nobody listens', 'http://127.0.0.1:1/v1'],
  ['no host has that name', 'http://no-such-host.invalid/v1'],
] as const) {
  test(`where ${what}, the answer is a 502 that names no address`, async () => {
    const own = await startRig({ INTERNAL_LLM_URL: url, INTERNAL_LLM_MODEL: 'raw-model' }, LIMITS);
    try {
      for (const [path, body] of PATHS) {
        const response = await within(15_000, 'the answer', own.post(path, 'free', body));
        const text = await response.text();
        assert.equal(response.status, 502);
        assert.doesNotMatch(text, INNARDS);
        assert.doesNotMatch(text, /invalid\b(?!_)/);
      }
      const standing = (await (await own.get('/quota', 'free')).json()) as { used: number; pending: number };
      assert.deepEqual([standing.used, standing.pending], [0, 0]);
    } finally {
      await own.close();
    }
  });
}

/** A key and a certificate that says what it is told, made by openssl; null where there is none. */
function makeCertificate(...more: readonly string[]): { key: Buffer; cert: Buffer } | null {
  const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-tls-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const args = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1'.split(' ');
  try {
    execFileSync('openssl', [...args, '-keyout', key, '-out', cert, ...more], { stdio: 'pipe' });
    return { key: readFileSync(key), cert: readFileSync(cert) };
  } catch {
    return null;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const certificates = {
  'nobody vouches for': makeCertificate('-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'),
  'is for another host': makeCertificate('-subj', '/CN=elsewhere', '-addext', 'subjectAltName=DNS:elsewhere'),
};
for (const [what, made] of Object.entries(certificates)) {
  const skip = made === null && skipBecause('no openssl to make certificates with: backends over TLS');
  test(`a backend whose certificate ${what} gets nothing, and the caller a 502`, { skip }, async () => {
    let asked = 0;
    const server = createTlsServer(made ?? {}, (socket) => {
      socket.on('data', () => {
        asked += 1;
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const own = await startRig({
      INTERNAL_LLM_URL: `https://localhost:${(server.address() as AddressInfo).port}/v1`,
      INTERNAL_LLM_MODEL: 'raw-model',
    });
    try {
      const response = await own.post('/v1/chat/completions', 'free', chat('gpt-5'));
      assert.equal(response.status, 502);
      assert.doesNotMatch(await response.text(), /localhost|certificate|elsewhere/i);
      assert.equal(asked, 0);
    } finally {
      await own.close();
      server.close();
    }
  });
}
