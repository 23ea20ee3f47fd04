import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { toDiff } from '../../../src/cli/setup/diff.ts';

test('a change is shown with what surrounds it', () => {
  const before = 'a\nb\nc\nd\ne\nf\ng\n';
  assert.equal(toDiff(before, before.replace('e\n', 'E\n')), '  …\n  c\n  d\n- e\n+ E\n  f\n  g\n'.slice(4));
  assert.equal(toDiff('', 'a\n'), '+ a\n');
  assert.equal(toDiff(before, before), '');
});

test('between few lines, what goes and what comes are exactly the two texts', () => {
  const texts = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(texts, texts, (before, after) => {
      const diff = toDiff(before.join('\n'), after.join('\n')).split('\n').slice(0, -1);
      fc.pre(diff.length > 0 && !diff.includes('  …'));
      const side = (mark: string) =>
        diff.filter((line) => line.startsWith(' ') || line.startsWith(mark)).map((line) => line.slice(2));
      const isPart = (whole: readonly string[], part: readonly string[]) =>
        whole.join().includes(part.join());
      assert.ok(isPart(before, side('-')) && isPart(after, side('+')), diff.join('\n'));
    }),
  );
});
