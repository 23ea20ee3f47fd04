import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createTierChooser } from '../../src/auth/tiers.ts';

const TIERS = [
  { name: 'free', rank: 0 },
  { name: 'pro', rank: 10 },
  { name: 'enterprise', rank: 20 },
];
const ROLES = { 'tier-free': 'free', 'tier-pro': 'pro', 'tier-enterprise': 'enterprise' };
const RULES = [
  { claim: 'resource_access.llm-gateway.roles', values: ROLES },
  { claim: 'realm_access.roles', values: ROLES },
  { claim: 'groups', values: { '/customers/pro': 'pro', '/staff': 'enterprise' } },
  { claim: ['https://idp.example/claims', 'plan'], values: { gold: 'enterprise', '2': 'pro', true: 'free' } },
];
const choose = createTierChooser({ rules: RULES, tiers: TIERS, defaultTier: null });

const clientRoles = (roles: unknown) => ({ resource_access: { 'llm-gateway': { roles } } });

const CASES: readonly (readonly [name: string, claims: unknown, tier: string | null])[] = [
  ['a client role gives its tier', clientRoles(['tier-pro']), 'pro'],
  ['a realm role gives its tier', { realm_access: { roles: ['offline_access', 'tier-free'] } }, 'free'],
  ['a group path gives its tier', { groups: ['/customers/pro'] }, 'pro'],
  ['a segment with dots in it is found', { 'https://idp.example/claims': { plan: 'gold' } }, 'enterprise'],
  [
    'of several roles the highest rank counts',
    clientRoles(['tier-pro', 'tier-enterprise', 'tier-free']),
    'enterprise',
  ],
  [
    'a later rule wins where its tier ranks higher',
    { ...clientRoles(['tier-free']), groups: ['/staff'] },
    'enterprise',
  ],
  [
    'an earlier rule wins where its tier ranks higher',
    { ...clientRoles(['tier-enterprise']), groups: ['/customers/pro'] },
    'enterprise',
  ],
  ['a single text counts like an array of one', clientRoles('tier-pro'), 'pro'],
  ['a number is matched by its digits', { 'https://idp.example/claims': { plan: 2 } }, 'pro'],
  ['a boolean is matched by its word', { 'https://idp.example/claims': { plan: true } }, 'free'],
  [
    'strange members of an array are passed over',
    clientRoles([null, {}, [['tier-enterprise']], 7, 'tier-pro']),
    'pro',
  ],
  ['an object where roles were expected gives none', clientRoles({ 'tier-enterprise': true }), null],
  ['a nested array gives none', clientRoles([['tier-enterprise']]), null],
  ['values are compared exactly', clientRoles(['Tier-Pro', ' tier-pro', 'tier-pro,tier-enterprise']), null],
  [
    'a role of another client gives none',
    { resource_access: { account: { roles: ['tier-enterprise'] } } },
    null,
  ],
  ['no claims at all give none', undefined, null],
  ['null claims give none', null, null],
  ['claims that are a text give none', 'groups', null],
];

for (const [name, claims, tier] of CASES) {
  test(name, () => {
    assert.equal(choose(claims), tier);
  });
}

test('a caller that no rule fits gets the default tier', () => {
  const chooseOrFree = createTierChooser({ rules: RULES, tiers: TIERS, defaultTier: 'free' });
  assert.equal(chooseOrFree({ groups: ['/strangers'] }), 'free');
  assert.equal(chooseOrFree({ groups: ['/staff'] }), 'enterprise');
});

test('the default tier does not lift a lower one that a rule grants', () => {
  const chooseOrTop = createTierChooser({ rules: RULES, tiers: TIERS, defaultTier: 'enterprise' });
  assert.equal(chooseOrTop(clientRoles(['tier-free'])), 'free');
});

test('a rule for a tier that the plan does not have has no effect', () => {
  const chooseKnown = createTierChooser({
    rules: [{ claim: 'groups', values: { a: 'platinum', b: 'free' } }],
    tiers: TIERS,
    defaultTier: null,
  });
  assert.equal(chooseKnown({ groups: ['a'] }), null);
  assert.equal(chooseKnown({ groups: ['a', 'b'] }), 'free');
});

test('of two tiers of one rank the one granted first counts', () => {
  const chooseTied = createTierChooser({
    rules: [{ claim: 'groups', values: { a: 'blue', b: 'green' } }],
    tiers: [
      { name: 'green', rank: 1 },
      { name: 'blue', rank: 1 },
    ],
    defaultTier: null,
  });
  assert.equal(chooseTied({ groups: ['a', 'b'] }), 'blue');
  assert.equal(chooseTied({ groups: ['b', 'a'] }), 'green');
});

test('inherited properties are neither claims nor values', () => {
  const chooseOdd = createTierChooser({
    rules: [
      { claim: '__proto__.constructor.name', values: { Object: 'enterprise' } },
      { claim: 'constructor.name', values: { Object: 'enterprise' } },
      { claim: 'groups', values: {} },
      { claim: 'groups.length', values: { '1': 'enterprise' } },
    ],
    tiers: TIERS,
    defaultTier: null,
  });
  assert.equal(chooseOdd({ groups: ['toString'] }), null);
  assert.equal(choose(Object.create({ groups: ['/staff'] })), null);
  assert.equal(chooseOdd({ groups: ['constructor', '__proto__'] }), null);
});

test('a claim of a million values is read to the end', () => {
  const roles = Array.from({ length: 1_000_000 }, (_, index) => `role-${index}`);
  assert.equal(choose(clientRoles([...roles, 'tier-pro'])), 'pro');
});

test('an endlessly deep claim is not followed further than the rule says', () => {
  const deep: Record<string, unknown> = {};
  deep.groups = deep;
  assert.equal(choose(deep), null);
});

test('claims of any shape give a tier of the plan or none, and never crash', () => {
  fc.assert(
    fc.property(fc.anything({ withNullPrototype: true }), (value) => {
      for (const claims of [value, clientRoles(value), { groups: value }, { realm_access: value }]) {
        const tier = choose(claims);
        assert.ok(tier === null || TIERS.some(({ name }) => name === tier));
      }
    }),
  );
});

test('the order of roles and of rules never changes the tier', () => {
  const anyRole = fc.constantFrom('tier-free', 'tier-pro', 'tier-enterprise', 'uma_authorization');
  fc.assert(
    fc.property(fc.array(anyRole), fc.array(anyRole), (client, realm) => {
      const claims = { ...clientRoles(client), realm_access: { roles: realm } };
      const mirrored = { ...clientRoles(client.toReversed()), realm_access: { roles: realm.toReversed() } };
      const chooseBackwards = createTierChooser({
        rules: RULES.toReversed(),
        tiers: TIERS,
        defaultTier: null,
      });
      assert.equal(choose(claims), choose(mirrored));
      assert.equal(choose(claims), chooseBackwards(claims));
    }),
  );
});

test('one more role never lowers the tier', () => {
  const rankOf = (tier: string | null) => TIERS.find(({ name }) => name === tier)?.rank ?? -1;
  const anyRole = fc.constantFrom('tier-free', 'tier-pro', 'tier-enterprise', 'offline_access');
  fc.assert(
    fc.property(fc.array(anyRole), anyRole, (roles, more) => {
      assert.ok(rankOf(choose(clientRoles([...roles, more]))) >= rankOf(choose(clientRoles(roles))));
    }),
  );
});
