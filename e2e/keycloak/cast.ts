/** Who appears in the tests beside the shipped realm's own users: clients that hand out tokens directly, and people. */
import { randomBytes } from 'node:crypto';
import type { Person } from './sign-in.ts';

/** One for all: the realm lives as long as the test. */
const password = randomBytes(12).toString('hex');

export const person = (username: string): Person => ({ username, password });

/** Clients for the password grant, which the shipped realm does not allow. */
export const CLIENTS = {
  /** Its tokens are meant for the gateway by a mapper, and say all roles and groups of a person. */
  mapped: 'test-mapped',
  /** The same, with tokens that last three seconds. */
  shortLived: 'test-short-lived',
  /** Nothing but a person's own roles can mean its tokens for the gateway. */
  roles: 'test-roles',
  /** Another application of the organisation, which keeps to its own scope. */
  foreign: 'test-foreign',
} as const;

const mapper = (name: string, protocolMapper: string, config: Readonly<Record<string, string>>) => ({
  name,
  protocol: 'openid-connect',
  protocolMapper,
  config: { 'access.token.claim': 'true', ...config },
});

const MAPPERS = [
  mapper('audience', 'oidc-audience-mapper', { 'included.client.audience': 'llm-gateway' }),
  mapper('groups', 'oidc-group-membership-mapper', { 'claim.name': 'groups', 'full.path': 'true' }),
];

const client = (clientId: string, more: Readonly<Record<string, unknown>>) => ({
  clientId,
  publicClient: true,
  standardFlowEnabled: false,
  directAccessGrantsEnabled: true,
  fullScopeAllowed: true,
  ...more,
});

const user = (username: string, more: Readonly<Record<string, unknown>> = {}) => ({
  username,
  enabled: true,
  // Without these Keycloak asks for them at the first sign-in.
  email: `${username}@example.invalid`,
  firstName: 'Test',
  lastName: username,
  credentials: [{ type: 'password', value: password, temporary: false }],
  ...more,
});

const gatewayRoles = (...roles: string[]) => ({ 'llm-gateway': roles });

/** To be added to the shipped realm. */
export const CAST = {
  roles: { realm: [{ name: 'tier-pro' }] },
  // Keycloak 26.7 answers 500 where a group comes without its path.
  groups: [
    { name: 'tier-enterprise', path: '/tier-enterprise' },
    { name: 'staff', path: '/staff' },
  ],
  clients: [
    client(CLIENTS.mapped, { protocolMappers: MAPPERS }),
    client(CLIENTS.shortLived, {
      protocolMappers: MAPPERS,
      attributes: { 'access.token.lifespan': '3' },
    }),
    client(CLIENTS.roles, {}),
    client(CLIENTS.foreign, { fullScopeAllowed: false }),
  ],
  users: [
    user('by-client-role', { clientRoles: gatewayRoles('tier-pro') }),
    user('by-realm-role', { realmRoles: ['tier-pro'] }),
    user('by-group', { groups: ['/staff', '/tier-enterprise'] }),
    user('by-all', {
      clientRoles: gatewayRoles('tier-free'),
      realmRoles: ['tier-pro'],
      groups: ['/tier-enterprise'],
    }),
    user('nobody'),
    user('leaver', { clientRoles: gatewayRoles('tier-pro') }),
    user('traveller', { clientRoles: gatewayRoles('tier-pro') }),
  ],
};

/** A realm of another organisation: the shipped file under another name, with a user who can sign in. */
export function partnerRealm(shipped: string, name: string): Readonly<Record<string, unknown>> {
  // Variables are filled in when Keycloak imports a file at its start, not when a realm comes by the admin API.
  const realm = JSON.parse(shipped.replaceAll(/\$\{\w+:([^}]*)\}/g, '$1')) as {
    clients: unknown[];
  };
  return {
    ...realm,
    realm: name,
    clients: [...realm.clients, client(CLIENTS.roles, {})],
    users: [user('by-client-role', { clientRoles: gatewayRoles('tier-enterprise') })],
  };
}
