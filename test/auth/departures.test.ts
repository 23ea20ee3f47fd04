import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { createDepartures } from '../../src/auth/departures.ts';
import { GatewayError } from '../../src/errors.ts';
import type { PutOptions } from '../../src/store/records.ts';
import { openTestRecords } from '../support/test-records.ts';

const ISSUER = 'https://idp.example/realms/hub';
let now = 0;
const records = openTestRecords(() => now);
let collections = 0;
const setUp = () =>
  createDepartures({
    collection: records.collection(`departures-${++collections}`),
    random: randomBytes,
    challengeOf: (verifier) => `hash of ${verifier}`,
  });

test('a browser that is back brings what it left for, once', async () => {
  const departures = setUp();
  const { state, codeChallenge } = await departures.leave(ISSUER, 'secret', '/console/usage');
  const back = await departures.returned(state, 'secret');
  assert.deepEqual([back?.purpose, back?.issuer], ['/console/usage', ISSUER]);
  assert.equal(codeChallenge, `hash of ${back?.codeVerifier}`);
  assert.equal(await departures.returned(state, 'secret'), null);
});

test('another browser gets nothing, and neither does the first one then', async () => {
  const departures = setUp();
  const { state } = await departures.leave(ISSUER, 'secret', '');
  assert.equal(await departures.returned(state, 'of another'), null);
  assert.equal(await departures.returned(state, 'secret'), null);
});

test('after ten minutes nobody is expected any more', async () => {
  const departures = setUp();
  const { state } = await departures.leave(ISSUER, 'secret', '');
  now += 600_000;
  assert.equal(await departures.returned(state, 'secret'), null);
});

test('strangers cannot fill the store: beyond a number nobody leaves', async () => {
  const asked: PutOptions[] = [];
  const collection = {
    ...records.collection('departures-full'),
    put: async (_key: string, _value: string, options: PutOptions = {}) => {
      asked.push(options);
      return false;
    },
  };
  const departures = createDepartures({ collection, random: randomBytes, challengeOf: String });
  await assert.rejects(
    departures.leave(ISSUER, 'secret', ''),
    (error) => error instanceof GatewayError && error.code === 'identity_unavailable',
  );
  assert.equal(asked[0]?.atMost, 10_000);
});
