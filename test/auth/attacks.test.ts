/**
 * What attackers send, against the whole of auth/ with a real issuer on loopback.
 * Every refusal is checked to be the one generic sentence, to cost no fetch, and to repeat nothing of the token.
 */
import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, beforeEach, test } from 'node:test';
import type { CryptoKey } from 'jose';
import { exportJWK, generateKeyPair } from 'jose';
import type { TokenVerifier } from '../../src/auth/oidc.ts';
import { GatewayError } from '../../src/errors.ts';
import type { AuthUnderTest } from '../support/auth-under-test.ts';
import { codeOf, STATIC_KEY, startAuth } from '../support/auth-under-test.ts';
import type { Claims, SignOptions } from '../support/fake-issuer.ts';
import { startFakeIssuer } from '../support/fake-issuer.ts';
import { forgeToken, hs256, openToken } from '../support/forge-token.ts';

const START = Date.parse('2026-11-22T12:00:00Z');
let now = START;
const fake = await startFakeIssuer({ clock: () => now });
await fake.rotate({ algorithm: 'ES256' });
await fake.rotate({ algorithm: 'RS256' });
const [rsaJwk] = fake.published();
assert.ok(rsaJwk);

/** Where `jku` and `x5u` point: nobody may come. */
let lured = 0;
const lure = createServer((_request, response) => {
  lured += 1;
  response.end(JSON.stringify({ keys: [] }));
});
await new Promise<void>((resolve) => lure.listen(0, '127.0.0.1', resolve));
const lureUrl = `http://127.0.0.1:${(lure.address() as AddressInfo).port}/keys.json`;

const open: TokenVerifier[] = [];
after(async () => {
  for (const verifier of open) verifier.close();
  lure.close();
  await fake.close();
});
beforeEach(() => {
  now = START;
  fake.behaviour.discovery = { kind: 'ok' };
  fake.behaviour.keys = { kind: 'ok' };
});

function setUp(): AuthUnderTest {
  const started = startAuth(fake.issuer, () => now);
  open.push(started.verifier);
  return started;
}

const { send, authenticate } = setUp();
await send(await fake.sign());

const attacker = await generateKeyPair('RS256', { extractable: true });
const attackerJwk = await exportJWK(attacker.publicKey);
const publicPem = createPublicKey({ key: rsaJwk as object as never, format: 'jwk' }).export({
  type: 'spki',
  format: 'pem',
});

/** An honest token, taken apart. */
const honest = async (claims: Claims = {}, options: SignOptions = {}) =>
  openToken(await fake.sign(claims, options));
const byAttacker = (header: Claims) => fake.sign({}, { header, key: attacker.privateKey });
/** An honest signature over a header or payload that jose would not write itself. */
async function signed(header: Claims, payload: Claims | string, key: CryptoKey): Promise<string> {
  const [base, claims] = await honest();
  const body = typeof payload === 'string' ? payload : { ...claims, ...payload };
  const input = forgeToken({ ...base, ...header }, body).replace(/\.$/, '');
  const signature = await crypto.subtle.sign('RSASSA-PKCS1-v1_5', key, Buffer.from(input));
  return `${input}.${Buffer.from(signature).toString('base64url')}`;
}

