import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFindOwner } from '../../src/auth/owners.ts';
import type { PersonState, Realm } from '../../src/auth/realm.ts';
import { openTestRecords } from '../support/test-records.ts';

const ISSUER = 'https://idp.example/realms/hub';
const START = Date.parse('2026-11-22T08:00:00Z');
let now = START;
const records = openTestRecords(() => now);
let collections = 0;

/** A realm with one person whose state the test sets; replicas share one store. */
function setUp() {
  now = START;
  const known = records.collection(`owners-${++collections}`);
  const world = {
    asked: 0,
    state: { kind: 'active', claims: { preferred_username: 'ada', groups: ['pro'] } } as PersonState,
    isAway: false,
  };
  const realm = {
    issuer: ISSUER,
    canAsk: true,
    async lookUp(sub: string) {
      world.asked += 1;
      if (world.isAway) throw new TypeError('fetch failed');
      if (sub === 'odd') throw new Error('the realm answered with 500');
      return world.state;
    },
  } as unknown as Realm;
  const replica = () =>
    createFindOwner({
      realms: [realm],
      staticTier: (user) => (user === 'bob' ? 'free' : null),
      known,
      checkEvery: 60_000,
      clock: () => now,
    });
  return { world, replica };
}
const ADA = { issuer: ISSUER, sub: 'ada' };

test('an owner is asked about once a minute, however many ask at once', async () => {
  const { world, replica } = setUp();
  const find = replica();
  await Promise.all(Array.from({ length: 50 }, () => find(ADA)));
  now += 59_999;
  assert.equal((await find(ADA))?.user, 'ada');
  assert.equal(world.asked, 1);
  now += 1;
  await find(ADA);
  assert.equal(world.asked, 2);
});

test('a new tier counts, and a disabled owner is gone, within the minute', async () => {
  const { world, replica } = setUp();
  const find = replica();
  await find(ADA);
  world.state = { kind: 'active', claims: { groups: ['enterprise'] } };
  now += 60_000;
  assert.deepEqual((await find(ADA))?.basis, { claims: { groups: ['enterprise'] } });
  world.state = { kind: 'gone' };
  now += 60_000;
  assert.equal(await find(ADA), null);
});

test('while the realm is away the last answer counts for a day, on a new replica too', async () => {
  const { world, replica } = setUp();
  await replica()(ADA);
  world.isAway = true;
  now += 3_600_000;
  const late = replica();
  assert.equal((await late(ADA))?.user, 'ada');
  now += 23 * 3_600_000;
  await assert.rejects(late(ADA), { code: 'identity_unavailable' });
});

test('who was gone stays gone while the realm is away, and who was never seen is not let in', async () => {
  const { world, replica } = setUp();
  world.state = { kind: 'gone' };
  await replica()(ADA);
  world.isAway = true;
  now += 61_000;
  assert.equal(await replica()(ADA), null);
  await assert.rejects(replica()({ issuer: ISSUER, sub: 'stranger' }), { code: 'identity_unavailable' });
});

test('a realm that does not answer is asked every five seconds at most', async () => {
  const { world, replica } = setUp();
  const find = replica();
  world.isAway = true;
  for (let index = 0; index < 20; index += 1)
    await assert.rejects(find({ issuer: ISSUER, sub: `person-${index}` }));
  assert.equal(world.asked, 1);
  now += 5000;
  world.isAway = false;
  assert.ok(await find(ADA));
});

test('somebody about whom the realm gives no answer does not stop the others', async () => {
  const { world, replica } = setUp();
  const find = replica();
  for (let tries = 0; tries < 3; tries += 1)
    await assert.rejects(find({ issuer: ISSUER, sub: 'odd' }), { code: 'identity_unavailable' });
  assert.equal(world.asked, 1);
  assert.ok(await find(ADA));
});

test('users of the static keys are looked up in the configuration', async () => {
  const { replica } = setUp();
  const find = replica();
  assert.deepEqual(await find({ issuer: 'static', sub: 'bob' }), { user: 'bob', basis: { tier: 'free' } });
  assert.equal(await find({ issuer: 'static', sub: 'gone' }), null);
  assert.equal(await find({ issuer: 'https://another.example', sub: 'ada' }), null);
});
