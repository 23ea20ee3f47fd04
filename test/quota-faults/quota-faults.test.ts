/** The faults of `npm run faults:quota` that take a few seconds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { skipBecause } from '../support/skip.ts';
import { findValkey } from '../support/valkey-server.ts';
import { FAULTS } from './faults.ts';

const program = findValkey();
const skip =
  program === null ? skipBecause('no valkey-server or redis-server: faults of the quota store') : false;

for (const fault of FAULTS.filter(({ short }) => short)) {
  test(`${fault.name}: nothing lost, nothing doubled, no more than the bound`, { skip }, async () => {
    const row = await fault.play(program ?? '');
    assert.ok(row.admitted > 0);
    const { lost, doubled, strange } = row;
    assert.deepEqual({ lost, doubled, strange }, { lost: 0, doubled: 0, strange: 0 }, JSON.stringify(row));
    assert.ok(row.overspent <= row.bound, JSON.stringify(row));
  });
}
