import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createToolUseIds } from '../../../src/protocol/anthropic/tool-use-ids.ts';
import { sha256 } from '../../support/claude-request.ts';

test('an id that Claude accepts stays as it is', () => {
  assert.equal(createToolUseIds(sha256)('toolu_01-A'), 'toolu_01-A');
});

test('two foreign ids that look alike once cleaned stay apart', () => {
  const next = createToolUseIds(sha256);
  assert.notEqual(next('a.b'), next('a:b'));
});

test('ids are legal, unique, and those of the past do not depend on the future', () => {
  const ids = fc.array(
    fc.oneof(fc.constantFrom('call_0', 'call_0_2', 'a.b', ''), fc.string({ maxLength: 5 })),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(ids, fc.string(), (given, later) => {
      const next = createToolUseIds(sha256);
      const written = given.map(next);
      assert.equal(new Set(written).size, written.length);
      for (const id of written) assert.match(id, /^[a-zA-Z0-9_-]+$/);
      const again = createToolUseIds(sha256);
      assert.deepEqual([...given, later].map(again).slice(0, -1), written);
    }),
  );
});
