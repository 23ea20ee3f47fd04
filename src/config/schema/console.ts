import { z } from 'zod';

export const consoleSchema = z.strictObject({
  enabled: z
    .boolean()
    .default(true)
    .describe(
      'Whether `/console` shows people their quota, usage and keys, and operators the rest (`admin`). People sign in ' +
        'through Keycloak, where `auth.keycloak.service` and `server.publicUrl` are set, or with a static key.',
    ),
});
