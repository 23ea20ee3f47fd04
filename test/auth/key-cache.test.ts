import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KeyCache } from '../../src/auth/key-cache.ts';
import { createKeyCache, KEY_COOL_DOWN, KEY_MAX_AGE, KEY_STALE_LIMIT } from '../../src/auth/key-cache.ts';
import { GatewayError } from '../../src/errors.ts';

interface Keys {
  readonly serial: number;
}

/** A cache over an issuer that answers with a new object each time, until it is switched off. */
function setUp() {
  const world = { now: 1_000_000, up: true, loads: 0, attempts: [] as unknown[], gate: Promise.resolve() };
  const cache = createKeyCache<Keys>({
    clock: () => world.now,
    load: async () => {
      world.loads += 1;
      const serial = world.loads;
      await world.gate;
      if (!world.up) throw new Error('away');
      return { serial };
    },
    onAttempt: (failure) => world.attempts.push(failure),
  });
  return { world, cache };
}

const codeOf = (answer: Promise<unknown>) =>
  answer.then(
    () => 'no error',
    (error: unknown) => (error instanceof GatewayError ? error.code : 'another error'),
  );

/** Lets a fetch in the background end. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

test('the first caller waits for the first fetch, the next does not fetch', async () => {
  const { world, cache } = setUp();
  assert.deepEqual(await cache.current(), { serial: 1 });
  assert.deepEqual(await cache.current(), { serial: 1 });
  assert.equal(world.loads, 1);
});

test('a thousand callers at the first moment share one fetch', async () => {
  const { world, cache } = setUp();
  await Promise.all(Array.from({ length: 1000 }, () => cache.current()));
  assert.equal(world.loads, 1);
});

test('keys ten minutes old are fetched anew while callers go on with the old ones', async () => {
  const { world, cache } = setUp();
  await cache.current();
  world.now += KEY_MAX_AGE - 1;
  assert.equal((await cache.current()).serial, 1);
  assert.equal(world.loads, 1);
  world.now += 1;
  assert.equal((await cache.current()).serial, 1);
  assert.equal(world.loads, 2);
  await settle();
  assert.equal((await cache.current()).serial, 2);
});

test('a caller is not held up by an issuer that has become slow', async () => {
  const { world, cache } = setUp();
  await cache.current();
  world.now += KEY_MAX_AGE;
  world.gate = new Promise(() => undefined);
  assert.equal((await cache.current()).serial, 1);
});

test('with the issuer away known keys count for 24 hours and not a moment longer', async () => {
  const { world, cache } = setUp();
  await cache.current();
  world.up = false;
  world.now += KEY_STALE_LIMIT;
  assert.equal((await cache.current()).serial, 1);
  await settle();
  world.now += 1;
  assert.equal(await codeOf(cache.current()), 'identity_unavailable');
});

test('with the issuer away it is asked once in 30 seconds', async () => {
  const { world, cache } = setUp();
  await cache.current();
  world.up = false;
  world.now += KEY_MAX_AGE;
  const before = world.loads;
  for (let second = 0; second < 300; second += 1) {
    await cache.current();
    await settle();
    world.now += 1000;
  }
  assert.equal(world.loads - before, 300 / (KEY_COOL_DOWN / 1000));
});

test('an issuer that was never reached is asked again after the pause, and then all is well', async () => {
  const { world, cache } = setUp();
  world.up = false;
  assert.equal(await codeOf(cache.current()), 'identity_unavailable');
  world.up = true;
  world.now += KEY_COOL_DOWN - 1;
  assert.equal(await codeOf(cache.current()), 'identity_unavailable');
  assert.equal(world.loads, 1);
  world.now += 1;
  assert.equal((await cache.current()).serial, 2);
});

test('the refusal says after how many seconds another try is worth it', async () => {
  const { world, cache } = setUp();
  world.up = false;
  await codeOf(cache.current());
  world.now += 10_500;
  await assert.rejects(cache.current(), (error: GatewayError) => error.details.retryAfterSeconds === 20);
});

test('keys that did not know a key id are replaced at once when nothing was asked lately', async () => {
  const { cache } = setUp();
  const known = await cache.current();
  assert.deepEqual(await cache.newerThan(known), { serial: 2 });
});

test('a fetch by age does not use up the fetch for an unknown key id', async () => {
  const { world, cache } = setUp();
  await cache.current();
  world.now += KEY_MAX_AGE;
  cache.refreshIfDue();
  await settle();
  const known = await cache.current();
  assert.deepEqual([known.serial, (await cache.newerThan(known))?.serial], [2, 3]);
});

test('unknown key ids cost one fetch in 30 seconds, however many there are', async () => {
  const { world, cache } = setUp();
  await cache.current();
  const before = world.loads;
  for (let second = 0; second < 90; second += 1) {
    for (let token = 0; token < 20; token += 1) await cache.newerThan(await cache.current());
    world.now += 1000;
  }
  assert.equal(world.loads - before, 3);
});

test('an unknown key id that joins a fetch by age leaves its own fetch for the next', async () => {
  const { world, cache } = setUp();
  const known = await cache.current();
  world.now += KEY_MAX_AGE;
  cache.refreshIfDue();
  const joined = await cache.newerThan(known);
  assert.ok(joined);
  assert.deepEqual([joined.serial, (await cache.newerThan(joined))?.serial], [2, 3]);
});

test('unknown key ids that arrive together share the fetch', async () => {
  const { world, cache } = setUp();
  const known = await cache.current();
  const answers = await Promise.all(Array.from({ length: 100 }, () => cache.newerThan(known)));
  assert.equal(world.loads, 2);
  assert.ok(answers.every((keys) => keys?.serial === 2));
});

test('a caller with old keys gets the ones that others have fetched meanwhile', async () => {
  const { world, cache } = setUp();
  const known = await cache.current();
  await cache.newerThan(known);
  world.now += KEY_COOL_DOWN;
  assert.equal((await cache.newerThan(known))?.serial, 2);
  assert.equal(world.loads, 2);
});

test('in the pause after a success an unknown key id is answered with no', async () => {
  const { cache } = setUp();
  const newer = await cache.newerThan(await cache.current());
  assert.ok(newer);
  assert.equal(await cache.newerThan(newer), null);
});

test('with the issuer away nobody can say that a key id is unknown', async () => {
  const { world, cache } = setUp();
  const known = await cache.current();
  world.up = false;
  for (let second = 0; second < 30; second += 1) {
    assert.equal(await codeOf(cache.newerThan(known)), 'identity_unavailable');
    world.now += 999;
  }
  assert.equal(world.loads, 2);
});

test('every attempt is reported, a success as null', async () => {
  const { world, cache } = setUp();
  world.up = false;
  await codeOf(cache.current());
  world.up = true;
  world.now += KEY_COOL_DOWN;
  await cache.current();
  assert.equal(world.attempts.length, 2);
  assert.ok(world.attempts[0] instanceof Error);
  assert.equal(world.attempts[1], null);
});

test('health tells fresh, stale and missing keys apart', async () => {
  const { world, cache } = setUp();
  const state = (some: KeyCache<Keys>) => `${some.health().keys}${some.health().failing ? ', failing' : ''}`;
  assert.equal(state(cache), 'unavailable');
  await cache.current();
  assert.equal(state(cache), 'fresh');
  assert.equal(cache.health().fetchedAt, 1_000_000);
  world.up = false;
  world.now += KEY_MAX_AGE;
  cache.refreshIfDue();
  await settle();
  assert.equal(state(cache), 'stale, failing');
  world.now += KEY_STALE_LIMIT;
  assert.equal(state(cache), 'unavailable, failing');
});