const FORGERIES: readonly (readonly [name: string, make: () => Promise<string>])[] = [
  ['an unsigned token', async () => forgeToken({ ...(await honest())[0], alg: 'none' }, (await honest())[1])],
  [
    'an unsigned token with something for a signature',
    async () => forgeToken({ ...(await honest())[0], alg: 'none' }, (await honest())[1], () => 'eA'),
  ],
  [
    'an unsigned token in other letters',
    async () => forgeToken({ ...(await honest())[0], alg: 'nOnE' }, (await honest())[1], () => 'eA'),
  ],
  [
    'HS256 with the public key as its secret',
    async () => forgeToken({ ...(await honest())[0], alg: 'HS256' }, (await honest())[1], hs256(publicPem)),
  ],
  [
    'HS256 with the published modulus as its secret',
    async () =>
      forgeToken({ ...(await honest())[0], alg: 'HS256' }, (await honest())[1], hs256(rsaJwk.n ?? '')),
  ],
  [
    'HS256 with an empty secret',
    async () => forgeToken({ ...(await honest())[0], alg: 'HS256' }, (await honest())[1], hs256('')),
  ],
  [
    'an HMAC under the name of RS256',
    async () => forgeToken((await honest())[0], (await honest())[1], hs256(publicPem)),
  ],
  [
    'no algorithm at all',
    async () => forgeToken({ kid: rsaJwk.kid, typ: 'JWT' }, (await honest())[1], () => 'eA'),
  ],
  [
    'an algorithm that is no text',
    async () => forgeToken({ ...(await honest())[0], alg: ['RS256'] }, (await honest())[1], () => 'eA'),
  ],
  [
    'an algorithm that the key is not for',
    async () =>
      forgeToken({ ...(await honest())[0], alg: 'PS256', kid: undefined }, (await honest())[1], () => 'eA'),
  ],
  [
    'an ES256 signature of zeros',
    async () =>
      forgeToken(...(await honest({}, { algorithm: 'ES256' })), () => Buffer.alloc(64).toString('base64url')),
  ],
  ['an empty signature', async () => forgeToken(...(await honest()), () => '')],
  [
    'the signature of another token',
    async () =>
      `${(await fake.sign()).split('.').slice(0, 2).join('.')}.${(await fake.sign()).split('.')[2]}`,
  ],
  [
    'claims changed after signing',
    async () => {
      const [header, payload, signature] = (await fake.sign()).split('.');
      const changed = JSON.stringify({ ...openToken(`${header}.${payload}.`)[1], sub: 'admin' });
      return `${header}.${Buffer.from(changed).toString('base64url')}.${signature}`;
    },
  ],
  ["an attacker's signature under an honest key id", () => byAttacker({})],
  ['a key brought along in the header', () => byAttacker({ jwk: attackerJwk })],
  ['a key brought along and no key id', () => byAttacker({ jwk: attackerJwk, kid: undefined })],
  ["a pointer to the attacker's keys", () => byAttacker({ jku: lureUrl })],
  ["a pointer to the attacker's certificate", () => byAttacker({ x5u: lureUrl })],
  ['a certificate brought along', () => byAttacker({ x5c: ['MIIB'] })],
  ['an honest token with a key brought along', () => fake.sign({}, { header: { jwk: attackerJwk } })],
  ['an honest token with a pointer to keys', () => fake.sign({}, { header: { jku: fake.jwksUri } })],
  ['an encrypted token', async () => 'eyJhbGciOiJSU0EtT0FFUCJ9.QUFB.QUFB.QUFB.QUFB'],
  ['a header that is no object', async () => forgeToken('"RS256"', (await honest())[1], () => 'eA')],
  ['a header that is no JSON', async () => forgeToken('{alg:RS256}', (await honest())[1], () => 'eA')],
  [
    'a header of invalid UTF-8',
    async () =>
      `${Buffer.from([0x7b, 0xff, 0x7d]).toString('base64url')}.${(await fake.sign()).split('.').slice(1).join('.')}`,
  ],
  [
    'a payload nested 3,000 deep',
    async () =>
      forgeToken(
        (await honest())[0],
        `{"iss":"${fake.issuer}","x":${'['.repeat(3000)}${']'.repeat(3000)}}`,
        () => 'eA',
      ),
  ],
  ['another issuer', () => fake.sign({ iss: 'https://evil.example/realms/ai-hub' })],
  ['the issuer with a slash behind it', () => fake.sign({ iss: `${fake.issuer}/` })],
  ['another realm of the same server', () => fake.sign({ iss: fake.issuer.replace('ai-hub', 'master') })],
  ['several issuers', () => fake.sign({ iss: [fake.issuer] })],
  ['no issuer', () => fake.sign({ iss: undefined })],
  ['no audience', () => fake.sign({ aud: undefined })],
  ['the audience "account"', () => fake.sign({ aud: 'account' })],
  ['an audience that begins like ours', () => fake.sign({ aud: ['llm-gateway-admin', 'llm'] })],
  ['our name as the authorised party alone', () => fake.sign({ aud: undefined, azp: 'llm-gateway' })],
  ['an ID token', () => fake.sign({ typ: 'ID', nonce: 'n', at_hash: 'h' })],
  ['an ID token of an issuer that states no kind', () => fake.sign({ typ: undefined, nonce: 'n' })],
  ['a refresh token', () => fake.sign({ typ: 'Refresh' })],
  ['an offline token', () => fake.sign({ typ: 'Offline' })],
  ['a logout token', () => fake.sign({ typ: 'Logout' }, { header: { typ: 'logout+jwt' } })],
  [
    'an ID token that calls itself an access token in its header',
    () => fake.sign({ typ: 'ID' }, { header: { typ: 'at+jwt' } }),
  ],
  ['a kind that is no text', () => fake.sign({ typ: ['Bearer'] })],
  ['a kind in other letters', () => fake.sign({ typ: 'bearer' })],
  ['a header without a type', () => fake.sign({}, { header: { typ: undefined } })],
  ['a header of another type', () => fake.sign({}, { header: { typ: 'dpop+jwt' } })],
  ['a token bound to a DPoP key', () => fake.sign({ typ: 'DPoP', cnf: { jkt: 'thumbprint' } })],
  ['a Bearer token bound to a certificate', () => fake.sign({ cnf: { 'x5t#S256': 'thumbprint' } })],
  ['a binding that is null', () => fake.sign({ cnf: null })],
  ['no end', () => fake.sign({ exp: undefined })],
  ['an end that is a text', () => fake.sign({ exp: '9999999999' })],
  ['an end that is null', () => fake.sign({ exp: null })],
  ['no beginning', () => fake.sign({ iat: undefined })],
  ['a beginning that is a text', () => fake.sign({ iat: 'now' })],
  ['a time to come', () => fake.sign({ nbf: START / 1000 + 3600 })],
  ['a not-before that is a text', () => fake.sign({ nbf: '0' })],
  ['no subject', () => fake.sign({ sub: undefined })],
  ['an empty subject', () => fake.sign({ sub: '' })],
  ['a subject that is a number', () => fake.sign({ sub: 1 })],
  ['a subject that is an object', () => fake.sign({ sub: { id: 1 } })],
];

