import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { createDeviceSignIn } from '../../src/auth/device-sign-in.ts';
import { openTestRecords } from '../support/test-records.ts';

const START = Date.parse('2026-11-22T08:00:00Z');
let now = START;
const records = openTestRecords(() => now);
const create = () =>
  createDeviceSignIn({
    records,
    random: randomBytes,
    clock: () => now,
    challengeOf: (text) => createHash('sha256').update(text).digest('base64url'),
  });
/** Two replicas over one store: each step takes the other one. */
const [here, there] = [create(), create()];

const ISSUER = 'https://idp.example/realms/hub';
const GRANT = { owner: { issuer: ISSUER, sub: 'ada' }, sid: 'sid-1', user: 'ada', email: null };

async function begin() {
  now = START;
  const codes = await here.begin();
  assert.ok(codes);
  return codes;
}

test('a code is easy to type, says nothing, and waits for ten minutes', async () => {
  const { userCode, deviceCode, expiresIn, interval } = await begin();
  assert.match(userCode, /^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/);
  assert.match(deviceCode, /^[\w-]{43}$/);
  assert.deepEqual([expiresIn, interval], [600, 5]);
  for (const typed of [userCode, userCode.toLowerCase(), userCode.replace('-', ''), ` ${userCode} `]) {
    assert.ok(await there.isWaiting(typed), typed);
  }
  now += 600_000;
  assert.equal(await there.isWaiting(userCode), false);
  assert.deepEqual(await here.poll(deviceCode), { kind: 'expired' });
});

test('whoever asks too often is told to slow down, five seconds more each time', async () => {
  const { deviceCode } = await begin();
  assert.equal((await here.poll(deviceCode)).kind, 'pending');
  now += 1000;
  assert.equal((await there.poll(deviceCode)).kind, 'too-fast');
  now += 5000;
  assert.equal((await here.poll(deviceCode)).kind, 'too-fast', 'ten seconds are asked for now');
  now += 15_000;
  assert.equal((await there.poll(deviceCode)).kind, 'pending');
});

test('an approval is handed out once, whichever replica is asked', async () => {
  const { userCode, deviceCode } = await begin();
  const ticket = await here.propose({ userCode, grant: GRANT }, 'browser');
  assert.equal(await there.decide(ticket, 'browser', 'approve'), userCode);
  now += 5000;
  const polls = await Promise.all([here, there, here, there].map((replica) => replica.poll(deviceCode)));
  assert.deepEqual(
    polls.filter(({ kind }) => kind === 'approved'),
    [{ kind: 'approved', grant: GRANT }],
  );
  assert.equal(polls.filter(({ kind }) => kind === 'expired').length, 3);
});

test('a denial is told, and the code is used up', async () => {
  const { userCode, deviceCode } = await begin();
  const ticket = await here.propose({ userCode, grant: GRANT }, 'browser');
  assert.equal(await there.decide(ticket, 'browser', 'deny'), userCode);
  assert.equal(await there.isWaiting(userCode), false);
  assert.deepEqual(await here.poll(deviceCode), { kind: 'denied' });
});

test('a ticket works once, and only in the browser that signed in', async () => {
  const { userCode, deviceCode } = await begin();
  const stolen = await here.propose({ userCode, grant: GRANT }, 'browser');
  assert.equal(await here.decide(stolen, 'another', 'approve'), null);
  assert.equal(await here.decide(stolen, 'browser', 'approve'), null, 'it was shown to somebody else');
  const ticket = await here.propose({ userCode, grant: GRANT }, 'browser');
  assert.equal(await here.decide(ticket, 'browser', 'approve'), userCode);
  assert.equal(await here.decide(ticket, 'browser', 'deny'), null);
  assert.equal((await here.poll(deviceCode)).kind, 'approved');
});

test('two people who answer for one code: the first counts', async () => {
  const { userCode, deviceCode } = await begin();
  const [mine, theirs] = [
    await here.propose({ userCode, grant: GRANT }, 'mine'),
    await there.propose({ userCode, grant: { ...GRANT, user: 'eve' } }, 'theirs'),
  ];
  assert.equal(await here.decide(mine, 'mine', 'approve'), userCode);
  assert.equal(await there.decide(theirs, 'theirs', 'approve'), null);
  const poll = await here.poll(deviceCode);
  assert.equal(poll.kind === 'approved' && poll.grant.user, 'ada');
});

test('a state works once, and only in the browser that left with it', async () => {
  const { userCode } = await begin();
  const first = await here.leave(userCode, 'browser', ISSUER);
  assert.equal(await there.returned(first.state, 'another'), null);
  assert.equal(await there.returned(first.state, 'browser'), null);
  const second = await here.leave(userCode, 'browser', ISSUER);
  const back = await there.returned(second.state, 'browser');
  assert.equal(back?.userCode, userCode);
  assert.equal(back.issuer, ISSUER);
  const challenge = createHash('sha256').update(back.codeVerifier).digest('base64url');
  assert.equal(challenge, second.codeChallenge);
  assert.equal(await there.returned(second.state, 'browser'), null);
});

test('a poll in the moment of the approval takes nothing away from it', async () => {
  for (let round = 0; round < 10; round += 1) {
    const { userCode, deviceCode } = await begin();
    const ticket = await here.propose({ userCode, grant: GRANT }, 'browser');
    const [decided, polled] = await Promise.all([
      here.decide(ticket, 'browser', 'approve'),
      there.poll(deviceCode),
    ]);
    assert.equal(decided, userCode);
    now += 60_000;
    if (polled.kind !== 'approved') assert.equal((await there.poll(deviceCode)).kind, 'approved');
  }
});

test('no code is in the store as it was given out', async () => {
  const { deviceCode } = await begin();
  const ticket = await here.propose({ userCode: 'BCDF-GHJK', grant: GRANT }, 'browser-secret');
  const { state } = await here.leave('BCDF-GHJK', 'browser-secret', ISSUER);
  for (const name of ['device-codes', 'user-codes', 'browser-sign-ins', 'sign-in-tickets']) {
    const stored = JSON.stringify(await records.collection(name).list());
    for (const secret of [deviceCode, ticket, state, 'browser-secret']) assert.ok(!stored.includes(secret));
  }
});
