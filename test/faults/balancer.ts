import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

export interface Balancer {
  readonly url: string;
  /** Puts a gateway behind it, or takes it away. */
  add(url: string): void;
  remove(url: string): void;
  close(): Promise<void>;
}

/** What a Kubernetes Service is: new connections go in turn to those that say they are ready, open ones stay. */
export async function startBalancer(): Promise<Balancer> {
  const targets = new Map<string, boolean>();
  const sockets = new Set<Socket>();
  let turn = 0;
  let open = true;

  const server = createServer({ allowHalfOpen: true }, (client) => {
    const ready = [...targets].filter(([, isReady]) => isReady).map(([url]) => url);
    const target = ready[turn++ % Math.max(1, ready.length)];
    if (target === undefined) {
      client.destroy();
      return;
    }
    const { hostname, port } = new URL(target);
    const gateway = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    for (const [one, other] of [
      [client, gateway],
      [gateway, client],
    ] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy()).on('close', () => sockets.delete(one));
      one.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  const probing = (async () => {
    while (open) {
      for (const url of [...targets.keys()]) {
        const status = await fetch(`${url}/readyz`, { headers: { connection: 'close' } }).then(
          (response) => response.status,
          () => 0,
        );
        if (targets.has(url)) targets.set(url, status === 200);
      }
      await pause(50);
    }
  })();

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    add: (url) => targets.set(url, true),
    remove: (url) => targets.delete(url),
    async close() {
      open = false;
      await probing;
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
