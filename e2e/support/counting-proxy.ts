import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  /** Status of the answer, 0 while there is none. */
  status: number;
}

export interface CountingProxy {
  readonly url: string;
  /** What the client really asked, in order: the gateway's own books are not taken on trust. */
  readonly seen: readonly SeenRequest[];
  close(): Promise<void>;
}

/** Stands between a real client and the gateway, passes every byte on and notes each request. */
export async function startCountingProxy(target: string): Promise<CountingProxy> {
  const seen: SeenRequest[] = [];
  const server = createServer((message, response) => {
    const note: SeenRequest = {
      method: message.method ?? '',
      path: message.url ?? '',
      headers: message.headers,
      status: 0,
    };
    seen.push(note);
    forward(target, message, response, note);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function forward(
  target: string,
  message: IncomingMessage,
  response: ServerResponse,
  note: SeenRequest,
): void {
  const onward = httpRequest(
    target + note.path,
    { method: note.method, headers: message.headers },
    (answer) => {
      note.status = answer.statusCode ?? 0;
      response.writeHead(note.status, answer.headers);
      answer.pipe(response);
      answer.on('error', () => response.destroy());
    },
  );
  onward.on('error', () => response.destroy());
  response.on('close', () => onward.destroy());
  message.pipe(onward);
}