for (const [name, make] of FORGERIES) {
  test(`${name}: 401, no fetch, nothing repeated`, async () => {
    const token = await make();
    const before = fake.requests.keys + fake.requests.discovery;
    await assert.rejects(send(token), (error) => {
      assert.ok(error instanceof GatewayError, String(error));
      assert.equal(error.code, 'invalid_credential');
      assert.equal(
        error.message,
        'The key or token is not valid for this gateway; check it, or sign in again for a new one.',
      );
      const told = `${JSON.stringify(error.details)} ${error.details.cause} ${(error.details.cause as Error).stack}`;
      for (const part of token.split('.').filter((text) => text.length > 8)) assert.ok(!told.includes(part));
      assert.ok(!told.includes('ada') && !told.includes('4fbf6a5e'), 'a claim was repeated');
      assert.equal((error.details.cause as Error).cause, undefined);
      return true;
    });
    assert.equal(fake.requests.keys + fake.requests.discovery, before);
    assert.equal(lured, 0);
  });
}

test('a token without end, honestly signed with a number too large for one, is refused', async () => {
  const key = await generateKeyPair('RS256', { extractable: true });
  fake.publish([
    { ...(await exportJWK(key.publicKey)), kid: 'odd', alg: 'RS256', use: 'sig' },
    ...fake.published(),
  ]);
  const fresh = setUp();
  await fresh.send(await fake.sign());
  fake.publish(fake.published());
  const claims = JSON.stringify((await honest())[1]);
  const sign = (payload: string) => signed({ kid: 'odd' }, payload, key.privateKey);
  assert.equal(await codeOf(fresh.send(await sign(claims))), 'accepted');
  assert.equal(
    await codeOf(fresh.send(await sign(claims.replace(/"exp":\d+/, '"exp":1e400')))),
    'invalid_credential',
  );
  assert.equal(
    await codeOf(fresh.send(await sign(claims.replace(/"iat":\d+/, '"iat":-1e400')))),
    'invalid_credential',
  );
});

test('an extension that must be understood and is not: 401', async () => {
  const key = await generateKeyPair('RS256', { extractable: true });
  fake.publish([{ ...(await exportJWK(key.publicKey)), kid: 'odd', alg: 'RS256', use: 'sig' }]);
  const fresh = setUp();
  assert.equal(await codeOf(fresh.send(await signed({ kid: 'odd' }, {}, key.privateKey))), 'accepted');
  for (const header of [
    { crit: ['exp'], exp: 1 },
    { crit: ['https://evil.example/ext'], 'https://evil.example/ext': true },
    { crit: [] },
    { crit: 'b64' },
    { crit: ['b64'], b64: false },
  ]) {
    const token = await signed({ kid: 'odd', ...header }, {}, key.privateKey);
    assert.equal(await codeOf(fresh.send(token)), 'invalid_credential', JSON.stringify(header));
  }
  fake.publish(fake.published());
});

