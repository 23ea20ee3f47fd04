/**
 * A backend of our own on loopback that forgives nothing: answers are queued by the test, and whatever was not
 * expected (a request too many, a wrong path, a missing or foreign credential, a header that must stay inside) is
 * held against the test.
 */
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  answer,
  type JsonReply,
  type MockAnswer,
  type MockFormat,
  type StreamReply,
} from './mock-replies.ts';
import { bodyProblems, type CredentialRule, headProblems } from './mock-rules.ts';

/** How a stream ends early, after so many frames. */
interface Cut {
  readonly afterFrames: number;
  /** `reset`: RST; `hang-up`: FIN inside the body; `end`: the body ends cleanly, `stall`: silence. */
  readonly by: 'reset' | 'hang-up' | 'end' | 'stall';
}

export type MockReply =
  | JsonReply
  | (StreamReply & { readonly cut?: Cut; readonly delayMs?: number })
  /** Frames with waits between them: the stream goes on when the promise is fulfilled. */
  | { readonly steps: readonly (string | Promise<unknown>)[]; readonly headers?: Record<string, string> }
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body: string }
  /** Bytes on the socket in place of an HTTP answer made by node; then FIN, or the socket stays open. */
  | { readonly raw: string; readonly open?: boolean }
  /** A JSON answer whose content-length promises more than comes. */
  | { readonly half: unknown }
  | { readonly beforeHeaders: 'reset' | 'stall' };

type QueuedReply = MockReply | ((request: MockRequest) => MockReply | Promise<MockReply>);

export interface MockRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
  /** The parsed body, `undefined` where it is not JSON. */
  readonly json: unknown;
  /** Fulfilled when the exchange is over: `answered` in full, or `left` when the client closed before that. */
  readonly over: Promise<'answered' | 'left'>;
}

/** What a backend is at home in; one of OpenAI's may speak Responses besides. */
type MockDialect = Exclude<MockFormat, 'responses'>;

export interface MockBackendOptions {
  readonly dialect: MockDialect;
  /** Serves `/v1/responses` too; absent: asking it is a failure. */
  readonly responses?: boolean;
  /** Names for `GET /v1/models` (`['mock-model']`). */
  readonly models?: readonly string[];
  /** The key the gateway must present (`backend-key`); `null`: none may come. */
  readonly credential?: string | null;
  /** Texts that must never arrive, such as the clients' keys. */
  readonly neverReceives?: readonly string[];
  /** Answer of the token counter beside the inference path; absent: asking it is a failure. */
  readonly tokens?: number;
}

export interface MockBackend {
  /** Origin, without a path: what `CLAUDE_BASE_URL` takes. */
  readonly url: string;
  /** Origin and `/v1`: what `OPENAI_BASE_URL` and `INTERNAL_LLM_URL` take. */
  readonly v1: string;
  readonly dialect: MockDialect;
  /** Inference requests in order of arrival, surplus ones included. */
  readonly requests: readonly MockRequest[];
  /** How often `GET /v1/models` and the token counter were asked. */
  readonly asked: { models: number; tokens: number };
  /** Queues answers, one for each inference request to come. */
  reply(...replies: readonly QueuedReply[]): void;
  /** Queues answers in the form that the request asks for, whole or streamed. */
  say(...answers: readonly MockAnswer[]): void;
  /** The nth inference request (from 1) as soon as it has arrived. */
  request(number: number): Promise<MockRequest>;
  /** Fails when an answer is left over, a request was surplus, or a rule was broken. */
  assertPlayed(): void;
  /** Forgets requests, queued answers and failures. */
  reset(): void;
  close(): Promise<void>;
}

const INFERENCE: Readonly<Record<MockFormat, string>> = {
  anthropic: '/v1/messages',
  openai: '/v1/chat/completions',
  responses: '/v1/responses',
};
const COUNTER: Readonly<Record<MockDialect, string>> = {
  anthropic: '/v1/messages/count_tokens',
  openai: '/tokenize',
};
const QUERIES: Readonly<Record<MockDialect, readonly string[]>> = {
  anthropic: ['', '?beta=true'],
  openai: [''],
};

