import assert from 'node:assert/strict';
import crypto, { randomBytes } from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import { mock, test } from 'node:test';
import type { AuthenticatorOptions } from '../../src/auth/authenticate.ts';
import { createAuthenticator } from '../../src/auth/authenticate.ts';
import { digestOf, subjectOf } from '../../src/auth/digest.ts';
import { createKeyring, hashKey, mintKey } from '../../src/auth/keys.ts';
import type { TokenVerifier, VerifiedToken } from '../../src/auth/oidc.ts';
import { expiredCredential, invalidCredential } from '../../src/auth/refusals.ts';
import type { ErrorCode } from '../../src/errors.ts';
import { GatewayError } from '../../src/errors.ts';
import { forgeToken } from '../support/forge-token.ts';

const ISSUER = 'https://idp.example/realms/hub';
const ADA = mintKey(randomBytes);
const ADA_TOO = mintKey(randomBytes);
const BOB = 'sk-ant-bobs-own-static-key';
const CAROL = 'a.static.key';
const keyring = createKeyring([
  { hash: hashKey(ADA), user: 'ada', tier: 'pro' },
  { hash: hashKey(ADA_TOO), user: 'ada', tier: 'free' },
  { hash: hashKey(BOB), user: 'bob', tier: 'free' },
  { hash: hashKey(CAROL), user: 'carol', tier: 'enterprise' },
]);

/** A token that the stub below answers as its `answer` claim says. */
const token = (answer: string, claims: Readonly<Record<string, unknown>> = {}) =>
  forgeToken({ alg: 'RS256' }, { iss: ISSUER, sub: answer, answer, ...claims }, () => 'c2lnbmF0dXJl');

const GROUPS: Readonly<Record<string, readonly string[]>> = {
  dora: ['pro'],
  erin: ['free', 'enterprise'],
  fay: [],
};

/** A verifier that knows its users by name; `recalls` are tokens that it has seen before. */
function stubVerifier(recalls: readonly string[] = []) {
  const calls = { verify: 0, recall: 0 };
  const answers: Readonly<Record<string, () => GatewayError>> = {
    expired: expiredCredential,
    forged: () => invalidCredential('forged'),
    unavailable: () =>
      new GatewayError('identity_unavailable', 'The identity provider does not answer.', {
        retryAfterSeconds: 9,
      }),
  };
  const open = (text: string): VerifiedToken => {
    const claims = JSON.parse(Buffer.from(text.split('.')[1] ?? '', 'base64url').toString());
    const failure = answers[claims.answer];
    if (failure !== undefined) throw failure();
    const groups = GROUPS[claims.answer];
    return {
      issuer: ISSUER,
      subject: subjectOf(ISSUER, claims.sub),
      user: claims.answer,
      claims: { ...claims, groups },
      expiresAt: 0,
    };
  };
  const verifier: TokenVerifier = {
    issuer: ISSUER,
    recall(digest) {
      calls.recall += 1;
      const seen = recalls.find((text) => digestOf(text) === digest);
      return seen === undefined ? null : open(seen);
    },
    async verify(text, digest) {
      calls.verify += 1;
      assert.equal(digest, digestOf(text));
      return open(text);
    },
    verifyOpaque: () => Promise.resolve(null),
    verifyLogout: () => Promise.reject(new Error('not asked for here')),
    health: () => ({ issuer: ISSUER, keys: 'fresh', fetchedAt: 0, failing: false }),
    close: () => undefined,
  };
  return { verifier, calls };
}

function authenticatorOf(changes: Partial<AuthenticatorOptions> = {}) {
  return createAuthenticator({
    keyring,
    verifiers: [stubVerifier().verifier],
    tierRules: [{ claim: 'groups', values: { free: 'free', pro: 'pro', enterprise: 'enterprise' } }],
    defaultTier: null,
    tiers: [
      { name: 'free', rank: 0 },
      { name: 'pro', rank: 1 },
      { name: 'enterprise', rank: 2 },
    ],
    resourceMetadataUrl: 'https://gateway.example/.well-known/oauth-protected-resource',
    ...changes,
  });
}

const authenticate = authenticatorOf();
const bearer = (value: string) => ['Authorization', `Bearer ${value}`];
const apiKey = (value: string) => ['x-api-key', value];

async function refusalOf(answer: Promise<unknown>): Promise<GatewayError> {
  try {
    await answer;
  } catch (error) {
    assert.ok(error instanceof GatewayError, String(error));
    return error;
  }
  throw new Error('it was accepted');
}

