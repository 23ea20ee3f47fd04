import type { Config } from '../config/schema.ts';
import { createMetricsHandler, type MetricsServer, startMetricsServer } from '../http/metrics.ts';
import type { Scope } from '../http/request-scope.ts';
import { matchRoute, type RouteRow } from '../http/routes.ts';
import { createGatewayServer, type ServerOptions } from '../http/server.ts';
import type { Metrics } from '../observe/metrics.ts';

/** The port of the product and that of the metrics, which may be one. */
export function createListeners(
  config: Config,
  routes: readonly RouteRow[],
  metrics: Metrics,
  tools: Pick<ServerOptions, 'log' | 'mintId' | 'now'>,
) {
  const { port, host, metricsPort } = config.server;
  const shared = metricsPort === port && port !== 0;
  const metricsRow = { path: '/metrics', methods: { GET: createMetricsHandler(metrics) } };
  const table = shared ? [...routes, metricsRow] : routes;
  const handle = (scope: Scope) => matchRoute(table, scope.request.method ?? '', scope.path)(scope);
  const server = createGatewayServer({ ...tools, handle, limits: config.limits });
  let metricsServer: MetricsServer | null = null;
  return {
    async listen() {
      metricsServer = shared ? null : await startMetricsServer(metrics, metricsPort, host);
      const listening = await server.listen(port, host);
      return { port: listening, metricsPort: metricsServer?.port ?? listening };
    },
    refuseReuse: () => server.refuseReuse(),
    async close(patienceMs: number) {
      await server.close(patienceMs);
      metricsServer?.close();
    },
  };
}
