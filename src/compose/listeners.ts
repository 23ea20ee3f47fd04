import type { Config } from '../config/schema.ts';
import { type MetricsServer, startMetricsServer } from '../http/metrics.ts';
import { createGatewayServer, type ServerOptions } from '../http/server.ts';
import type { Metrics } from '../observe/metrics.ts';

/** Whether the metrics are one more path of the product's own port. */
export const servesMetrics = ({ server: { port, metricsPort } }: Config) =>
  metricsPort === port && port !== 0;

/** The port of the product and that of the metrics, which may be one. */
export function createListeners(config: Config, metrics: Metrics, options: Omit<ServerOptions, 'limits'>) {
  const { port, host, metricsPort } = config.server;
  const shared = servesMetrics(config);
  const server = createGatewayServer({ ...options, limits: config.limits });
  let metricsServer: MetricsServer | null = null;
  return {
    async listen() {
      metricsServer = shared ? null : await startMetricsServer(metrics, metricsPort, host);
      const listening = await server.listen(port, host);
      return { port: listening, metricsPort: metricsServer?.port ?? listening };
    },
    setLimits: (limits: ServerOptions['limits']) => server.setLimits(limits),
    refuseReuse: () => server.refuseReuse(),
    async close(patienceMs: number) {
      await server.close(patienceMs);
      metricsServer?.close();
    },
  };
}