const ACCEPTED: readonly (readonly [name: string, headers: readonly string[], user: string, tier: string])[] =
  [
    ['a static key as a Bearer token', bearer(ADA), 'ada', 'pro'],
    ['a static key as an API key', apiKey(ADA), 'ada', 'pro'],
    ['one key in both headers', [...bearer(ADA), ...apiKey(ADA)], 'ada', 'pro'],
    ['a static key that begins like an Anthropic key', apiKey(BOB), 'bob', 'free'],
    ['a static key that looks like a token', bearer(CAROL), 'carol', 'enterprise'],
    ['a token', bearer(token('dora')), 'dora', 'pro'],
    ['a token as an API key', apiKey(token('dora')), 'dora', 'pro'],
    ['a token with two groups, by the higher', bearer(token('erin')), 'erin', 'enterprise'],
    ['our key beside an Anthropic key', [...bearer(ADA), ...apiKey('sk-ant-api03-abc')], 'ada', 'pro'],
    ['our key beside a Claude login', [...bearer('sk-ant-oat01-abc'), ...apiKey(ADA)], 'ada', 'pro'],
    ['our key beside an unknown text', [...bearer('none-of-ours'), ...apiKey(ADA)], 'ada', 'pro'],
    ['our key beside another scheme', ['authorization', 'Basic YTpi', ...apiKey(ADA)], 'ada', 'pro'],
    ['our token beside an OpenAI key', [...apiKey('sk-proj-abc'), ...bearer(token('dora'))], 'dora', 'pro'],
    ['our key beside an expired token', [...bearer(token('expired')), ...apiKey(ADA)], 'ada', 'pro'],
    [
      'our key while a token beside it cannot be checked',
      [...bearer(token('unavailable')), ...apiKey(ADA)],
      'ada',
      'pro',
    ],
    ['two keys of one user, the one in authorization', [...apiKey(ADA), ...bearer(ADA_TOO)], 'ada', 'free'],
    [
      'two tokens of one user',
      [...bearer(token('dora')), ...apiKey(token('dora', { jti: 'two' }))],
      'dora',
      'pro',
    ],
  ];

for (const [name, headers, user, tier] of ACCEPTED) {
  test(`${name}: accepted`, async () => {
    const principal = await authenticate(headers);
    assert.deepEqual([principal.user, principal.tier], [user, tier]);
    assert.match(principal.subject, /^[0-9a-f]{64}$/);
    assert.deepEqual(Object.keys(principal), ['subject', 'user', 'tier']);
  });
}

