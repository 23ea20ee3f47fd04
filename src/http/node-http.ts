/**
 * Node's own HTTP server. `import … from 'node:http'` would read everything that it exports, its WebSocket among them,
 * and so load Node's whole fetch: 13 MB and 20 ms at every start.
 */
import { createRequire } from 'node:module';

export const { createServer, STATUS_CODES }: typeof import('node:http') = createRequire(import.meta.url)(
  'node:http',
);
