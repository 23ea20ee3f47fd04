/** What the gateways are compared with: the backend itself, the least proxy on Node, and nginx. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CONTENDER_CORE,
  isOnPath,
  type Launch,
  launchLine,
  pinned,
  printedPort,
  RIG_CORE,
  untilReady,
} from '../process.ts';
import {
  type Contender,
  canAll,
  homeOf,
  KEY_HEADERS,
  launched,
  type Missing,
  type Rig,
} from './contender.ts';

export async function startMock(rig: Pick<Rig, 'started'>): Promise<Contender> {
  return startPrinting(rig, 'mock', {
    command: pinned(RIG_CORE, [process.execPath, 'bench/mock-backend.ts']),
  });
}

export function startBare(rig: Rig): Promise<Contender> {
  const program = [process.execPath, 'bench/bare-proxy.ts', `http://127.0.0.1:${rig.mockPort}`];
  return startPrinting(rig, 'bare', { command: pinned(CONTENDER_CORE, program) });
}

async function startPrinting(rig: Pick<Rig, 'started'>, name: string, launch: Launch): Promise<Contender> {
  const child = launched(rig, launch);
  const port = await printedPort(child);
  return {
    name,
    port,
    child,
    launch: [launchLine(launch)],
    users: [KEY_HEADERS],
    cannot: canAll,
    isRival: false,
    readyMs: null,
  };
}

const nginxConfig = (home: string, port: number, mockPort: number) => `daemon off; worker_processes 1;
pid ${home}/pid; error_log ${home}/error.log;
events { worker_connections 8192; }
http {
  access_log off; keepalive_requests 1000000; keepalive_timeout 600s; client_max_body_size 32m;
  client_body_buffer_size 2m;
  client_body_temp_path ${home}/body; proxy_temp_path ${home}/proxy; fastcgi_temp_path ${home}/fastcgi;
  uwsgi_temp_path ${home}/uwsgi; scgi_temp_path ${home}/scgi;
  upstream backend { server 127.0.0.1:${mockPort}; keepalive 256; keepalive_requests 1000000; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off; proxy_request_buffering off; proxy_read_timeout 600s;
    }
  }
}
`;

export async function startNginx(rig: Rig): Promise<Contender | Missing> {
  const name = 'nginx';
  if (!isOnPath('nginx')) return { name, reason: 'nginx is not on this machine' };
  const port = await rig.freePort();
  const home = homeOf(rig, name);
  const config = nginxConfig(home, port, rig.mockPort);
  writeFileSync(join(home, 'nginx.conf'), config);
  const launch: Launch = {
    command: pinned(CONTENDER_CORE, ['nginx', '-p', home, '-c', 'nginx.conf']),
    log: join(home, 'output.log'),
  };
  const child = launched(rig, launch);
  const readyMs = await untilReady(`http://127.0.0.1:${port}/v1/models`, child);
  return {
    name,
    port,
    child,
    launch: [launchLine(launch), config],
    users: [KEY_HEADERS],
    cannot: canAll,
    isRival: false,
    readyMs,
  };
}
