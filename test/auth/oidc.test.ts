import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, beforeEach, test } from 'node:test';
import { generateKeyPair } from 'jose';
import { digestOf } from '../../src/auth/digest.ts';
import type { TokenVerifier, TokenVerifierOptions } from '../../src/auth/oidc.ts';
import { createTokenVerifier } from '../../src/auth/oidc.ts';
import { GatewayError } from '../../src/errors.ts';
import type { Claims, SignOptions } from '../support/fake-issuer.ts';
import { startFakeIssuer } from '../support/fake-issuer.ts';

const START = Date.parse('2026-11-22T12:00:00Z');
const SECOND = 1000;
const MINUTE = 60 * SECOND;
let now = START;
const fake = await startFakeIssuer({ clock: () => now });
for (const algorithm of ['PS256', 'ES256', 'EdDSA', 'RS384', 'RS256']) await fake.rotate({ algorithm });

const open: TokenVerifier[] = [];
after(async () => {
  for (const verifier of open) verifier.close();
  await fake.close();
});
beforeEach(() => {
  now = START;
  fake.behaviour.discovery = { kind: 'ok' };
  fake.behaviour.keys = { kind: 'ok' };
  fake.publish(fake.published());
});

function startVerifier(changes: Partial<TokenVerifierOptions> = {}): TokenVerifier {
  const verifier = createTokenVerifier({
    issuer: fake.issuer,
    audience: 'llm-gateway',
    fetch,
    clock: () => now,
    every: () => () => undefined,
    ...changes,
  });
  open.push(verifier);
  return verifier;
}

const verifier = startVerifier();

const codeOf = (answer: Promise<unknown>) =>
  answer.then(
    () => 'accepted',
    (error: unknown) => (error instanceof GatewayError ? error.code : `another error: ${String(error)}`),
  );

test('a Keycloak access token is accepted and says who it is', async () => {
  const verified = await verifier.verify(await fake.sign({ sub: 'user-1', preferred_username: 'ada' }));
  assert.equal(verified.issuer, fake.issuer);
  assert.equal(verified.user, 'ada');
  assert.equal(verified.subject, createHash('sha256').update(`${fake.issuer}\0user-1`).digest('hex'));
  assert.equal(verified.expiresAt, START + 300 * SECOND);
  assert.deepEqual(verified.claims.resource_access, { 'llm-gateway': { roles: ['tier-pro'] } });
});

const ACCEPTED: readonly (readonly [name: string, claims: Claims, options?: SignOptions])[] = [
  ['signed with PS256', {}, { algorithm: 'PS256' }],
  ['signed with ES256', {}, { algorithm: 'ES256' }],
  ['signed with Ed25519', {}, { algorithm: 'EdDSA' }],
  ['for several audiences', { aud: ['account', 'llm-gateway'] }],
  ['of RFC 9068, with no kind in its payload', { typ: undefined }, { header: { typ: 'at+jwt' } }],
  ['of RFC 9068 with the long type', { typ: undefined }, { header: { typ: 'application/at+jwt' } }],
  ['with its type in other letters', {}, { header: { typ: 'jwt' } }],
  ['with both kinds stated', {}, { header: { typ: 'at+jwt' } }],
  ['without a name', { preferred_username: undefined }],
  ['with an actor, as impersonation writes it', { act: { sub: 'admin' } }],
];

for (const [name, claims, options] of ACCEPTED) {
  test(`a token ${name} is accepted`, async () => {
    assert.equal(await codeOf(verifier.verify(await fake.sign(claims, options))), 'accepted');
  });
}

const at = Math.floor(START / 1000);
const EDGES: readonly (readonly [name: string, claims: Claims, expected: string])[] = [
  ['that ends in a second', { exp: at + 1 }, 'accepted'],
  ['that ended 29 seconds ago', { exp: at - 29 }, 'accepted'],
  ['that ended 30 seconds ago', { exp: at - 30 }, 'expired_credential'],
  ['that ended a year ago', { exp: at - 31_536_000 }, 'expired_credential'],
  ['that begins in 30 seconds', { nbf: at + 30 }, 'accepted'],
  ['that begins in 31 seconds', { nbf: at + 31 }, 'invalid_credential'],
  ['of a time before 1970', { exp: -1 }, 'expired_credential'],
];

for (const [name, claims, expected] of EDGES) {
  test(`a token ${name}: ${expected}`, async () => {
    assert.equal(await codeOf(verifier.verify(await fake.sign(claims))), expected);
  });
}

