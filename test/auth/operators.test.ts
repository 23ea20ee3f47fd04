import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createOperatorCheck, hasOperators } from '../../src/auth/operators.ts';

const RULES = {
  tiers: ['staff'],
  roles: ['operator'],
  rolesClaim: 'resource_access.llm-gateway.roles',
  users: ['ana'],
};
const isOperator = createOperatorCheck(RULES);
const ISSUER = 'https://idp.example/realms/hub';
const roles = (...names: string[]) => ({ resource_access: { 'llm-gateway': { roles: names } } });
const person = (sub: string, claims: unknown, tier: string | null = 'free') => ({
  owner: { issuer: ISSUER, sub },
  tier,
  claims,
});

test('a tier, a role or a name makes an operator', () => {
  assert.equal(isOperator(person('1', {}, 'staff')), true);
  assert.equal(isOperator(person('1', roles('tier-free', 'operator'))), true);
  assert.equal(isOperator({ owner: { issuer: 'static', sub: 'ana' }, tier: 'free', claims: null }), true);
});

test('nothing else does', () => {
  assert.equal(isOperator(person('1', roles('tier-free'))), false);
  assert.equal(isOperator(person('1', { roles: ['operator'] })), false);
  assert.equal(isOperator(person('1', null, null)), false);
  assert.equal(isOperator({ owner: { issuer: 'static', sub: 'ben' }, tier: 'free', claims: null }), false);
});

test('a person of a realm who has the name of a static user is nobody special', () => {
  assert.equal(isOperator(person('ana', { preferred_username: 'ana' })), false);
});

test('without any rule nobody is an operator', () => {
  assert.equal(hasOperators(RULES), true);
  assert.equal(hasOperators({ ...RULES, tiers: [], roles: [], users: [] }), false);
});
