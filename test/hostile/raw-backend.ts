/** A backend that writes bytes: every lie about HTTP that a model server, or something in between, could tell. */
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

export interface RawBackend {
  readonly url: string;
  readonly v1: string;
  /** Heads and bodies of the inference requests, as they came. */
  readonly requests: readonly string[];
  /** Fulfilled when so many inference requests have come. */
  asked(count: number): Promise<void>;
  /** Connections that are open now. */
  open(): number;
  /** What is done with each inference request from now on. */
  answer(act: (socket: Socket, number: number) => void): void;
  /** What the list of models answers from now on. */
  list(bytes: string): void;
  close(): Promise<void>;
}

/** Serves one model, `raw-model`. */
export async function startRawBackend(): Promise<RawBackend> {
  const sockets = new Set<Socket>();
  const requests: string[] = [];
  let act: (socket: Socket, number: number) => void = (socket) => socket.destroy();
  let list = httpAnswer(JSON.stringify({ object: 'list', data: [{ id: 'raw-model', object: 'model' }] }));

  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined);
    let seen = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      seen += chunk;
      const end = endOfRequest(seen);
      if (end === null) return;
      const one = seen.slice(0, end);
      seen = seen.slice(end);
      if (one.startsWith('GET ')) {
        socket.write(list);
        return;
      }
      requests.push(one);
      act(socket, requests.length);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    v1: `${url}/v1`,
    requests,
    asked: async (count) => {
      while (requests.length < count) await pause(10);
    },
    open: () => sockets.size,
    answer: (next) => {
      act = next;
    },
    list: (bytes) => {
      list = bytes;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function endOfRequest(text: string): number | null {
  const split = text.indexOf('\r\n\r\n');
  if (split < 0) return null;
  const length = Number(/\r\ncontent-length: (\d+)/i.exec(text.slice(0, split))?.[1] ?? 0);
  return text.length >= split + 4 + length ? split + 4 + length : null;
}

/** A whole answer of status 200 with a JSON body, and further header lines. */
export function httpAnswer(body: string, ...headers: readonly string[]): string {
  const lines = [
    'HTTP/1.1 200 OK',
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  return `${[...lines, ...headers].join('\r\n')}\r\n\r\n${body}`;
}

export const STREAM_HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n';

/** A completion that says `text`. */
export const completion = (text: string): string =>
  JSON.stringify({
    id: 'chatcmpl-raw',
    object: 'chat.completion',
    created: 1_790_000_000,
    model: 'raw-model',
    choices: [{ index: 0, message: { role: 'assistant', content: text }, finish_reason: 'stop' }],
  });

/** One chunk of a streamed completion. */
export const chunk = (content: string, finish: string | null = null): string =>
  `data: ${JSON.stringify({
    id: 'chatcmpl-raw',
    object: 'chat.completion.chunk',
    created: 1_790_000_000,
    model: 'raw-model',
    choices: [{ index: 0, delta: { content }, finish_reason: finish }],
  })}\n\n`;
