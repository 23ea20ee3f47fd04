/**
 * Node's own HTTP server. `import … from 'node:http'` would read everything that it exports, its WebSocket among them,
 * and so load the whole of its fetch at every start.
 */
import { createRequire } from 'node:module';

export const { createServer, STATUS_CODES }: typeof import('node:http') = createRequire(import.meta.url)(
  'node:http',
);
