/**
 * The least that a proxy on Node can be: `node:http` in front, undici behind, bytes passed on as they come; no
 * authentication, no quota, no look at the body. What the gateway's cost is compared with. Prints its port.
 *
 *   node bench/bare-proxy.ts http://127.0.0.1:9000
 */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Pool } from 'undici';

const pool = new Pool(process.argv[2] ?? '', { connections: 2_048, pipelining: 1 });
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'host', 'expect', 'upgrade']);

function passOn(headers: IncomingHttpHeaders): Record<string, string | string[]> {
  const kept: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !HOP_BY_HOP.has(name)) kept[name] = value;
  }
  return kept;
}

const server = createServer(async (request, response) => {
  try {
    const reply = await pool.request({
      method: request.method ?? 'GET',
      path: request.url ?? '/',
      headers: passOn(request.headers),
      body: request.method === 'POST' ? request : null,
    });
    response.writeHead(reply.statusCode, passOn(reply.headers));
    reply.body.pipe(response);
  } catch {
    response.writeHead(502).end();
  }
});
server.keepAliveTimeout = 600_000;
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
