import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createDenied, DENIAL_KNOWN_WITHIN } from '../../src/auth/denied.ts';
import { subjectOf } from '../../src/auth/digest.ts';
import { openTestRecords } from '../support/test-records.ts';

const ISSUER = 'https://idp.example/realms/hub';
const START = Date.parse('2026-11-22T08:00:00Z');
const DAY = 86_400_000;
let now = START;
const records = openTestRecords(() => now);
let collections = 0;

function setUp() {
  now = START;
  const denials = records.collection(`denials-${++collections}`);
  const replica = () => createDenied({ denials, keepFor: DAY, clock: () => now });
  return { here: replica(), there: replica() };
}
const bearer = (sid: string | null, issuedAt = START - 1000, sub = 'ada') => ({
  issuer: ISSUER,
  sub,
  sid,
  issuedAt,
});

test('a session that ended is out at once here, and within five seconds elsewhere; others go on', async () => {
  const { here, there } = setUp();
  assert.equal(await there.isDenied(bearer('s1')), false);
  await here.deny({ issuer: ISSUER, sub: 'ada', sid: 's1', at: START });
  assert.equal(await here.isDenied(bearer('s1')), true);
  now += DENIAL_KNOWN_WITHIN;
  assert.equal(await there.isDenied(bearer('s1')), true);
  assert.equal(await there.isDenied(bearer('s2')), false);
  assert.equal(await there.isDenied({ ...bearer('s1'), issuer: 'https://other.example' }), false);
});

test('a person who was thrown out may sign in again', async () => {
  const { here } = setUp();
  await here.deny({ issuer: ISSUER, sub: 'ada', at: START });
  assert.equal(await here.isDenied(bearer('s1', START - 1)), true);
  assert.equal(await here.isDenied(bearer(null, START)), true);
  assert.equal(await here.isDenied(bearer('s2', START + 1000)), false);
  assert.equal(await here.isDenied(bearer('s1', START - 1, 'bob')), false);
});

test('a denial is forgotten when nothing lives any more that it could end', async () => {
  const { here } = setUp();
  await here.deny({ issuer: ISSUER, sid: 's1', at: START });
  now += DAY - 1;
  assert.equal(await here.isDenied(bearer('s1')), true);
  now += DENIAL_KNOWN_WITHIN + 1;
  assert.equal(await here.isDenied(bearer('s1')), false);
});

test('while the store is away tokens are checked without it', async () => {
  const away = () => Promise.reject(new Error('away'));
  const denials = { get: away, put: away, take: away, delete: away, list: away };
  const denied = createDenied({ denials, keepFor: DAY, clock: () => now });
  assert.equal(await denied.isDenied(bearer('s1')), false);
  await assert.rejects(denied.deny({ issuer: ISSUER, sid: 's1', at: START }), /away/);
});

test('whoever knows a person by their subject alone can throw them out too', async () => {
  const { here } = setUp();
  await here.denyBefore(subjectOf(ISSUER, 'ada'), START);
  assert.equal(await here.isDenied(bearer('s1', START - 1)), true);
  assert.equal(await here.isDenied(bearer('s1', START - 1, 'ben')), false);
  assert.equal(await here.isDenied(bearer('s1', START + 1)), false);
});
