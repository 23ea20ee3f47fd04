/** The same promises against an authorization server that others wrote: oidc-provider, over real HTTP. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { generateKeyPair, SignJWT } from 'jose';
import { createTokenVerifier } from '../../src/auth/oidc.ts';
import { codeOf, startAuth } from '../support/auth-under-test.ts';
import { startAuthorizationServer } from '../support/authorization-server.ts';
import { openToken } from '../support/forge-token.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const provider = await startAuthorizationServer();
let ahead = 0;
const clock = () => Date.now() + ahead;
const auth = startAuth(provider.issuer, clock);
after(async () => {
  auth.verifier.close();
  await provider.close();
});

test('a person who signs in with a browser is let in, with the tier of the token', async () => {
  const { access_token } = await provider.signIn('ada');
  const principal = await auth.send(access_token);
  assert.deepEqual([principal.user, principal.tier], ['ada', 'pro']);
});

test('a person without a role gets the default tier', async () => {
  const { access_token } = await provider.signIn('bob');
  assert.equal((await auth.send(access_token)).tier, 'free');
});

test('a machine with its own credentials is let in', async () => {
  const principal = await auth.send(await provider.clientToken());
  assert.deepEqual([principal.user, principal.tier], ['claude-code', 'enterprise']);
});

test('the ID token and the refresh token of the same sign-in are refused', async () => {
  const { id_token = '', refresh_token = '' } = await provider.signIn('ada');
  assert.ok(id_token !== '' && refresh_token !== '');
  assert.equal(await codeOf(auth.send(id_token)), 'invalid_credential');
  assert.equal(await codeOf(auth.send(refresh_token)), 'invalid_credential');
});

test('an ID token is refused even where its audience is the expected one', async () => {
  const { id_token = '' } = await provider.signIn('ada');
  const audience = 'claude-code';
  assert.equal(openToken(id_token)[1].aud, audience);
  const verifier = createTokenVerifier({ issuer: provider.issuer, audience, fetch, clock });
  await assert.rejects(verifier.verify(id_token), (error: Error) =>
    /not an access token|header typ/.test(String(error.cause)),
  );
  verifier.close();
});

test('an expired token is told so', async () => {
  const token = await provider.clientToken();
  ahead = 2 * 60 * MINUTE + 31 * SECOND;
  try {
    assert.equal(await codeOf(auth.send(token)), 'expired_credential');
  } finally {
    ahead = 0;
  }
});

test('keys that rotate in the midst of traffic lose not one good token', async () => {
  const fresh = startAuth(provider.issuer, clock);
  const codes: string[] = [];
  for (let round = 0; round < 5; round += 1) {
    const earlier = await provider.clientToken();
    await provider.rotate();
    const tokens = await Promise.all(Array.from({ length: 10 }, () => provider.clientToken()));
    codes.push(...(await Promise.all([earlier, ...tokens].map((token) => codeOf(fresh.send(token))))));
    ahead += MINUTE;
  }
  ahead = 0;
  fresh.verifier.close();
  assert.equal(codes.length, 55);
  assert.deepEqual([...new Set(codes)], ['accepted']);
});

test('with the provider down for an hour known keys still verify', async () => {
  const fresh = startAuth(provider.issuer, clock);
  const tokens = await Promise.all(Array.from({ length: 61 }, () => provider.clientToken()));
  assert.equal(await codeOf(fresh.send(tokens.pop() ?? '')), 'accepted');
  provider.down = true;
  try {
    for (const token of tokens) {
      ahead += MINUTE;
      assert.equal(await codeOf(fresh.send(token)), 'accepted', `after ${ahead / MINUTE} minutes`);
      await fresh.fetchesEnded();
    }
    assert.deepEqual([fresh.verifier.health().keys, fresh.verifier.health().failing], ['stale', true]);
  } finally {
    provider.down = false;
    ahead = 0;
    fresh.verifier.close();
  }
});

test('a thousand tokens with unknown key ids cost one fetch in 30 seconds', async () => {
  const fresh = startAuth(provider.issuer, clock);
  const good = await provider.clientToken();
  await fresh.send(good);
  const [header, payload] = openToken(good);
  const { privateKey } = await generateKeyPair('ES256');
  const forge = (kid: string) =>
    new SignJWT(payload).setProtectedHeader({ ...header, alg: 'ES256', kid }).sign(privateKey);
  const flood = await Promise.all(Array.from({ length: 1000 }, (_, index) => forge(`made-up-${index}`)));
  const before = { ...provider.requests };
  for (const [index, token] of flood.entries()) {
    ahead = Math.floor((index * 89 * SECOND) / flood.length);
    assert.equal(await codeOf(fresh.send(token)), 'invalid_credential');
  }
  assert.equal(await codeOf(fresh.send(await provider.clientToken())), 'accepted');
  ahead = 0;
  fresh.verifier.close();
  assert.deepEqual(provider.requests, { discovery: before.discovery, keys: before.keys + 3 });
});