const wellFormedButUnknown = mintKey(randomBytes);
const REFUSED: readonly (readonly [name: string, headers: readonly string[], code: ErrorCode])[] = [
  ['no header', [], 'missing_credential'],
  ['empty headers', ['authorization', '', 'x-api-key', ''], 'missing_credential'],
  ['another scheme', ['authorization', 'Basic YTpi'], 'missing_credential'],
  ['a key without its scheme', ['authorization', ADA], 'missing_credential'],
  ['an unknown key', bearer(wellFormedButUnknown), 'invalid_credential'],
  ['a mistyped key', bearer(`${ADA.slice(0, -1)}_`), 'invalid_credential'],
  ['half a key', bearer(ADA.slice(0, 20)), 'invalid_credential'],
  ['a key in other letters', bearer(ADA.toLowerCase()), 'invalid_credential'],
  ['two keys in one header', bearer(`${ADA}, Bearer ${ADA}`), 'invalid_credential'],
  ['the hash of a key', bearer(hashKey(ADA)), 'invalid_credential'],
  ['a forged token', bearer(token('forged')), 'invalid_credential'],
  ['a token of another issuer', bearer(token('dora', { iss: 'https://evil.example' })), 'invalid_credential'],
  ['a token of an issuer that is no text', bearer(token('dora', { iss: [ISSUER] })), 'invalid_credential'],
  [
    'a token whose payload is no object',
    bearer(forgeToken({ alg: 'RS256' }, 'null', () => 'c2ln')),
    'invalid_credential',
  ],
  ['a token whose payload is no JSON', bearer('abc.abc.abc'), 'invalid_credential'],
  ['an encrypted token of five parts', bearer('a.b.c.d.e'), 'invalid_credential'],
  ['an expired token', bearer(token('expired')), 'expired_credential'],
  ['a Claude login', bearer('sk-ant-oat01-abc'), 'foreign_credential'],
  ['an Anthropic key', apiKey('sk-ant-api03-abc'), 'foreign_credential'],
  ['an OpenAI key', bearer('sk-proj-abc'), 'foreign_credential'],
  ['two foreign keys', [...bearer('sk-proj-abc'), ...apiKey('sk-ant-api03-abc')], 'foreign_credential'],
  [
    'an expired token beside a foreign key',
    [...apiKey('sk-ant-api03-abc'), ...bearer(token('expired'))],
    'expired_credential',
  ],
  [
    'an unknown key beside a foreign key',
    [...bearer('sk-ant-oat01-abc'), ...apiKey(wellFormedButUnknown)],
    'invalid_credential',
  ],
  ['a token that cannot be checked now', bearer(token('unavailable')), 'identity_unavailable'],
  [
    'a token that cannot be checked beside a foreign key',
    [...bearer(token('unavailable')), ...apiKey('sk-ant-api03-abc')],
    'identity_unavailable',
  ],
  ['keys of two users', [...bearer(ADA), ...apiKey(BOB)], 'invalid_credential'],
  ['a key and a token of two users', [...bearer(token('dora')), ...apiKey(ADA)], 'invalid_credential'],
  [
    'a token that only shares its name with a static user',
    [...bearer(token('dora', { sub: 'ada' })), ...apiKey(ADA)],
    'invalid_credential',
  ],
  [
    'a key and a token without a subscription of two users',
    [...bearer(token('fay')), ...apiKey(ADA)],
    'invalid_credential',
  ],
  ['a user without a subscription', bearer(token('fay')), 'no_subscription'],
  ['one header sent twice', [...bearer(ADA), ...bearer(ADA)], 'ambiguous_credential'],
  ['a header of 9 KiB', bearer('a'.repeat(9 * 1024)), 'headers_too_large'],
];

for (const [name, headers, code] of REFUSED) {
  test(`${name}: ${code}`, async () => {
    const refusal = await refusalOf(authenticate(headers));
    assert.equal(refusal.code, code);
    const sent = headers.filter((_, index) => index % 2 === 1).flatMap((value) => value.split(' '));
    const told = `${refusal.message} ${JSON.stringify(refusal.details)} ${refusal.details.cause} ${refusal.stack}`;
    for (const part of sent.filter((text) => text.length > 6))
      assert.ok(!told.includes(part), 'the value was repeated');
  });
}

test('a default tier serves a user whom no rule fits', async () => {
  const principal = await authenticatorOf({ defaultTier: 'free' })(bearer(token('fay')));
  assert.equal(principal.tier, 'free');
});

test('a tier that has changed counts from the next token on', async () => {
  const before = await authenticate(bearer(token('dora', { sub: 's' })));
  const later = await authenticate(bearer(token('erin', { sub: 's' })));
  assert.deepEqual([before.tier, later.tier], ['pro', 'enterprise']);
  assert.equal(before.subject, later.subject);
});

test('unknown, mistyped and forged credentials are answered with one and the same sentence', async () => {
  const sent = [
    wellFormedButUnknown,
    `lgw_${'0'.repeat(49)}`,
    'opaque',
    token('forged'),
    token('dora', { iss: 'x' }),
    'a.b.c',
  ];
  const answers = await Promise.all(sent.map((value) => refusalOf(authenticate(bearer(value)))));
  assert.equal(new Set(answers.map(({ message }) => message)).size, 1);
  assert.equal(new Set(answers.map(({ details }) => JSON.stringify(details.headers))).size, 1);
});

test('the reason is kept for the log', async () => {
  const reasonOf = async (value: string) =>
    String((await refusalOf(authenticate(bearer(value)))).details.cause);
  assert.match(await reasonOf(wellFormedButUnknown), /well-formed key that is unknown/);
  assert.match(await reasonOf(`lgw_${'0'.repeat(49)}`), /checksum/);
  assert.match(await reasonOf(token('dora', { iss: 'x' })), /issuer/);
  assert.match(await reasonOf('opaque'), /neither/);
});

const challengeOf = (refusal: GatewayError) => refusal.details.headers?.['www-authenticate'];
const METADATA = 'resource_metadata="https://gateway.example/.well-known/oauth-protected-resource"';