/** Starts a mock backend on a free loopback port. Close it when the test ends. */
export async function startMockBackend(options: MockBackendOptions): Promise<MockBackend> {
  const { dialect, models = ['mock-model'], tokens } = options;
  const formats: readonly MockFormat[] = options.responses === true ? [dialect, 'responses'] : [dialect];
  const rule: CredentialRule = {
    dialect,
    credential: options.credential === undefined ? 'backend-key' : options.credential,
    neverReceives: options.neverReceives ?? [],
  };
  const queue: QueuedReply[] = [];
  const requests: MockRequest[] = [];
  const failures: string[] = [];
  const waiting: { number: number; resolve: (request: MockRequest) => void }[] = [];
  const asked = { models: 0, tokens: 0 };

  const fail = (message: IncomingMessage, problems: readonly string[]): void => {
    failures.push(...problems.map((problem) => `${message.method} ${message.url}: ${problem}`));
  };

  async function takeInference(
    format: MockFormat,
    message: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const request = await recordRequest(message, response);
    requests.push(request);
    for (const waiter of waiting.filter(({ number }) => number === requests.length)) waiter.resolve(request);
    fail(message, [...headProblems(rule, message), ...bodyProblems(rule, format, message, request.body)]);
    const next = queue.shift();
    if (next === undefined) {
      fail(message, ['no answer is queued for this request']);
      return send({ status: 400, body: '{"error":{"message":"no answer is queued"}}' }, response);
    }
    await send(typeof next === 'function' ? await next(request) : next, response);
  }

  async function take(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, search } = new URL(message.url ?? '/', 'http://mock');
    const format = formats.find((one) => INFERENCE[one] === pathname);
    const beside = { [COUNTER[dialect]]: 'POST', '/v1/models': 'GET' }[pathname];
    const known = format === undefined ? beside : 'POST';
    if (known !== message.method || !QUERIES[dialect].includes(search)) {
      fail(message, ['no such endpoint on a real backend']);
      return send({ status: 404, body: '{"error":{"message":"no such endpoint"}}' }, response);
    }
    if (format !== undefined) return takeInference(format, message, response);
    fail(message, headProblems(rule, message));
    if (pathname === '/v1/models') {
      asked.models += 1;
      return send({ json: modelList(dialect, models) }, response);
    }
    asked.tokens += 1;
    if (tokens === undefined) fail(message, ['this mock counts no tokens']);
    const counted = dialect === 'anthropic' ? { input_tokens: tokens } : { count: tokens, tokens: [] };
    await send({ json: counted, status: tokens === undefined ? 404 : 200 }, response);
  }

  const server = createServer((message, response) => {
    take(message, response).catch((error) => {
      fail(message, [String(error)]);
      response.destroy();
    });
  });
  // Kept open between requests longer than any test lasts: a reset of ours must never look like a test's.
  server.keepAliveTimeout = 120_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    url,
    v1: `${url}/v1`,
    dialect,
    requests,
    asked,
    reply: (...replies) => {
      queue.push(...replies);
    },
    say: (...answers) => {
      queue.push(...answers.map((said) => (asked: MockRequest) => answer(formatOf(asked.path), said)(asked)));
    },
    request: (number) => {
      const arrived = requests[number - 1];
      if (arrived !== undefined) return Promise.resolve(arrived);
      return new Promise((resolve) => {
        waiting.push({ number, resolve });
      });
    },
    assertPlayed: () => {
      const left = queue.length === 0 ? [] : [`${queue.length} queued answers were never asked for`];
      assert.deepEqual([...failures, ...left], [], `what went wrong at the ${dialect} mock backend`);
    },
    reset: () => {
      for (const list of [queue, requests, failures]) list.length = 0;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function recordRequest(message: IncomingMessage, response: ServerResponse): Promise<MockRequest> {
  const over = new Promise<'answered' | 'left'>((resolve) => {
    response.on('close', () => resolve(response.writableFinished ? 'answered' : 'left'));
  });
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  return {
    method: message.method ?? '',
    path: message.url ?? '',
    headers: message.headers,
    rawHeaders: message.rawHeaders,
    body,
    json: parsedOrUndefined(body),
    over,
  };
}

const formatOf = (path: string): MockFormat =>
  (['anthropic', 'openai', 'responses'] as const).find((format) => path.startsWith(INFERENCE[format])) ??
  'openai';

function parsedOrUndefined(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

function modelList(dialect: MockDialect, models: readonly string[]): unknown {
  if (dialect === 'openai') {
    const data = models.map((id) => ({ id, object: 'model', created: 1_790_000_000, owned_by: 'mock' }));
    return { object: 'list', data };
  }
  const data = models.map((id) => ({
    type: 'model',
    id,
    display_name: id,
    created_at: '2026-09-22T00:00:00Z',
  }));
  return { data, has_more: false, first_id: models[0] ?? null, last_id: models.at(-1) ?? null };
}

async function send(reply: MockReply, response: ServerResponse): Promise<void> {
  if ('json' in reply)
    return sendBody(reply.status ?? 200, reply.headers, JSON.stringify(reply.json), response);
  if ('body' in reply) return sendBody(reply.status, reply.headers, reply.body, response);
  if ('stream' in reply) return sendStream(reply, response);
  if ('steps' in reply) return sendSteps(reply.steps, reply.headers ?? {}, response);
  if ('raw' in reply) {
    response.socket?.write(reply.raw);
    if (reply.open !== true) response.socket?.end();
    return;
  }
  if ('half' in reply) {
    const text = JSON.stringify(reply.half);
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': text.length * 2 });
    response.write(text, () => response.socket?.end());
    return;
  }
  if (reply.beforeHeaders === 'reset') response.socket?.resetAndDestroy();
}

function sendBody(
  status: number,
  headers: Readonly<Record<string, string>> | undefined,
  body: string,
  response: ServerResponse,
): void {
  const length = Buffer.byteLength(body);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': length, ...headers });
  response.end(body);
}

async function sendSteps(
  steps: readonly (string | Promise<unknown>)[],
  headers: Readonly<Record<string, string>>,
  response: ServerResponse,
): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', ...headers });
  response.flushHeaders();
  for (const step of steps) {
    if (typeof step === 'string') response.write(step);
    else await step;
  }
  response.end();
}

async function sendStream(
  { stream, headers, cut, delayMs }: StreamReply & { readonly cut?: Cut; readonly delayMs?: number },
  response: ServerResponse,
): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', ...headers });
  response.flushHeaders();
  for (const frame of stream.slice(0, cut?.afterFrames)) {
    if (response.destroyed) return;
    await new Promise<void>((resolve) => {
      response.write(frame, () => resolve());
    });
    if (delayMs !== undefined) await new Promise((resolve) => setTimeout(resolve, delayMs));
  }
  const endings: Readonly<Record<Cut['by'], () => unknown>> = {
    reset: () => response.socket?.resetAndDestroy(),
    'hang-up': () => response.socket?.end(),
    end: () => response.end(),
    stall: () => undefined,
  };
  endings[cut?.by ?? 'end']();
}