test('without tolerance a token ends on the second', async () => {
  const strict = startVerifier({ clockSkewSeconds: 0 });
  assert.equal(await codeOf(strict.verify(await fake.sign({ exp: at + 1 }))), 'accepted');
  assert.equal(await codeOf(strict.verify(await fake.sign({ exp: at }))), 'expired_credential');
});

test('"expired" is said of genuine access tokens alone', async () => {
  const { privateKey } = await generateKeyPair('RS256');
  const gone = { exp: at - 600 };
  assert.equal(await codeOf(verifier.verify(await fake.sign(gone))), 'expired_credential');
  assert.equal(
    await codeOf(verifier.verify(await fake.sign(gone, { key: privateKey }))),
    'invalid_credential',
  );
  assert.equal(await codeOf(verifier.verify(await fake.sign({ ...gone, typ: 'ID' }))), 'invalid_credential');
  assert.equal(
    await codeOf(verifier.verify(await fake.sign({ ...gone, aud: 'account' }))),
    'invalid_credential',
  );
});

test('an algorithm that is configured is accepted, one that is not is refused', async () => {
  const token = await fake.sign({}, { algorithm: 'RS384' });
  assert.equal(await codeOf(verifier.verify(token)), 'invalid_credential');
  assert.equal(await codeOf(startVerifier({ algorithms: ['RS384'] }).verify(token)), 'accepted');
});

test('a key published for encryption verifies nothing', async () => {
  const token = await fake.sign();
  const [signing, ...others] = fake.published();
  fake.publish([{ ...signing, use: 'enc' }, ...others]);
  assert.equal(await codeOf(startVerifier().verify(token)), 'invalid_credential');
});

test('an issuer with keys of other algorithms alone is as good as unreachable', async () => {
  fake.publish(fake.published().filter(({ alg }) => alg === 'RS384'));
  const fresh = startVerifier();
  assert.equal(await codeOf(fresh.verify(await fake.sign())), 'identity_unavailable');
  assert.equal(fresh.health().failing, true);
});

test('a token of another issuer with an unknown key id costs no fetch', async () => {
  const fresh = startVerifier();
  await fresh.verify(await fake.sign());
  const before = fake.requests.keys;
  const token = await fake.sign({ iss: 'https://evil.example' }, { header: { kid: 'unknown' } });
  assert.equal(await codeOf(fresh.verify(token)), 'invalid_credential');
  assert.equal(fake.requests.keys, before);
});

test('a key published for another algorithm verifies nothing', async () => {
  const token = await fake.sign();
  const [signing, ...others] = fake.published();
  fake.publish([{ ...signing, alg: 'PS256' }, ...others]);
  assert.equal(await codeOf(startVerifier().verify(token)), 'invalid_credential');
});

test('one damaged key among the published does not spoil the others', async () => {
  fake.publish([{ kty: 'RSA', use: 'sig', alg: 'RS256', kid: 'damaged', n: '!', e: 7 }, ...fake.published()]);
  assert.equal(await codeOf(startVerifier().verify(await fake.sign())), 'accepted');
});

test('a token without a key id passes where one key fits and nowhere else', async () => {
  const token = await fake.sign({}, { header: { kid: undefined } });
  assert.equal(await codeOf(startVerifier().verify(token)), 'invalid_credential');
  fake.publish(fake.published().slice(0, 1));
  assert.equal(await codeOf(startVerifier().verify(token)), 'accepted');
});

test('a token without a key id that no key fits costs no fetch', async () => {
  fake.publish(fake.published().filter(({ alg }) => alg === 'RS256'));
  const fresh = startVerifier();
  await fresh.verify(await fake.sign());
  const before = fake.requests.keys;
  const token = await fake.sign({}, { header: { kid: undefined }, algorithm: 'ES256' });
  assert.equal(await codeOf(fresh.verify(token)), 'invalid_credential');
  assert.equal(fake.requests.keys, before);
});

test('a verified token is remembered for a minute by its whole text', async () => {
  const fresh = startVerifier();
  const token = await fake.sign();
  assert.equal(fresh.recall(digestOf(token)), null);
  const first = await fresh.verify(token);
  now += MINUTE - 1;
  assert.equal(fresh.recall(digestOf(token)), first);
  assert.equal(await fresh.verify(token), first);
  now += 1;
  assert.equal(fresh.recall(digestOf(token)), null);
  assert.notEqual(await fresh.verify(token), first);
});