test('without a credential the challenge names no error', async () => {
  assert.equal(challengeOf(await refusalOf(authenticate([]))), `Bearer realm="llm-gateway", ${METADATA}`);
});

test('a refused credential is challenged with invalid_token and the sentence of the body', async () => {
  for (const value of [token('expired'), 'sk-ant-api03-abc', 'opaque']) {
    const refusal = await refusalOf(authenticate(bearer(value)));
    assert.equal(
      challengeOf(refusal),
      `Bearer realm="llm-gateway", error="invalid_token", error_description="${refusal.message}", ${METADATA}`,
    );
  }
});

test('a sentence with quotes does not break the challenge', async () => {
  const challenge = challengeOf(await refusalOf(authenticate([...bearer(ADA), ...apiKey(BOB)])));
  assert.match(challenge ?? '', /error_description="[^"\\]+", resource_metadata="[^"]+"$/);
});

test('without an address of the metadata the challenge leaves it out', async () => {
  const refusal = await refusalOf(authenticatorOf({ resourceMetadataUrl: undefined })([]));
  assert.equal(challengeOf(refusal), 'Bearer realm="llm-gateway"');
});

test('answers other than 401 carry no challenge, and an unavailable provider keeps its retry time', async () => {
  const refusal = await refusalOf(authenticate(bearer(token('unavailable'))));
  assert.equal(challengeOf(refusal), undefined);
  assert.equal(refusal.details.retryAfterSeconds, 9);
});

test('a challenge is plain ASCII on one line', async () => {
  for (const [, headers] of REFUSED) {
    const challenge = challengeOf(await refusalOf(authenticate(headers)));
    assert.match(challenge ?? '', /^[\x20-\x7e]*$/);
  }
});

test('a foreign key is told which key to use', async () => {
  for (const value of ['sk-ant-oat01-abc', 'sk-ant-api03-abc', 'sk-abc']) {
    assert.match(
      (await refusalOf(authenticate(bearer(value)))).message,
      /send the key of this gateway instead/,
    );
  }
});

test('without an identity provider a token is simply not valid', async () => {
  assert.equal(
    (await refusalOf(authenticatorOf({ verifiers: [] })(bearer(token('dora'))))).code,
    'invalid_credential',
  );
});

test('of several issuers the one that the token names verifies it', async () => {
  const other = {
    ...stubVerifier().verifier,
    issuer: 'https://other.example',
    verify: () => Promise.reject(new Error('asked')),
  };
  const both = authenticatorOf({ verifiers: [other, stubVerifier().verifier] });
  assert.equal((await both(bearer(token('dora')))).user, 'dora');
});

test('a fault in a verifier is not mistaken for a refusal', async () => {
  const broken = { ...stubVerifier().verifier, verify: () => Promise.reject(new RangeError('a bug')) };
  await assert.rejects(authenticatorOf({ verifiers: [broken] })(bearer(token('dora'))), RangeError);
});

/** Counts node's one-shot hashes while `act` runs. */
async function hashesDuring(act: () => Promise<unknown>): Promise<number> {
  const hash = mock.method(crypto, 'hash');
  syncBuiltinESMExports();
  try {
    await act();
    return hash.mock.callCount();
  } finally {
    hash.mock.restore();
    syncBuiltinESMExports();
  }
}

test('a static key costs one hash and one lookup, and no verifier is asked', async () => {
  const { verifier, calls } = stubVerifier();
  const find = mock.fn(keyring.find);
  const counted = authenticatorOf({ keyring: { find, size: keyring.size }, verifiers: [verifier] });
  assert.equal(await hashesDuring(() => counted([...bearer(ADA), ...apiKey(ADA)])), 1);
  assert.equal(find.mock.callCount(), 1);
  assert.deepEqual(calls, { verify: 0, recall: 0 });
});

test('a token seen before costs one hash and one cache hit, and is not opened', async () => {
  const seen = token('dora');
  const recall = mock.fn(
    (): VerifiedToken => ({
      issuer: ISSUER,
      subject: 's',
      user: 'dora',
      claims: { groups: 'pro' },
      expiresAt: 0,
    }),
  );
  const { verifier, calls } = stubVerifier();
  const counted = authenticatorOf({ verifiers: [{ ...verifier, recall }] });
  assert.equal(await hashesDuring(() => counted(bearer(seen))), 1);
  assert.equal(recall.mock.callCount(), 1);
  assert.equal(calls.verify, 0);
});