for (const kid of ['../../etc/passwd', "' OR 1=1 --", '__proto__', 'a'.repeat(3000), '\u0000', '']) {
  test(`a key id of ${JSON.stringify(kid).slice(0, 20)} finds no key`, async () => {
    assert.equal(await codeOf(setUp().send(await byAttacker({ kid }))), 'invalid_credential');
  });
}

const TIER_CLAIMS: readonly (readonly [name: string, roles: unknown, tier: string])[] = [
  ['a number', 5, 'free'],
  ['an object', { 'tier-enterprise': true }, 'free'],
  ['null', null, 'free'],
  ['a nested array', [['tier-enterprise']], 'free'],
  ['three hundred roles', [...Array.from({ length: 300 }, (_, index) => `r${index}`), 'tier-pro'], 'pro'],
];

for (const [name, roles, tier] of TIER_CLAIMS) {
  test(`a tier claim that is ${name} gives the tier ${tier}`, async () => {
    const principal = await send(
      await fake.sign({ sub: name, resource_access: { 'llm-gateway': { roles } } }),
    );
    assert.equal(principal.tier, tier);
  });
}

test('a user who was given another tier has it with the next token', async () => {
  const roles = (role: string) => ({ resource_access: { 'llm-gateway': { roles: [role] } } });
  assert.equal((await send(await fake.sign(roles('tier-free')))).tier, 'free');
  assert.equal((await send(await fake.sign(roles('tier-enterprise')))).tier, 'enterprise');
});

test('claims that users may edit themselves neither raise a tier nor change who pays', async () => {
  const plain = await send(await fake.sign());
  const bragging = await send(
    await fake.sign({
      tier: 'enterprise',
      roles: ['tier-enterprise'],
      email: 'admin@example.com@evil.example',
      preferred_username: 'admin',
    }),
  );
  assert.deepEqual([bragging.subject, bragging.tier], [plain.subject, plain.tier]);
});

/** Sends real bytes, so that node's parser makes the raw headers. */
async function overHttp(path: string, headers: readonly string[]): Promise<string> {
  const server = createServer((incoming, response) => {
    codeOf(authenticate(incoming.rawHeaders)).then((code) => response.end(code));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await new Promise((resolve, reject) => {
      const port = (server.address() as AddressInfo).port;
      const outgoing = request({ port, path, headers: ['host', 'gateway', ...headers] }, (response) => {
        response.setEncoding('utf8');
        let text = '';
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve(text));
      });
      outgoing.on('error', reject).end();
    });
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const OVER_HTTP: readonly (readonly [
  name: string,
  path: string,
  headers: readonly string[],
  code: string,
])[] = [
  ['a key in its header', '/v1/messages', ['X-API-KEY', STATIC_KEY], 'accepted'],
  [
    'a key in the query string',
    `/v1/messages?key=${STATIC_KEY}&access_token=${STATIC_KEY}&x-api-key=${STATIC_KEY}`,
    [],
    'missing_credential',
  ],
  [
    'a key in a cookie',
    '/v1/messages',
    ['cookie', `x-api-key=${STATIC_KEY}; authorization=Bearer ${STATIC_KEY}`],
    'missing_credential',
  ],
  [
    'authorization twice',
    '/v1/messages',
    ['authorization', `Bearer ${STATIC_KEY}`, 'authorization', `Bearer ${STATIC_KEY}`],
    'ambiguous_credential',
  ],
  [
    'x-api-key twice',
    '/v1/messages',
    ['x-api-key', STATIC_KEY, 'X-Api-Key', STATIC_KEY],
    'ambiguous_credential',
  ],
  [
    'names of users in proxy headers',
    '/v1/messages',
    ['X_Forwarded_User', 'ada', 'x-forwarded-user', 'ada', 'x-gateway-user', 'ada'],
    'missing_credential',
  ],
  [
    "a health checker's name",
    '/v1/messages',
    ['user-agent', 'kube-probe/1.34', 'x-forwarded-uri', '/health'],
    'missing_credential',
  ],
  [
    'header names that objects inherit',
    '/v1/messages',
    ['__proto__', STATIC_KEY, 'constructor', STATIC_KEY],
    'missing_credential',
  ],
];

for (const [name, path, headers, code] of OVER_HTTP) {
  test(`over HTTP, ${name}: ${code}`, async () => {
    assert.equal(await overHttp(path, headers), code);
  });
}
