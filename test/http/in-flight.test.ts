import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GatewayError } from '../../src/errors.ts';
import { createInFlight } from '../../src/http/in-flight.ts';

const LIMITS = { requests: 5, requestsPerUser: 2 };

function refusal(enter: () => unknown): string {
  try {
    enter();
  } catch (error) {
    assert.ok(error instanceof GatewayError);
    assert.equal(error.details.retryAfterSeconds, 1);
    return error.code;
  }
  return 'none';
}

test('one user too many times is refused, others are not', () => {
  const { enter } = createInFlight();
  enter('ann', LIMITS);
  const leave = enter('ann', LIMITS);
  assert.equal(
    refusal(() => enter('ann', LIMITS)),
    'rate_limited',
  );
  enter('bob', LIMITS);
  leave();
  enter('ann', LIMITS);
});

test('when the process is full everybody is refused, until one has left', () => {
  const { enter } = createInFlight();
  const leaves = ['a', 'b', 'c', 'd', 'e'].map((user) => enter(user, LIMITS));
  assert.equal(
    refusal(() => enter('f', LIMITS)),
    'gateway_overloaded',
  );
  leaves[0]?.();
  enter('f', LIMITS);
});

test('limits of a reload hold from the next request on', () => {
  const { enter } = createInFlight();
  enter('ann', LIMITS);
  assert.equal(
    refusal(() => enter('ann', { requests: 5, requestsPerUser: 1 })),
    'rate_limited',
  );
  enter('ann', LIMITS);
});

test('whatever comes and goes, no limit is passed and every place comes back', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.boolean())), (steps) => {
      const { enter } = createInFlight();
      const inside: { user: string; leave: () => void }[] = [];
      for (const [user, comes] of steps) {
        if (comes) {
          const own = inside.filter((one) => one.user === user).length;
          const full = inside.length >= LIMITS.requests;
          const expected = full
            ? 'gateway_overloaded'
            : own >= LIMITS.requestsPerUser
              ? 'rate_limited'
              : 'none';
          assert.equal(
            refusal(() => inside.push({ user, leave: enter(user, LIMITS) })),
            expected,
          );
        } else inside.shift()?.leave();
      }
      for (const { leave } of inside) leave();
      for (const user of ['a', 'a', 'b', 'b', 'c']) enter(user, LIMITS);
    }),
  );
});
