/** The end of the listening socket: who is still answered, and when the connections of the others are closed. */
import type { Server } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { GatewayError } from '../errors.ts';
import type { Scope } from './request-scope.ts';
import type { UnderWay } from './under-way.ts';

/** What is known of a client's connection. */
export interface Connection {
  /** Requests that it has open. */
  open: number;
  /**
   * How much it had sent when it was last looked at, at the latest when an answer closed; bytes. What has sent more is not
   * idle. The beginning of a request that was sent ahead of an answer is not told from the request before it.
   */
  bytesSeen: number;
}

/** Time for the last words to reach the clients, milliseconds. */
const LAST_WORDS_MS = 1000;
/** Time for a request that is on its way over a connection which seems to be idle, milliseconds. */
const LAST_LOOK_MS = 100;
/** Most turns in which connections are still taken at the end, twice as many as may wait: a flood must not keep it up. */
const LAST_TURNS = 1000;
/** A turn of Node's loop that had nothing to do, milliseconds. */
const SHORT_TURN_MS = 0.05;

/**
 * Ends a server so that whoever has reached it is answered: takes no new connections, and after `patienceMs` ends the open
 * answers in-band. Resolves when all is closed. Every answer that begins from now on has to end its connection.
 */
export async function closeServer(
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
  // Only now, because its clock is what refuses headers that never end.
  server.close();
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
 * Closes the connections that have nothing to do, as soon as none of the answers under way has ended for a moment: they
 * have promised to keep their connections, and a proxy sends the next request over such a one at once. Node's own
 * `closeIdleConnections` counts an answer as done whose last bytes still wait to be taken. What this gives back calls it
 * off.
 */
function closeIdle(scopes: UnderWay<Scope>, connections: ReadonlyMap<Socket, Connection>): () => void {
  /** One that has begun to send something has a while to make a request of it. */
  const sweep = () => {
    let more = false;
    for (const [socket, connection] of connections) {
      if (connection.open > 0) continue;
      if (socket.bytesRead === connection.bytesSeen) socket.destroy();
      else more = true;
      connection.bytesSeen = socket.bytesRead;
    }
    if (more) timer = setTimeout(sweep, LAST_WORDS_MS);
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
