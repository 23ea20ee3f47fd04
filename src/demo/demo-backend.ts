import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { answerDemo } from './answer-demo.ts';
import { readDemoRequest } from './conversation.ts';
import { toCompletion, toFrames } from './demo-replies.ts';

/** The one model of the demo backend. */
export const DEMO_MODEL = 'demo-model';

export interface DemoBackend {
  /** Base URL that ends in `/v1`, on loopback. */
  readonly url: string;
  readonly model: typeof DEMO_MODEL;
  close(): Promise<void>;
}

export interface DemoBackendOptions {
  /** Milliseconds between two pieces of a stream, so that one sees it flow (15). */
  readonly pieceMs?: number;
  /** Milliseconds since the epoch (the machine's clock). */
  readonly now?: () => number;
  /** Makes the unique part of answer and tool-call ids (random). */
  readonly newId?: () => string;
}

/** A request larger than any client sends is cut off. */
const LARGEST_BODY = 64 * 1024 * 1024;

/** An answer that is no stream: a status and a JSON body. */
interface Plain {
  readonly status: number;
  readonly json: unknown;
}

/**
 * Starts the built-in demo model: an OpenAI-format backend on a free loopback port that answers while no real one is
 * configured. It is a small program with fixed answers and says so (`answerDemo`).
 */
export async function startDemoBackend(options: DemoBackendOptions = {}): Promise<DemoBackend> {
  const { pieceMs = 15, now = Date.now, newId = () => randomUUID().replaceAll('-', '') } = options;

  async function complete(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readJson(message);
    if (body === undefined) return sendPlain(failure(400, 'The body must be JSON.'), response);
    const request = readDemoRequest(body);
    if (request.model !== DEMO_MODEL) return sendPlain(unknownModel(), response);
    const answer = answerDemo(request);
    const label = { id: newId(), created: Math.floor(now() / 1000), model: DEMO_MODEL };
    if (!request.stream)
      return sendPlain({ status: 200, json: toCompletion(request, answer, label) }, response);
    await sendFrames(toFrames(request, answer, label), pieceMs, response);
  }

  async function take(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (message.url ?? '').split('?', 1)[0];
    const wanted = path === undefined ? undefined : METHODS.get(path);
    if (wanted === undefined)
      return sendPlain(failure(404, 'The demo backend has no such endpoint.'), response);
    if (wanted !== message.method) return sendPlain(failure(405, `The method must be ${wanted}.`), response);
    if (wanted === 'GET') return sendPlain({ status: 200, json: modelList(now()) }, response);
    await complete(message, response);
  }

  const server = createServer((message, response) => {
    // A client that left has nothing to be told.
    take(message, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/v1`, model: DEMO_MODEL, close: () => closeServer(server) };
}

const METHODS: ReadonlyMap<string, string> = new Map([
  ['/v1/models', 'GET'],
  ['/v1/chat/completions', 'POST'],
]);

const failure = (status: number, message: string): Plain => ({
  status,
  json: { error: { message, type: 'invalid_request_error', param: null, code: null } },
});

const unknownModel = (): Plain => failure(404, `The only model here is "${DEMO_MODEL}".`);

const modelList = (now: number): unknown => ({
  object: 'list',
  data: [{ id: DEMO_MODEL, object: 'model', created: Math.floor(now / 1000), owned_by: 'llm-gateway' }],
});

/** The parsed body; `undefined` where it is not JSON or too large. */
async function readJson(message: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > LARGEST_BODY) return undefined;
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    return undefined;
  }
}

function sendPlain({ status, json }: Plain, response: ServerResponse): void {
  const body = JSON.stringify(json);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}

async function sendFrames(
  frames: readonly string[],
  pieceMs: number,
  response: ServerResponse,
): Promise<void> {
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache',
  });
  for (const frame of frames) {
    if (response.destroyed) return;
    response.write(frame);
    if (pieceMs > 0) await pause(pieceMs);
  }
  response.end();
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
