import { join } from 'node:path';

/** The realm that is shipped. */
export const REALM = 'ai-hub';
export const REALM_FILE = join(import.meta.dirname, '..', '..', 'deploy', 'keycloak', 'ai-hub-realm.json');
export const DEMO_USERS = ['demo-free', 'demo-pro', 'demo-enterprise'] as const;
