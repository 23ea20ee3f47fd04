import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { orderReplicas } from '../../src/upstream/order-replicas.ts';

const idle = (...urls: string[]) => urls.map((url) => ({ url, inFlight: 0 }));
const THREE = ['http://vllm-0:8000', 'http://vllm-1:8000', 'http://vllm-2:8000'];
const sessions = Array.from({ length: 3000 }, (_, index) => `subject session-${index}`);
const firstOf = (urls: readonly string[], key: string) =>
  orderReplicas(idle(...urls), () => key)[0]?.url ?? '';

test('a conversation goes to the same replica, in whatever order they are configured', () => {
  fc.assert(
    fc.property(fc.string(), fc.shuffledSubarray(THREE, { minLength: 3 }), (key, shuffled) => {
      assert.equal(firstOf(shuffled, key), firstOf(THREE, key));
    }),
  );
});

test('conversations are spread evenly', () => {
  const counts = new Map<string, number>();
  for (const key of sessions) counts.set(firstOf(THREE, key), (counts.get(firstOf(THREE, key)) ?? 0) + 1);
  for (const url of THREE)
    assert.ok(Math.abs((counts.get(url) ?? 0) - 1000) < 120, `${url}: ${counts.get(url)}`);
});

test('a replica that goes moves its own conversations and no others', () => {
  const two = THREE.slice(0, 2);
  for (const key of sessions) {
    const before = firstOf(THREE, key);
    if (before !== THREE[2]) assert.equal(firstOf(two, key), before);
  }
});

test('a replica that carries far more than the average gets no further conversation', () => {
  fc.assert(
    fc.property(fc.string(), fc.array(fc.nat(60), { minLength: 2, maxLength: 5 }), (key, loads) => {
      const replicas = loads.map((inFlight, index) => ({ url: `http://r${index}`, inFlight }));
      const total = loads.reduce((sum, load) => sum + load, 1);
      const bound = Math.max(8, Math.ceil((1.25 * total) / loads.length));
      const first = orderReplicas(replicas, () => key)[0];
      assert.ok(first !== undefined && first.inFlight < bound);
    }),
  );
});

test('few requests at once stay where the conversation is remembered', () => {
  const [home = ''] = orderReplicas(idle(...THREE), () => 'a').map(({ url }) => url);
  const loaded = THREE.map((url) => ({ url, inFlight: url === home ? 7 : 0 }));
  assert.equal(orderReplicas(loaded, () => 'a')[0]?.url, home);
  assert.notEqual(orderReplicas(loaded, () => 'a', 7)[0]?.url, home, 'a full one is passed over');
});

test('where there is no choice, the conversation is not asked for', () => {
  const one = idle('http://only');
  assert.deepEqual(
    orderReplicas(one, () => assert.fail('asked')),
    one,
  );
});
