/** The listening socket: limits, one scope per request, and an orderly end. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { type AddressInfo, Server as NetServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type ErrorCode, GatewayError, hasClientLeft } from '../errors.ts';
import type { Log } from '../observe/log.ts';
import { assertPlainRequest } from './assert-plain.ts';
import { createServer } from './node-http.ts';
import { readUnreadable, refuseUnreadable } from './refuse-unreadable.ts';
import { sendError, toGatewayError } from './reply.ts';
import { openScope, type Scope } from './request-scope.ts';
import { createUnderWay, type UnderWay } from './under-way.ts';

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
  /** Takes no new connections; after `patienceMs` the open answers are ended in-band. Resolves when all is closed. */
  close(patienceMs: number): Promise<void>;
}

interface Connection {
  /** Requests that it has open. */
  open: number;
  /** How much it had sent when its latest answer was complete. */
  bytesSeen: number;
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
    close: (patienceMs) => close(server, scopes, connections, patienceMs),
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

/** Time for the last words to reach the clients, milliseconds. */
const LAST_WORDS_MS = 1000;
/** Time for a request that is on its way over a connection which seems to be idle, milliseconds. */
const LAST_LOOK_MS = 100;
/** Most turns in which connections are still taken at the end: a flood must not keep the gateway up. */
const LAST_TURNS = 200;
/** A turn of Node's loop that had nothing to do, milliseconds. */
const SHORT_TURN_MS = 0.05;

async function close(
  server: Server,
  scopes: UnderWay<Scope>,
  connections: ReadonlyMap<Socket, Connection>,
  patienceMs: number,
): Promise<void> {
  await takeWaiting(server);
  // Not `server.close()`, which ends idle connections in the same moment, with what they have sent unread.
  const closed = new Promise<void>((resolve) => NetServer.prototype.close.call(server, () => resolve()));
  const callOff = closeIdle(scopes, connections);
  const reason = new GatewayError(
    'shutting_down',
    'The gateway is restarting; please send the request again.',
  );
  const stop = setTimeout(() => {
    for (const scope of scopes) scope.stop(reason);
  }, patienceMs);
  const cut = setTimeout(() => server.closeAllConnections(), patienceMs + LAST_WORDS_MS);
  await closed;
  callOff();
  clearTimeout(stop);
  clearTimeout(cut);
}

/**
 * Takes the connections that wait: the system resets them, with what they have sent, when nobody listens any more.
 * Node takes one in a turn of its loop. Others come while a turn works, so the last one has to be short.
 */
async function takeWaiting(server: Server): Promise<void> {
  let taken = 0;
  const note = () => {
    taken += 1;
  };
  server.on('connection', note);
  for (let turns = 0; turns < LAST_TURNS; turns++) {
    const begun = performance.now();
    const before = taken;
    await nextTurn();
    if (taken === before && performance.now() - begun < SHORT_TURN_MS) break;
  }
  server.off('connection', note);
}

/**
 * Closes the connections that have nothing to do, whenever no answer has ended for a moment: those that began before
 * the end was known have promised to keep their connections, and a proxy sends the next request over such a one at
 * once. Node's own `closeIdleConnections` counts an answer as done whose last bytes still wait to be taken. What this
 * gives back calls it off.
 */
function closeIdle(scopes: UnderWay<Scope>, connections: ReadonlyMap<Socket, Connection>): () => void {
  const sweep = () => {
    for (const [socket, { open, bytesSeen }] of connections)
      if (open === 0 && socket.bytesRead === bytesSeen) socket.destroy();
  };
  let timer: NodeJS.Timeout | undefined;
  let afterReading: NodeJS.Immediate | undefined;
  const callOff = () => {
    clearTimeout(timer);
    clearImmediate(afterReading);
  };
  // Not `refresh`: Node runs a timer that is due beside the one which refreshes it all the same.
  const soon = () => {
    callOff();
    timer = setTimeout(() => {
      // On a busy machine the time is over before what has arrived meanwhile is read.
      afterReading = setImmediate(sweep);
    }, LAST_LOOK_MS);
  };
  for (const { response } of scopes) response.once('close', soon);
  soon();
  return callOff;
}
