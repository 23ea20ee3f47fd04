/**
 * An unlucky day at the identity provider: away, slow to come back, changing its keys, and flooded at our expense.
 */
import assert from 'node:assert/strict';
import { after, beforeEach, test } from 'node:test';
import { generateKeyPair } from 'jose';
import type { TokenVerifier } from '../../src/auth/oidc.ts';
import type { GatewayError } from '../../src/errors.ts';
import type { AuthUnderTest } from '../support/auth-under-test.ts';
import { codeOf, STATIC_KEY, startAuth } from '../support/auth-under-test.ts';
import { startFakeIssuer } from '../support/fake-issuer.ts';

const START = Date.parse('2026-11-22T12:00:00Z');
const SECOND = 1000;
let now = START;
const fake = await startFakeIssuer({ clock: () => now });

const open: TokenVerifier[] = [];
after(async () => {
  for (const verifier of open) verifier.close();
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

const stranger = await generateKeyPair('RS256');
const unknownKey = (header: { readonly kid: string }) => fake.sign({}, { header, key: stranger.privateKey });

test('a thousand unknown key ids cost one fetch, and good tokens keep passing', async () => {
  const fresh = setUp();
  await fresh.send(await fake.sign());
  const before = fake.requests.keys;
  const flood = await Promise.all(
    Array.from({ length: 1000 }, (_, index) => unknownKey({ kid: `made-up-${index}` })),
  );
  const answers = await Promise.all(flood.map((token) => codeOf(fresh.send(token))));
  assert.deepEqual([...new Set(answers)], ['invalid_credential']);
  assert.equal(await codeOf(fresh.send(await fake.sign({ sub: 'good' }))), 'accepted');
  assert.equal(fake.requests.keys, before + 1);
});

test('a flood that goes on for five minutes costs one fetch in 30 seconds', async () => {
  const fresh = setUp();
  await fresh.send(await fake.sign());
  const before = fake.requests.keys;
  const [first, second] = [await unknownKey({ kid: 'x' }), await unknownKey({ kid: 'y' })];
  for (let at = 0; at < 300; at += 1) {
    await Promise.all([codeOf(fresh.send(first)), codeOf(fresh.send(second))]);
    assert.equal(await codeOf(fresh.send(await fake.sign({ sub: `good-${at}` }))), 'accepted');
    now += SECOND;
  }
  assert.equal(fake.requests.keys - before, 10);
});

test('a flood while the provider is down costs one request in 30 seconds, and good tokens keep passing', async () => {
  const fresh = setUp();
  await fresh.send(await fake.sign());
  fake.behaviour.discovery = { kind: 'down' };
  fake.behaviour.keys = { kind: 'down' };
  const asked = () => fake.requests.keys + fake.requests.discovery;
  const before = asked();
  const flood = await unknownKey({ kid: 'made-up' });
  for (let at = 0; at < 300; at += 1) {
    await Promise.all([codeOf(fresh.send(flood)), codeOf(fresh.send(flood))]);
    assert.equal(await codeOf(fresh.send(await fake.sign({ sub: `good-${at}` }))), 'accepted');
    await fresh.fetchesEnded();
    now += SECOND;
  }
  assert.equal(asked() - before, 10);
});

test('with the provider down for an hour not one good token is refused', async () => {
  const fresh = setUp();
  await fresh.send(await fake.sign());
  fake.behaviour.discovery = { kind: 'answer', status: 503 };
  fake.behaviour.keys = { kind: 'down' };
  for (let minute = 0; minute < 60; minute += 1) {
    assert.equal(await codeOf(fresh.send(await fake.sign())), 'accepted', `minute ${minute}`);
    await fresh.fetchesEnded();
    now += 60 * SECOND;
  }
  assert.equal(fresh.verifier.health().keys, 'stale');
  fake.behaviour.discovery = { kind: 'ok' };
  fake.behaviour.keys = { kind: 'ok' };
  now += 30 * SECOND;
  await fake.rotate();
  assert.equal(await codeOf(fresh.send(await fake.sign())), 'accepted');
  assert.equal(fresh.verifier.health().keys, 'fresh');
});

test('keys that change every minute in the midst of traffic lose not one good token', async () => {
  const fresh = setUp();
  const codes: string[] = [];
  for (let minute = 0; minute < 10; minute += 1) {
    const earlier = await fake.sign({ sub: `before-${minute}` });
    await fake.rotate();
    const tokens = await Promise.all(
      Array.from({ length: 20 }, (_, index) => fake.sign({ sub: `after-${minute}-${index}` })),
    );
    codes.push(...(await Promise.all([earlier, ...tokens].map((token) => codeOf(fresh.send(token))))));
    now += 60 * SECOND;
  }
  assert.deepEqual([...new Set(codes)], ['accepted']);
  assert.equal(codes.length, 210);
});

test('a provider that was never reached is not the fault of the token: 503 with a time to come back', async () => {
  fake.behaviour.discovery = { kind: 'down' };
  const fresh = setUp();
  await assert.rejects(fresh.send(await fake.sign()), (error: GatewayError) => {
    assert.equal(error.code, 'identity_unavailable');
    assert.equal(error.details.retryAfterSeconds, 30);
    return true;
  });
});

test('static keys work while the provider is down', async () => {
  fake.behaviour.discovery = { kind: 'down' };
  assert.equal(await codeOf(setUp().authenticate(['x-api-key', STATIC_KEY])), 'accepted');
});
