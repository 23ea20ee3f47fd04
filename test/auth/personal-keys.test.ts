import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { digestOf, subjectOf } from '../../src/auth/digest.ts';
import { mintedPrefixOf } from '../../src/auth/minted.ts';
import { createPersonalKeys, type NewKey } from '../../src/auth/personal-keys.ts';
import { createRandomText } from '../../src/http/random-text.ts';
import { openTestRecords } from '../support/test-records.ts';

const START = Date.parse('2026-11-22T08:20:00Z');
const HOUR = 3_600_000;
let now = START;
const records = openTestRecords(() => now);
const create = () =>
  createPersonalKeys({ records, random: randomBytes, randomText: createRandomText(), clock: () => now });
/** Two replicas over one store. */
const [here, there] = [create(), create()];

let people = 0;
/** A key that somebody new wants. */
function wanted(changes: Partial<NewKey> = {}): NewKey {
  now = START;
  const owner = { issuer: 'https://idp.example/realms/hub', sub: `person-${++people}` };
  const usual = { kind: 'personal', name: 'laptop', user: 'ada', atMost: 20 } as const;
  return { ...usual, owner, expiresAt: START + 24 * HOUR, ...changes };
}

test('a key says what it is, is kept as a hash, and spends its owner’s quota', async () => {
  const { key, held } = await here.create(wanted());
  assert.equal(mintedPrefixOf(key), 'lgwp');
  assert.equal(held.subject, subjectOf(held.owner.issuer, held.owner.sub));
  assert.deepEqual(await there.find(digestOf(key)), held);
  const stored = JSON.stringify(await records.collection('keys').list());
  assert.ok(!stored.includes(key) && !stored.includes(key.slice(5, 48)));
});

test('a service key has a quota of its own', async () => {
  const one = await here.create(wanted({ kind: 'service' }));
  const two = await here.create({ ...wanted({ kind: 'service' }), owner: one.held.owner });
  assert.equal(mintedPrefixOf(one.key), 'lgws');
  const { issuer, sub } = one.held.owner;
  assert.equal(new Set([one.held.subject, two.held.subject, subjectOf(issuer, sub)]).size, 3);
});

test('a revoked key is out at once on every replica', async () => {
  const { key, held } = await here.create(wanted());
  assert.ok(await there.find(digestOf(key)));
  assert.equal(await here.revoke(held.owner, held.id), true);
  assert.equal(await there.find(digestOf(key)), null);
  assert.equal(await there.revoke(held.owner, held.id), false);
  assert.deepEqual(await there.list(held.owner), []);
});

test('nobody sees or revokes the keys of another', async () => {
  const mine = await here.create(wanted());
  const theirs = wanted().owner;
  assert.deepEqual(await here.list(theirs), []);
  assert.equal(await here.revoke(theirs, mine.held.id), false);
  assert.ok(await here.find(digestOf(mine.key)));
});

test('a key ends when it should', async () => {
  const { key, held } = await here.create(wanted());
  now = held.expiresAt - 1;
  assert.ok(await there.find(digestOf(key)));
  now = held.expiresAt;
  assert.equal(await there.find(digestOf(key)), null);
  assert.deepEqual(await there.list(held.owner), []);
});

test('of many that are made at once no more than allowed exist, and revoking one makes room', async () => {
  const one = wanted({ atMost: 3 });
  const tries = await Promise.allSettled(
    Array.from({ length: 10 }, (_, index) => (index % 2 ? here : there).create(one)),
  );
  assert.equal(tries.filter(({ status }) => status === 'fulfilled').length, 3);
  for (const failed of tries.filter((one) => one.status === 'rejected')) {
    assert.match(String(failed.reason), /as many as you may have/);
  }
  const [first] = await here.list(one.owner);
  assert.ok(first);
  await there.revoke(one.owner, first.id);
  await here.create(one);
  assert.equal((await here.list(one.owner)).length, 3);
});

test('the last use is told to the hour, and noted once an hour', async () => {
  const { key, held } = await here.create(wanted());
  const lastUse = async () => (await there.list(held.owner))[0]?.lastUsedAt;
  // Nobody waits for the note; it is written soon.
  const assertUsedAt = async (time: string) => {
    const expected = Date.parse(time);
    for (let turn = 0; turn < 1_000 && (await lastUse()) !== expected; turn++)
      await new Promise((resolve) => setImmediate(resolve));
    assert.equal(await lastUse(), expected);
  };
  assert.equal(await lastUse(), null);
  await here.find(digestOf(key));
  await assertUsedAt('2026-11-22T08:00:00Z');
  now += HOUR;
  await here.find(digestOf(key));
  await assertUsedAt('2026-11-22T09:00:00Z');
});