test('a remembered token is forgotten when it ends', async () => {
  const fresh = startVerifier();
  const token = await fake.sign({ exp: at + 5 });
  await fresh.verify(token);
  now += 5 * SECOND;
  assert.equal(fresh.recall(digestOf(token)), null);
  now += 30 * SECOND;
  assert.equal(await codeOf(fresh.verify(token)), 'expired_credential');
});

test('a remembered token vouches for no other text, be it one character away', async () => {
  const fresh = startVerifier();
  const token = await fake.sign();
  await fresh.verify(token);
  for (const position of [token.length - 2, token.indexOf('.') + 5, 25]) {
    const other = `${token.slice(0, position)}${token[position] === 'A' ? 'B' : 'A'}${token.slice(position + 1)}`;
    assert.equal(await codeOf(fresh.verify(other)), 'invalid_credential', `position ${position}`);
  }
});

test('a refused token is not remembered: it passes once its time has come', async () => {
  const fresh = startVerifier();
  const token = await fake.sign({ nbf: at + 40 });
  assert.equal(await codeOf(fresh.verify(token)), 'invalid_credential');
  now += 10 * SECOND;
  assert.equal(await codeOf(fresh.verify(token)), 'accepted');
});

const NAMES: readonly (readonly [claims: Claims, user: string])[] = [
  [{ preferred_username: 'ada' }, 'ada'],
  [{ preferred_username: undefined, sub: 'user-1', email: 'ada@example.com' }, 'user-1'],
  [{ preferred_username: '', sub: 'user-1' }, 'user-1'],
  [{ preferred_username: ['ada'], sub: 'user-1' }, 'user-1'],
  [{ preferred_username: ' a\u0000d\r\na\u202e ' }, 'ada'],
  [{ preferred_username: 'x'.repeat(1000) }, 'x'.repeat(128)],
  [{ preferred_username: undefined, sub: '\u0007' }, 'unnamed'],
];

for (const [claims, user] of NAMES) {
  test(`claims ${JSON.stringify(claims).slice(0, 70)} are shown as ${user.slice(0, 10)}`, async () => {
    assert.equal((await verifier.verify(await fake.sign(claims))).user, user);
  });
}

test('one user has one subject whatever the name, the issuer and the subject decide alone', async () => {
  const ada = await verifier.verify(await fake.sign({ sub: 'u', preferred_username: 'ada' }));
  const renamed = await verifier.verify(await fake.sign({ sub: 'u', preferred_username: 'bob' }));
  const impostor = await verifier.verify(await fake.sign({ sub: 'v', preferred_username: 'ada' }));
  assert.equal(ada.subject, renamed.subject);
  assert.notEqual(ada.subject, impostor.subject);
});

test('a new key is fetched when the first token signed with it arrives', async () => {
  const fresh = startVerifier();
  await fresh.verify(await fake.sign());
  await fake.rotate();
  assert.equal(await codeOf(fresh.verify(await fake.sign())), 'accepted');
});

test('a key that the issuer has withdrawn stops counting with the next fetch', async () => {
  const fresh = startVerifier();
  const token = await fake.sign({ exp: at + 3600 });
  assert.equal(await codeOf(fresh.verify(token)), 'accepted');
  fake.publish(fake.published().slice(1));
  now += 11 * MINUTE;
  await fresh.verify(await fake.sign({ exp: at + 3600 }, { algorithm: 'ES256' }));
  await waitForKeys(fresh);
  assert.equal(await codeOf(fresh.verify(token)), 'invalid_credential');
});

test('the last tokens of a retired key are told that they have expired, without a fetch', async () => {
  const fresh = startVerifier();
  const token = await fake.sign({ exp: at + 60 });
  fake.publish(fake.published().slice(1));
  await fresh.verify(await fake.sign({}, { algorithm: 'ES256' }));
  const before = fake.requests.keys;
  now += 2 * MINUTE;
  assert.equal(await codeOf(fresh.verify(token)), 'expired_credential');
  assert.equal(fake.requests.keys, before);
});

test('an issuer that publishes no usable key any more leaves the known ones in force', async () => {
  const fresh = startVerifier();
  await fresh.verify(await fake.sign());
  fake.publish([]);
  now += 11 * MINUTE;
  await fresh.verify(await fake.sign());
  await waitForKeys(fresh);
  assert.equal(fresh.health().failing, true);
  assert.equal(await codeOf(fresh.verify(await fake.sign({ sub: 'again' }))), 'accepted');
});

