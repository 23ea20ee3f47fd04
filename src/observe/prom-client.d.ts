/** The parts of prom-client that are loaded one by one, with the types that its index gives them. */

declare module 'prom-client/lib/registry.js' {
  import { Registry } from 'prom-client';
  export = Registry;
}

declare module 'prom-client/lib/counter.js' {
  import { Counter } from 'prom-client';
  export = Counter;
}

declare module 'prom-client/lib/gauge.js' {
  import { Gauge } from 'prom-client';
  export = Gauge;
}

/** One or a few of its default metrics. */
declare module 'prom-client/lib/metrics/*' {
  import type { Registry } from 'prom-client';

  function register(registry: Registry, options: { readonly eventLoopMonitoringPrecision: number }): void;
  export = register;
}
