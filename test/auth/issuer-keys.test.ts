import assert from 'node:assert/strict';
import { after, afterEach, test } from 'node:test';
import type { IssuerKeysOptions } from '../../src/auth/issuer-keys.ts';
import { createIssuerKeys, readJwksUri, readKeys } from '../../src/auth/issuer-keys.ts';
import type { Behaviour } from '../support/fake-issuer.ts';
import { startFakeIssuer } from '../support/fake-issuer.ts';

const fake = await startFakeIssuer();
after(() => fake.close());
afterEach(() => {
  fake.behaviour.discovery = { kind: 'ok' };
  fake.behaviour.keys = { kind: 'ok' };
  fake.requests.discovery = 0;
  fake.requests.keys = 0;
});

const loader = (changes: Partial<IssuerKeysOptions> = {}) =>
  createIssuerKeys({
    issuer: fake.issuer,
    fetch,
    timeoutMs: 5000,
    signal: new AbortController().signal,
    ...changes,
  });

const ISSUER = 'https://idp.example/realms/hub';
const JWKS_URI = `${ISSUER}/certs`;
const KEY = { kty: 'RSA', use: 'sig', alg: 'RS256', kid: 'a', n: 'AQ', e: 'AQAB' };

test('the address of the keys is asked once, the keys each time', async () => {
  const load = loader();
  assert.equal((await load()).length, 1);
  await load();
  assert.deepEqual(fake.requests, { discovery: 1, keys: 2 });
});

test('with a configured address the metadata is never asked for', async () => {
  await loader({ jwksUri: fake.jwksUri })();
  assert.deepEqual(fake.requests, { discovery: 0, keys: 1 });
});

test('an issuer that ends in a slash is asked at one slash, and named with it', async () => {
  const asked: string[] = [];
  const answer: typeof fetch = async (input) => {
    asked.push(String(input));
    return Response.json({ issuer: `${ISSUER}/`, jwks_uri: JWKS_URI, keys: [KEY] });
  };
  await loader({ issuer: `${ISSUER}/`, fetch: answer })();
  assert.deepEqual(asked, [`${ISSUER}/.well-known/openid-configuration`, JWKS_URI]);
});

test('after a failure the address is asked for again', async () => {
  const load = loader();
  await load();
  fake.behaviour.keys = { kind: 'answer', status: 404 };
  await assert.rejects(load(), /answered 404/);
  fake.behaviour.keys = { kind: 'ok' };
  await load();
  assert.equal(fake.requests.discovery, 2);
});

const FAULTS: readonly (readonly [name: string, behaviour: Behaviour, expected: RegExp])[] = [
  ['cuts the connection', { kind: 'down' }, /fetch failed/],
  ['answers 500', { kind: 'answer', status: 500, body: '{}' }, /answered 500/],
  [
    'redirects elsewhere',
    { kind: 'answer', status: 302, headers: { location: fake.jwksUri } },
    /answered 302/,
  ],
  ['answers with a page', { kind: 'answer', status: 200, body: '<html>secret page</html>' }, /is not JSON$/],
  ['answers with an empty body', { kind: 'answer', status: 200 }, /is not JSON$/],
  ['answers with an array', { kind: 'answer', status: 200, body: '[]' }, /is not a JSON object/],
  ['answers with null', { kind: 'answer', status: 200, body: 'null' }, /is not a JSON object/],
  [
    'answers with more than 1 MiB',
    { kind: 'answer', status: 200, body: ' '.repeat(1024 * 1024 + 1) },
    /larger than 1 MiB/,
  ],
  [
    'answers with invalid UTF-8',
    { kind: 'answer', status: 200, body: Buffer.from([0x7b, 0xff, 0x7d]) },
    /is not JSON$/,
  ],
];

for (const [name, behaviour, expected] of FAULTS) {
  for (const document of ['discovery', 'keys'] as const) {
    test(`an issuer whose ${document} ${name} gives no keys`, async () => {
      fake.behaviour[document] = behaviour;
      await assert.rejects(loader()(), expected);
    });
  }
}

