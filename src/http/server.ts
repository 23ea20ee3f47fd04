/** The listening socket: limits, one scope per request, and an orderly end. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ErrorCode, GatewayError, hasClientLeft } from '../errors.ts';
import type { Log } from '../observe/log.ts';
import { assertPlainRequest } from './assert-plain.ts';
import { type Connection, closeServer } from './close-server.ts';
import { createServer } from './node-http.ts';
import { readUnreadable, refuseUnreadable } from './refuse-unreadable.ts';
import { sendError, toGatewayError } from './reply.ts';
import { openScope, type Scope } from './request-scope.ts';
import { createUnderWay } from './under-way.ts';

export interface ServerOptions {
  readonly handle: (scope: Scope) => Promise<void> | void;
  readonly log: Log;
  readonly mintId: () => string;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  /** Told of every request that is refused here, by its id. */
  readonly onRefused: (id: string, code: ErrorCode) => void;
  readonly limits: ServerLimits;
}

export interface ServerLimits {
  readonly connections: number;
  readonly headersSeconds: number;
  readonly requestSeconds: number;
  readonly idleSeconds: number;
  readonly answerSeconds: number;
  readonly slowReaderSeconds: number;
}

export interface GatewayServer {
  /** Resolves with the port that is listened on. */
  listen(port: number, host: string): Promise<number>;
  /** Requests being answered now. */
  open(): number;
  /** Holds for what begins from now on. */
  setLimits(limits: ServerLimits): void;
  /** From now on every answer ends its connection. */
  refuseReuse(): void;
  /**
   * Takes the connections that wait and then no more; every answer ends its connection, and after `patienceMs` the open
   * answers are ended in-band. Resolves when all is closed.
   */
  close(patienceMs: number): Promise<void>;
}

/** Most requests that one connection may have open: Node begins all that were sent ahead at once. */
const MAX_IN_LINE = 100;
const FEW_BYTES = 16 * 1024;
/** Longest header section taken, bytes. Group-heavy tokens need room. */
const MAX_HEADER_BYTES = 32 * 1024;

export function createGatewayServer(options: ServerOptions): GatewayServer {
  const { log } = options;
  let { limits } = options;
  const scopes = createUnderWay<Scope>();
  const connections = new Map<Socket, Connection>();
  let lastCall = false;

  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    const { socket } = request;
    const connection = connections.get(socket);
    if (connection === undefined || connection.open >= MAX_IN_LINE) socket.destroy();
    if (connection === undefined || socket.destroyed) return;
    connection.open += 1;
    const scope = openScope(request, response, { id: options.mintId, now: options.now });
    const leave = scopes.add(scope);
    const endBound = boundTime(scope, limits.answerSeconds);
    response.once('close', () => {
      connection.open -= 1;
      connection.bytesSeen = socket.bytesRead;
      leave();
      endBound();
    });
    if (lastCall) response.shouldKeepAlive = false;
    boundLastPiece(response, limits.slowReaderSeconds * 1000);
    response.on('error', (error) => log.debug({ err: error }, 'client connection failed'));
    answer(options, scope).catch((error: unknown) => {
      log.error({ request_id: scope.id, err: error }, 'request could not be answered');
      response.destroy();
    });
  };

  /** In the caller's own words where there is a request already, however far its body came. */
  const refuse = (error: Error, socket: Duplex): void => {
    const refusal = readUnreadable(error);
    const begun = [...scopes].find(({ request }) => request.socket === socket && !request.complete);
    if (begun !== undefined) {
      begun.stop(refusal);
      return;
    }
    const id = options.mintId();
    refuseUnreadable(refusal, socket, id);
    options.onRefused(id, refusal.code);
  };

  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      ...timeouts(limits),
      connectionsCheckingInterval: 1000,
      noDelay: true,
      // Checked with the rest, so that the refusal is said in words.
      requireHostHeader: false,
    },
    onRequest,
  );
  // Without listeners Node asks for a body before anyone has looked at the credential, and answers in no dialect.
  server.on('checkContinue', onRequest);
  server.on('checkExpectation', onRequest);
  server.on('clientError', (error, socket) => {
    const isAnswering = [...scopes].some(
      ({ request, response }) => request.socket === socket && response.headersSent,
    );
    // A refusal that is already written gets out; an answer under way is over.
    if (isAnswering && socket.writableLength < FEW_BYTES) socket.end(() => socket.destroy());
    else if (isAnswering || !socket.writable || !isAboutRequest(error)) socket.destroy();
    else refuse(error, socket);
  });
  server.maxConnections = limits.connections;
  const setLimits = (next: ServerLimits): void => {
    limits = next;
    Object.assign(server, timeouts(next), { maxConnections: next.connections });
  };
  server.on('connection', (socket) => {
    connections.set(socket, { open: 0, bytesSeen: 0 });
    socket.once('close', () => connections.delete(socket));
  });
  return {
    listen: (port, host) => listen(server, port, host),
    open: () => scopes.size,
    setLimits,
    refuseReuse: () => {
      lastCall = true;
    },
    close: (patienceMs) => {
      lastCall = true;
      return closeServer(server, scopes, connections, patienceMs);
    },
  };
}

/** Whether the parser complains, or the clock; anything else is a connection that broke. */
const isAboutRequest = ({ code = '' }: NodeJS.ErrnoException) => /^(?:HPE_|ERR_HTTP_)/.test(code);

/** Node's names for them, in milliseconds. */
function timeouts({ headersSeconds, requestSeconds, idleSeconds }: ServerLimits) {
  return {
    // Node refuses a limit for the headers that is longer than that for the whole request.
    headersTimeout: Math.min(headersSeconds, requestSeconds) * 1000,
    requestTimeout: requestSeconds * 1000,
    keepAliveTimeout: idleSeconds * 1000,
  };
}

/** Ends an answer that goes on for ever. What it gives back calls that off. */
function boundTime({ stop }: Scope, seconds: number): () => void {
  const end = setTimeout(() => {
    stop(new GatewayError('backend_timeout', `The answer was not complete after ${seconds} seconds.`));
  }, seconds * 1000);
  return () => clearTimeout(end);
}

/**
 * Closes on a client that stops taking an answer which is complete here. While the answer is being made, whoever makes
 * it sees to that. Most answers have been taken by then.
 */
function boundLastPiece(response: ServerResponse, patienceMs: number): void {
  response.once('prefinish', () => {
    const { socket } = response;
    if (socket === null || socket.writableLength === 0) return;
    socket.setTimeout(patienceMs);
    // Before Node's own listener, which sets the time for the next request.
    response.prependOnceListener('finish', () => socket.setTimeout(0));
  });
}

async function answer(options: ServerOptions, scope: Scope): Promise<void> {
  try {
    assertPlainRequest(scope.request);
    await options.handle(scope);
  } catch (error) {
    if (hasClientLeft(scope.signal)) return;
    const failure = toGatewayError(error);
    if (failure.code === 'internal')
      options.log.error({ request_id: scope.id, err: failure.cause }, 'request failed');
    options.onRefused(scope.id, failure.code);
    sendError(scope, failure);
  }
}

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}
