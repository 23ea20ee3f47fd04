/** Keycloak's admin API, as far as the tests turn its knobs. */
import assert from 'node:assert/strict';
import type { Keycloak } from './keycloak-process.ts';

type Json = Readonly<Record<string, unknown>>;

export interface KeycloakAdmin {
  createRealm(realm: Json): Promise<void>;
  /** Adds clients, roles, groups and users, in the words of a realm file. */
  add(realm: string, parts: Json): Promise<void>;
  setPassword(realm: string, username: string, password: string): Promise<void>;
  disable(realm: string, username: string): Promise<void>;
  enable(realm: string, username: string): Promise<void>;
  /** Ends all of a person's sessions; Keycloak tells the clients (back-channel logout). */
  logOut(realm: string, username: string): Promise<void>;
  /** The secret that Keycloak made for a confidential client. */
  clientSecret(realm: string, clientId: string): Promise<string>;
  /** Adds a new RSA key that signs from now on; earlier keys stay published. */
  addSigningKey(realm: string): Promise<void>;
}

export function createKeycloakAdmin({ url, adminPassword }: Keycloak): KeycloakAdmin {
  async function call(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(`${url}/admin/realms${path}`, {
      method,
      // A token of the admin lasts one minute: less than some steps take.
      headers: { authorization: `Bearer ${await signIn()}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
    return text === '' ? null : JSON.parse(text);
  }

  async function signIn(): Promise<string> {
    const response = await fetch(`${url}/realms/master/protocol/openid-connect/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'password',
        client_id: 'admin-cli',
        username: 'admin',
        password: adminPassword,
      }),
    });
    assert.equal(response.status, 200, 'the admin signs in');
    const { access_token } = (await response.json()) as { access_token: string };
    return access_token;
  }

  async function userPath(realm: string, username: string): Promise<string> {
    const found = (await call('GET', `/${realm}/users?exact=true&username=${username}`)) as { id: string }[];
    return `/${realm}/users/${found[0]!.id}`;
  }

  return {
    async createRealm(realm) {
      await call('POST', '', realm);
    },
    async add(realm, parts) {
      await call('POST', `/${realm}/partialImport`, { ifResourceExists: 'FAIL', ...parts });
    },
    async setPassword(realm, username, password) {
      const path = await userPath(realm, username);
      await call('PUT', `${path}/reset-password`, { type: 'password', value: password, temporary: false });
    },
    async disable(realm, username) {
      await call('PUT', await userPath(realm, username), { enabled: false });
    },
    async enable(realm, username) {
      await call('PUT', await userPath(realm, username), { enabled: true });
    },
    async logOut(realm, username) {
      await call('POST', `${await userPath(realm, username)}/logout`);
    },
    async clientSecret(realm, clientId) {
      const found = (await call('GET', `/${realm}/clients?clientId=${clientId}`)) as { id: string }[];
      const path = `/${realm}/clients/${found[0]!.id}/client-secret`;
      return ((await call('GET', path)) as { value: string }).value;
    },
    async addSigningKey(realm) {
      const { id } = (await call('GET', `/${realm}`)) as { id: string };
      await call('POST', `/${realm}/components`, {
        name: 'newer key',
        parentId: id,
        providerId: 'rsa-generated',
        providerType: 'org.keycloak.keys.KeyProvider',
        config: { priority: ['200'], enabled: ['true'], active: ['true'], keySize: ['2048'] },
      });
    },
  };
}