test('a redirect is not followed', async () => {
  fake.behaviour.discovery = { kind: 'answer', status: 301, headers: { location: fake.jwksUri } };
  await assert.rejects(loader()());
  assert.equal(fake.requests.keys, 0);
});

test('a document of exactly 1 MiB is read', async () => {
  const text = JSON.stringify({ keys: fake.published() });
  fake.behaviour.keys = { kind: 'answer', status: 200, body: text.padEnd(1024 * 1024, ' ') };
  assert.equal((await loader()()).length, 1);
});

test('an issuer that never answers is given up after the time allowed', async () => {
  fake.behaviour.keys = { kind: 'silent' };
  await assert.rejects(loader({ timeoutMs: 50 })(), { name: 'TimeoutError' });
});

test('metadata and keys share one time allowance', async () => {
  fake.delayMs = 60;
  try {
    await assert.rejects(loader({ timeoutMs: 100 })(), { name: 'TimeoutError' });
    assert.equal(fake.requests.discovery, 1);
  } finally {
    fake.delayMs = 0;
  }
});

test('a fetch under way ends with the process', async () => {
  fake.behaviour.keys = { kind: 'silent' };
  const stopping = new AbortController();
  const loading = loader({ signal: stopping.signal })();
  stopping.abort();
  await assert.rejects(loading, { name: 'AbortError' });
});

test('metadata of the configured issuer gives the address', () => {
  assert.equal(readJwksUri({ issuer: ISSUER, jwks_uri: JWKS_URI }, ISSUER), JWKS_URI);
});

for (const issuer of [
  `${ISSUER}/`,
  'https://idp.example/realms/Hub',
  'http://idp.example/realms/hub',
  undefined,
  [ISSUER],
]) {
  test(`metadata whose issuer is ${JSON.stringify(issuer) ?? 'missing'} is not used`, () => {
    assert.throws(() => readJwksUri({ issuer, jwks_uri: JWKS_URI }, ISSUER), /another issuer/);
  });
}

for (const address of [undefined, 7, '', 'certs', '/certs']) {
  test(`a jwks_uri of ${JSON.stringify(address) ?? 'nothing'} is not used`, () => {
    assert.throws(() => readJwksUri({ issuer: ISSUER, jwks_uri: address }, ISSUER), /no usable jwks_uri/);
  });
}

for (const address of ['http://idp.example/certs', 'file:///etc/passwd', 'data:application/json,{}']) {
  test(`an https issuer cannot send the gateway to ${address}`, () => {
    assert.throws(() => readJwksUri({ issuer: ISSUER, jwks_uri: address }, ISSUER), /must be https/);
  });
}

test('an issuer without TLS may have keys without TLS, and still no file', () => {
  const issuer = 'http://127.0.0.1:8080/realms/hub';
  assert.equal(readJwksUri({ issuer, jwks_uri: `${issuer}/certs` }, issuer), `${issuer}/certs`);
  assert.throws(() => readJwksUri({ issuer, jwks_uri: 'file:///etc/passwd' }, issuer), /must be https/);
});

test('only published signature keys are taken', () => {
  const keys = [
    KEY,
    { ...KEY, kid: 'enc', use: 'enc' },
    { ...KEY, kid: 'no-use', use: undefined },
    { ...KEY, kid: 'private', d: 'AQ' },
    { kty: 'oct', use: 'sig', k: 'c2VjcmV0', kid: 'secret' },
    null,
    'key',
    7,
  ];
  assert.deepEqual(readKeys({ keys }), [KEY]);
});

for (const keys of [undefined, null, {}, 'keys']) {
  test(`a key document whose keys are ${JSON.stringify(keys) ?? 'missing'} is refused`, () => {
    assert.throws(() => readKeys({ keys }), /holds no "keys"/);
  });
}
