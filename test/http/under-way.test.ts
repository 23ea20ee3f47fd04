import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createUnderWay } from '../../src/http/under-way.ts';

test('whatever comes and goes in whatever order, what is under way is what has come and not gone', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20)), (steps) => {
      const underWay = createUnderWay<number>();
      const expected = new Map<number, () => void>();
      for (const [item, step] of steps.entries()) {
        const leaving = [...expected.keys()][step];
        if (leaving === undefined) expected.set(item, underWay.add(item));
        else {
          expected.get(leaving)?.();
          expected.get(leaving)?.();
          expected.delete(leaving);
        }
        assert.equal(underWay.size, expected.size);
        assert.deepEqual(
          [...underWay].sort((one, other) => one - other),
          [...expected.keys()],
        );
      }
    }),
  );
});

test('who is looked through may leave meanwhile', () => {
  const underWay = createUnderWay<() => void>();
  const left: number[] = [];
  for (const number of [1, 2, 3]) {
    const leave = underWay.add(() => {
      leave();
      left.push(number);
    });
  }
  for (const act of underWay) act();
  assert.deepEqual(left, [1, 2, 3]);
  assert.equal(underWay.size, 0);
});
