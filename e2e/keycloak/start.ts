/**
 * Starts the real Keycloak with the realm of `deploy/keycloak/`, gives its demo users a password, and runs until it
 * is interrupted:
 *
 *   node e2e/keycloak/start.ts
 */
import { randomBytes } from 'node:crypto';
import { createKeycloakAdmin } from './admin.ts';
import { installKeycloak } from './install.ts';
import { startKeycloak } from './keycloak-process.ts';
import { DEMO_USERS, REALM, REALM_FILE } from './realm.ts';

const keycloak = await startKeycloak(await installKeycloak(), { realm: REALM, realmFile: REALM_FILE });
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => void keycloak.close().finally(() => process.exit(0)));
}
const admin = createKeycloakAdmin(keycloak);
const password = randomBytes(6).toString('hex');
for (const username of DEMO_USERS) await admin.setPassword(REALM, username, password);

process.stdout.write(
  [
    `Admin console   ${keycloak.url}/admin   admin / ${keycloak.adminPassword}`,
    `Demo users      ${DEMO_USERS.join(', ')}   ${password}`,
    `The gateway     AUTH_PROVIDER=keycloak KEYCLOAK_URL=${keycloak.url}/realms/${REALM} npm start`,
    '',
  ].join('\n'),
);
