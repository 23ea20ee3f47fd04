import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRetryBudget } from '../../src/upstream/retry-budget.ts';

test('a backend that fails every request is asked a fifth more, and a hundred times at the start', () => {
  const budget = createRetryBudget();
  let further = 0;
  for (let request = 0; request < 1000; request++) {
    budget.earn('one');
    if (budget.spend('one')) further++;
  }
  assert.ok(further >= 298 && further <= 302, `${further}`);
});

test('each backend has its own', () => {
  const budget = createRetryBudget();
  while (budget.spend('one'));
  assert.equal(budget.spend('two'), true);
});
