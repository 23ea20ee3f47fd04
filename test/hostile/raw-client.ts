/** A client that sends bytes as they are and believes nothing of what comes back. */
import { connect, type Socket } from 'node:net';
import { within } from '../support/within.ts';

export interface RawAnswer {
  /** 0 when the connection was closed without an answer. */
  readonly status: number;
  /** Head of the answer, lower case, interim answers included. */
  readonly head: string;
  readonly body: string;
  /** Milliseconds from the connection to the end of the answer. */
  readonly ms: number;
}

export function dial(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => resolve(socket.on('error', () => undefined)));
    socket.once('error', reject);
  });
}

/** Sends the bytes and reads one answer to its end, or until the connection is closed. */
export async function sendRaw(url: string, bytes: string | Buffer, ms = 8000): Promise<RawAnswer> {
  const started = performance.now();
  const socket = await dial(url);
  socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  return within(ms, 'an answer', readAnswer(socket, started)).finally(() => socket.destroy());
}

/** Reads one answer. */
export function readAnswer(socket: Socket, started = performance.now()): Promise<RawAnswer> {
  return new Promise((resolve) => {
    let text = '';
    const look = (ended: boolean) => {
      const answer = parseAnswer(text);
      if (answer.whole || ended) resolve({ ...answer, ms: performance.now() - started });
    };
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      text += chunk;
      look(false);
    });
    socket.on('close', () => look(true));
  });
}

function parseAnswer(text: string) {
  const interim = /^(?:HTTP\/1\.1 1\d\d [\s\S]*?\r\n\r\n)*/.exec(text)?.[0] ?? '';
  const split = text.indexOf('\r\n\r\n', interim.length);
  if (split < 0) return { status: 0, head: text.toLowerCase(), body: '', whole: false };
  const head = text.slice(0, split).toLowerCase();
  const body = text.slice(split + 4);
  const length = Number(/\r\ncontent-length: (\d+)/.exec(head)?.[1] ?? Number.POSITIVE_INFINITY);
  const status = Number(text.slice(interim.length, split).split(' ')[1]);
  return { status, head, body, whole: body.length >= length };
}

export interface RequestParts {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: readonly string[];
  readonly body?: string;
}

/** A plain request with whatever is odd put in; `content-length` is added where a body is given. */
export function request({ method = 'GET', path = '/quota', headers = [], body }: RequestParts): string {
  const length = body === undefined ? [] : [`content-length: ${Buffer.byteLength(body)}`];
  return `${[`${method} ${path} HTTP/1.1`, 'host: gateway', ...headers, ...length].join('\r\n')}\r\n\r\n${body ?? ''}`;
}
