import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { requestDeviceCode, waitForTokens } from '../../../src/cli/oauth/device-grant.ts';
import { describeIssuer } from '../../../src/cli/oauth/discover.ts';
import { type DeviceIssuer, startDeviceIssuer } from '../../support/device-issuer.ts';

let issuer: DeviceIssuer;
before(async () => {
  issuer = await startDeviceIssuer();
});
after(() => issuer.close());

/** Signs in without waiting; gives the pauses that there would have been, in seconds. */
async function pausesOf(decisions: DeviceIssuer['decisions'], interval = 5) {
  const server = await describeIssuer(issuer.issuer);
  const code = { ...(await requestDeviceCode(server, 'llm-gateway')), interval };
  issuer.decisions = decisions;
  const pauses: number[] = [];
  const outcome = await waitForTokens(server, 'llm-gateway', code, async (ms) => {
    pauses.push(ms / 1000);
  }).then(
    () => 'signed in',
    (error: Error) => error.message,
  );
  return { pauses, outcome };
}

test('the device asks no faster than it is told, and slower when it is told so', async () => {
  const { pauses, outcome } = await pausesOf(['wait', 'slow', 'wait', 'approve']);
  assert.deepEqual([pauses, outcome], [[5, 5, 10, 10], 'signed in']);
});

test('nobody is waited for longer than the code lasts', async () => {
  const { pauses, outcome } = await pausesOf(['wait'], 20);
  assert.deepEqual([pauses, outcome], [[20, 20, 20], 'nobody signed in in time; begin again']);
});
