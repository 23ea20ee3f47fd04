import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createTokenCache } from '../../src/auth/token-cache.ts';

function cacheOf(capacity: number) {
  const time = { now: 1000 };
  return { time, cache: createTokenCache<string>({ capacity, clock: () => time.now }) };
}

test('a value is found until the moment it expires', () => {
  const { time, cache } = cacheOf(10);
  cache.set('a', 'A', 2000);
  time.now = 1999;
  assert.equal(cache.get('a'), 'A');
  time.now = 2000;
  assert.equal(cache.get('a'), null);
  assert.equal(cache.size, 0);
});

test('a value that has already expired is not kept, and ends an earlier one', () => {
  const { cache } = cacheOf(10);
  cache.set('a', 'A', 2000);
  cache.set('a', 'B', 1000);
  assert.equal(cache.size, 0);
  assert.equal(cache.get('a'), null);
});

test('when it is full the least recently used value goes', () => {
  const { cache } = cacheOf(2);
  cache.set('a', 'A', 2000);
  cache.set('b', 'B', 2000);
  cache.get('a');
  cache.set('c', 'C', 2000);
  assert.deepEqual([cache.get('a'), cache.get('b'), cache.get('c')], ['A', null, 'C']);
});

test('expired values make room before living ones do', () => {
  const { time, cache } = cacheOf(3);
  cache.set('old', 'O', 1500);
  cache.set('a', 'A', 9000);
  time.now = 1500;
  cache.set('b', 'B', 9000);
  assert.equal(cache.size, 2);
  assert.equal(cache.get('a'), 'A');
});

test('a key that names a property of objects is a key like any other', () => {
  const { cache } = cacheOf(2);
  assert.equal(cache.get('__proto__'), null);
  assert.equal(cache.get('constructor'), null);
});

test('it never holds more than its capacity and never answers with an expired or another value', () => {
  const step = fc.record({
    key: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    life: fc.integer({ min: -5, max: 50 }),
    wait: fc.nat(20),
  });
  fc.assert(
    fc.property(fc.array(step), fc.integer({ min: 1, max: 4 }), (steps, capacity) => {
      const { time, cache } = cacheOf(capacity);
      const expiry = new Map<string, number>();
      for (const { key, life, wait } of steps) {
        time.now += wait;
        cache.set(key, key, time.now + life);
        expiry.set(key, time.now + life);
        assert.ok(cache.size <= capacity);
        for (const asked of ['a', 'b', 'c', 'd', 'e']) {
          const found = cache.get(asked);
          if (found === null) continue;
          assert.equal(found, asked);
          assert.ok((expiry.get(asked) ?? 0) > time.now);
        }
      }
    }),
  );
});
