import assert from 'node:assert/strict';
import { test } from 'node:test';
import { subjectOf } from '../../src/auth/digest.ts';
import { createQuotaParts } from '../../src/compose/terms.ts';
import { toTiers } from '../../src/compose/tiers.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { Principal } from '../../src/types.ts';

const FILE = `
auth:
  keycloak: { url: 'https://id.example/realms/one' }
tiers:
  team:
    rank: 1
    requestsPerDay: 100
    allowances:
      - { name: turns, unit: turn, limit: 20 }
      - { name: opus, models: ['claude:opus'], limit: 5, window: week }
    modelWeights: { 'claude:opus': 5 }
    concurrency: 3
    atExhaustion: soft-land
    routes: [{ match: '*', to: internal }]
  tokens:
    rank: 2
    allowances: [{ name: tokens, unit: token, limit: 1000000, window: month }]
    atExhaustion: finish-turn
    overdraft: { tokens: 9 }
    routes: [{ match: '*', to: internal }]
quota:
  overrides:
    - { user: ana, limits: { daily: 7, opus: null } }
    - { sub: '4711', limits: { turns: 1 } }
  pools:
    - { name: lab, groups: [/lab], users: [ben], allowances: [{ name: lab-day, limit: 500 }] }
`;

function termsOf(who: Partial<Principal>) {
  const loaded = loadConfig({ env: { GATEWAY_CONFIG: 'file' }, readFile: () => FILE });
  assert.ok(loaded.ok, JSON.stringify(loaded));
  const parts = createQuotaParts(loaded.config, toTiers(loaded.config));
  return parts.termsOf({ subject: subjectOf('static', 'cem'), user: 'cem', tier: 'team', ...who });
}

const limits = (who: Partial<Principal>) =>
  termsOf(who).allowances.map(({ name, limit, pool }) => [name, limit, pool?.name ?? null]);

test('a tier has its short form first, then what it states', () => {
  assert.deepEqual(limits({}), [
    ['daily', 100, null],
    ['turns', 20, null],
    ['opus', 5, null],
  ]);
  const { concurrency, atExhaustion, weights } = termsOf({});
  assert.deepEqual(
    [concurrency, atExhaustion, weights],
    [
      3,
      { kind: 'soft-land', to: { backend: 'internal', model: 'default' } },
      [{ match: 'claude:opus', counts: 5 }],
    ],
  );
});

test('a tier without the short form counts by its first allowance', () => {
  const { allowances, atExhaustion } = termsOf({ tier: 'tokens' });
  assert.deepEqual(
    allowances.map(({ name, unit, window }) => [name, unit, window]),
    [['tokens', 'token', 'month']],
  );
  assert.deepEqual(atExhaustion, {
    kind: 'finish-turn',
    overdraft: { request: 50, turn: 0, token: 9 },
  });
});

test('a single user has limits of their own, by the name of a static key or by the sub of a token', () => {
  assert.deepEqual(limits({ subject: subjectOf('static', 'ana') }), [
    ['daily', 7, null],
    ['turns', 20, null],
    ['opus', null, null],
  ]);
  const inRealm = subjectOf('https://id.example/realms/one', '4711');
  assert.deepEqual(limits({ subject: inRealm })[1], ['turns', 1, null]);
});

test('the name that a token carries is not enough for the limits of a static user', () => {
  const impostor = { user: 'ana', subject: subjectOf('https://id.example/realms/one', 'x') };
  assert.deepEqual(limits(impostor)[0], ['daily', 100, null]);
});

test('members of a group and users that are named share its pool beside what they have', () => {
  const shared = ['lab-day', 500, 'lab'];
  assert.deepEqual(limits({ groups: ['/other', '/lab'] }).at(-1), shared);
  assert.deepEqual(limits({ subject: subjectOf('static', 'ben') }).at(-1), shared);
  assert.equal(limits({ groups: ['/other'] }).length, 3);
});

test('a service key has its own requests a day, whatever the tier counts by', () => {
  assert.deepEqual(limits({ requestsPerDay: 9 })[0], ['daily', 9, null]);
  assert.deepEqual(limits({ requestsPerDay: 900 })[0], ['daily', 100, null]);
  assert.deepEqual(limits({ tier: 'tokens', requestsPerDay: 9 }), [
    ['daily', 9, null],
    ['tokens', 1_000_000, null],
  ]);
});

test('two limits on one count, a tier without any and a nameless override are said at once', () => {
  const wrong = (text: string) => {
    const loaded = loadConfig({ env: { GATEWAY_CONFIG: 'file' }, readFile: () => text });
    return loaded.ok ? [] : loaded.problems.map(({ key, message }) => `${key} ${message}`);
  };
  const tier = (rest: string) =>
    `tiers: { a: { rank: 1, routes: [], ${rest} } }\nauth: { keycloak: { defaultTier: a } }`;
  const twice = 'allowances: [{ name: x, limit: 1 }, { name: y, limit: 2 }]';
  assert.match(wrong(tier(twice)).join(), /a.allowances must not have two allowances for the same unit/);
  assert.match(wrong(tier('concurrency: 1')).join(), /a.requestsPerDay is required, or `allowances`/);
  assert.match(wrong('quota: { overrides: [{ limits: { daily: 1 } }] }').join(), /either `user` or `sub`/);
});