/** Lets a fetch in the background end; it is over when its result shows in the health. */
async function waitForKeys(fresh: TokenVerifier): Promise<void> {
  const ended = () => fresh.health().failing || (fresh.health().fetchedAt ?? 0) === now;
  for (let turn = 0; turn < 10_000 && !ended(); turn += 1)
    await new Promise((resolve) => setImmediate(resolve));
  assert.ok(ended());
}

test('starting does not wait for an issuer that is silent, and its first token waits no longer than allowed', async () => {
  fake.behaviour.discovery = { kind: 'silent' };
  const fresh = startVerifier({ timeoutMs: 50 });
  assert.equal(fresh.health().keys, 'unavailable');
  assert.equal(await codeOf(fresh.verify(await fake.sign())), 'identity_unavailable');
});

test('the keys are fetched at the start, before any token', async () => {
  const before = fake.requests.keys;
  const fresh = startVerifier();
  await waitForKeys(fresh);
  assert.equal(fake.requests.keys, before + 1);
  assert.deepEqual(fresh.health(), { issuer: fake.issuer, keys: 'fresh', fetchedAt: START, failing: false });
});

test('an idle gateway keeps its keys young with its timer, until it is closed', async () => {
  const timers: { ms: number; task: () => void; running: boolean }[] = [];
  const fresh = startVerifier({
    every: (ms, task) => {
      const timer = { ms, task, running: true };
      timers.push(timer);
      return () => {
        timer.running = false;
      };
    },
  });
  await waitForKeys(fresh);
  const before = fake.requests.keys;
  const [timer] = timers;
  now += 11 * MINUTE;
  timer?.task();
  await waitForKeys(fresh);
  assert.equal(fake.requests.keys, before + 1);
  fresh.close();
  assert.equal(timer?.running, false);
});

test('without a timer of the caller the real one does not keep the process alive', async () => {
  const fresh = createTokenVerifier({
    issuer: fake.issuer,
    audience: 'llm-gateway',
    fetch,
    clock: () => now,
  });
  await fresh.verify(await fake.sign());
  const timers = process.getActiveResourcesInfo().filter((name) => name === 'Timeout');
  assert.deepEqual(timers, []);
  fresh.close();
});

test('a failing and a mended issuer are logged, with a reason', async () => {
  const lines: string[] = [];
  const note = (level: string) => (fields: Claims, message: string) => {
    lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
  };
  fake.behaviour.discovery = { kind: 'answer', status: 503 };
  const fresh = startVerifier({ log: { info: note('info'), warn: note('warn') } });
  assert.equal(await codeOf(fresh.verify(await fake.sign())), 'identity_unavailable');
  fake.behaviour.discovery = { kind: 'ok' };
  now += 30 * SECOND;
  await fresh.verify(await fake.sign());
  assert.equal(lines.length, 2);
  assert.match(lines[0] ?? '', /^warn .*answered 503/);
  assert.match(lines[1] ?? '', /^info fetched/);
});

test('closing while keys are being fetched is not logged as a failure', async () => {
  const lines: unknown[] = [];
  fake.behaviour.discovery = { kind: 'silent' };
  const note = (_fields: Claims, message: string) => lines.push(message);
  const fresh = startVerifier({ log: { info: note, warn: note } });
  const waiting = codeOf(fresh.verify(await fake.sign()));
  fresh.close();
  assert.equal(await waiting, 'identity_unavailable');
  assert.deepEqual(lines, []);
});

const MISTAKES: readonly (readonly [
  name: string,
  options: Partial<TokenVerifierOptions>,
  expected: RegExp,
])[] = [
  ['an empty audience', { audience: '' }, /audience/],
  ['an issuer that is no URL', { issuer: 'keycloak' }, /"keycloak"/],
  ['no algorithm', { algorithms: [] }, /at least one/],
  ['a symmetric algorithm', { algorithms: ['RS256', 'HS256'] }, /"HS256"/],
  ['no signature as an algorithm', { algorithms: ['none'] }, /"none"/],
];

for (const [name, options, expected] of MISTAKES) {
  test(`${name} stops the start`, () => {
    assert.throws(
      () => startVerifier(options),
      (error: Error) => error instanceof TypeError && expected.test(error.message),
    );
  });
}
