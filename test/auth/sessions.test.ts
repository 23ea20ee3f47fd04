import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { digestOf } from '../../src/auth/digest.ts';
import { createSessions, REUSE_GRACE } from '../../src/auth/sessions.ts';
import { openTestRecords } from '../support/test-records.ts';

const START = Date.parse('2026-11-22T08:00:00Z');
const HOUR = 3_600_000;
let now = START;
let serial = 0;
const records = openTestRecords(() => now);
const sessions = createSessions({
  records,
  random: randomBytes,
  randomText: () => `session-${++serial}`,
  clock: () => now,
  accessLife: HOUR,
  sessionLife: 12 * HOUR,
});

const ADA = {
  owner: { issuer: 'https://idp.example/realms/hub', sub: 'ada' },
  sid: 'sid-1',
  user: 'ada',
  email: null,
};
const welcome = () => Promise.resolve(true);

const begin = () => {
  now = START;
  return sessions.start(ADA);
};
const isOpen = async (token: string) => (await sessions.find(digestOf(token))) !== null;

test('a session is found by its access token until that ends', async () => {
  const { accessToken, expiresIn, session } = await begin();
  assert.equal(expiresIn, 3600);
  assert.deepEqual(await sessions.find(digestOf(accessToken)), session);
  now += HOUR;
  assert.equal(await isOpen(accessToken), false);
});

test('renewing gives a new pair, and the earlier access token goes on', async () => {
  const first = await begin();
  now += HOUR / 2;
  const second = await sessions.renew(first.refreshToken, welcome);
  assert.ok(second);
  assert.notEqual(second.refreshToken, first.refreshToken);
  assert.equal(second.session.id, first.session.id);
  assert.ok((await isOpen(first.accessToken)) && (await isOpen(second.accessToken)));
});

test('two clients that renew at once with one token both go on', async () => {
  const { refreshToken } = await begin();
  const pairs = await Promise.all([1, 2, 3].map(() => sessions.renew(refreshToken, welcome)));
  assert.equal(pairs.filter((pair) => pair !== null).length, 3);
  now += REUSE_GRACE;
  const late = await sessions.renew(refreshToken, welcome);
  assert.ok(late, 'the last moment of the grace');
});

test('a refresh token that comes back later ends the session, for the thief and for its owner', async () => {
  const first = await begin();
  const second = await sessions.renew(first.refreshToken, welcome);
  assert.ok(second);
  now += REUSE_GRACE + 1;
  assert.equal(await sessions.renew(first.refreshToken, welcome), null);
  assert.equal(await isOpen(second.accessToken), false);
  assert.equal(await sessions.renew(second.refreshToken, welcome), null);
});

test('a session whose owner is not welcome ends, and its refresh token was not used up for nothing', async () => {
  const { accessToken, refreshToken } = await begin();
  await assert.rejects(
    sessions.renew(refreshToken, () => Promise.reject(new Error('nobody knows'))),
    /nobody knows/,
  );
  assert.ok(await isOpen(accessToken), 'an outage ends nothing');
  assert.equal(await sessions.renew(refreshToken, () => Promise.resolve(false)), null);
  assert.equal(await isOpen(accessToken), false);
});

test('a session ends after its life, however often it was renewed', async () => {
  let { refreshToken } = await begin();
  for (now = START + HOUR / 2; now < START + 12 * HOUR - HOUR / 2; now += HOUR / 2) {
    const next = await sessions.renew(refreshToken, welcome);
    assert.ok(next);
    refreshToken = next.refreshToken;
  }
  const last = await sessions.renew(refreshToken, welcome);
  assert.equal(last?.expiresIn, 1800, 'no token outlives its session');
  now = START + 12 * HOUR;
  assert.equal(await sessions.renew(last.refreshToken, welcome), null);
});

for (const kind of ['accessToken', 'refreshToken'] as const) {
  test(`revoking the ${kind} ends the session`, async () => {
    const pair = await begin();
    await sessions.end(pair[kind]);
    assert.equal(await isOpen(pair.accessToken), false);
    assert.equal(await sessions.renew(pair.refreshToken, welcome), null);
  });
}

test('tokens that nobody made, mistyped ones and those of the other kind renew nothing', async () => {
  const { accessToken, refreshToken } = await begin();
  for (const token of ['', 'x', accessToken, `${refreshToken.slice(0, -1)}!`, refreshToken.slice(1)]) {
    assert.equal(await sessions.renew(token, welcome), null, token);
    await sessions.end(token === accessToken ? '' : token);
  }
  assert.ok(await isOpen(accessToken));
});

test('no token is in the store', async () => {
  const { accessToken, refreshToken } = await begin();
  for (const name of ['sessions', 'access-tokens', 'refresh-tokens']) {
    const stored = JSON.stringify(await records.collection(name).list());
    for (const token of [accessToken, refreshToken]) assert.ok(!stored.includes(token.slice(5, 40)));
  }
});
