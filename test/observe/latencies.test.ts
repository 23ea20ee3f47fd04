import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLatencies, KEPT } from '../../src/observe/latencies.ts';

test('the middle and the slow end of the latest answers are told, of each backend', () => {
  const latencies = createLatencies();
  for (let ms = 1; ms <= 100; ms++) latencies.note('internal', ms, ms * 10);
  latencies.note('claude', null, 7);
  assert.deepEqual(latencies.of('internal'), {
    answers: 100,
    firstContent: { p50: 50, p95: 95 },
    whole: { p50: 500, p95: 950 },
  });
  assert.deepEqual(latencies.of('claude'), { answers: 1, firstContent: null, whole: { p50: 7, p95: 7 } });
  assert.equal(latencies.of('openai'), null);
});

test('old answers are forgotten', () => {
  const latencies = createLatencies();
  for (let answer = 0; answer < KEPT; answer++) latencies.note('internal', 1, 1);
  for (let answer = 0; answer < KEPT; answer++) latencies.note('internal', 2, 2);
  assert.deepEqual(latencies.of('internal')?.whole, { p50: 2, p95: 2 });
});
