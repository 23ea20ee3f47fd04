import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createIntrospect } from '../../src/auth/introspect.ts';

let now = 0;
function setUp() {
  now = 1_000_000;
  const world = { asked: 0, isAway: false };
  const introspect = createIntrospect(
    {
      async introspect(token) {
        world.asked += 1;
        if (world.isAway) throw new Error('away: secret-token');
        return token.startsWith('good') ? { sub: 'ada' } : null;
      },
    },
    () => now,
  );
  return { world, introspect };
}

test('a flood of made-up tokens costs the realm fifty questions in ten seconds', async () => {
  const { world, introspect } = setUp();
  const answers = await Promise.allSettled(
    Array.from({ length: 1000 }, (_, index) => introspect(`bad-${index}`)),
  );
  assert.equal(world.asked, 50);
  assert.equal(answers.filter(({ status }) => status === 'rejected').length, 950);
  await assert.rejects(introspect('good'), { code: 'identity_unavailable' });
  now += 10_000;
  assert.deepEqual(await introspect('good'), { sub: 'ada' });
});

test('good tokens are not counted', async () => {
  const { world, introspect } = setUp();
  for (let index = 0; index < 200; index += 1) await introspect(`good-${index}`);
  assert.equal(world.asked, 200);
});

test('a realm that does not answer is said to be away, without a word of the token', async () => {
  const { world, introspect } = setUp();
  world.isAway = true;
  await assert.rejects(introspect('good'), (error: Error) => {
    assert.match(error.message, /cannot be asked/);
    assert.doesNotMatch(error.message, /secret/);
    return true;
  });
});
