/** `GET /metrics`, on its own port so that it is not public, or beside the rest where the ports are equal. */

import type { AddressInfo } from 'node:net';
import type { Metrics } from '../observe/metrics.ts';
import { createServer } from './node-http.ts';
import { sendBytes } from './reply.ts';
import type { Scope } from './request-scope.ts';

export function createMetricsHandler(metrics: Metrics) {
  return async (scope: Scope): Promise<void> => {
    const { contentType, text } = await metrics.render();
    sendBytes(scope, 200, text, { 'content-type': contentType });
  };
}

export interface MetricsServer {
  readonly port: number;
  close(): void;
}

const LIMITS = { headersTimeout: 10_000, requestTimeout: 10_000 };

/** Serves metrics alone. */
export async function startMetricsServer(
  metrics: Metrics,
  port: number,
  host: string,
): Promise<MetricsServer> {
  const server = createServer(LIMITS, async (request, response) => {
    response.on('error', () => response.destroy());
    const path = (request.url ?? '').split('?', 1)[0];
    if (path !== '/metrics' || (request.method !== 'GET' && request.method !== 'HEAD')) {
      response.writeHead(404).end();
      return;
    }
    const { contentType, text } = await metrics.render();
    response
      .writeHead(200, { 'content-type': contentType })
      .end(request.method === 'HEAD' ? undefined : text);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
