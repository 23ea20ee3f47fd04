/**
 * The client's side of an answer: bytes out, no faster than the client takes them, and no slower than a ping.
 */
import type { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

export interface ClientStream {
  /**
   * Sends bytes; resolves at once, or when the client has taken what was sent before.
   *
   * @throws the signal's reason when the client has gone or took longer than allowed
   */
  write(bytes: Uint8Array | string): Promise<void> | undefined;
  /** Sends the last bytes, as {@link write} does, and ends the answer. */
  end(bytes: Uint8Array | string): Promise<void>;
}

export interface ClientStreamLimits {
  /** Longest time to take a piece, milliseconds. */
  readonly slowReaderMs: number;
  /** Silence after which a keep-alive is sent, milliseconds. */
  readonly keepAliveMs: number;
}

/**
 * Opens the client's stream. Keep-alives go out whenever nothing else did for a while; as every write is a whole
 * frame, they always stand between two.
 */
export function openClientStream(
  response: ServerResponse,
  keepAlive: () => string,
  limits: ClientStreamLimits,
  signal: AbortSignal,
): ClientStream {
  let idle = true;
  /** Whether the headers have left, or wait in front of what is written now. */
  let begun = false;
  const pinger = setInterval(() => {
    if (idle && !needsDrain(response) && !response.writableEnded) write(keepAlive());
    idle = true;
  }, limits.keepAliveMs);
  response.once('close', () => clearInterval(pinger));

  const writeByNode = (bytes: Uint8Array | string) =>
    response.write(bytes) ? undefined : drained(response, response, limits.slowReaderMs, signal);

  const write: ClientStream['write'] = (bytes) => {
    if (bytes.length === 0) return undefined;
    idle = false;
    const socket = begun ? socketOf(response) : null;
    begun = true;
    if (socket === null) return writeByNode(bytes);
    return socket.write(toChunk(bytes)) ? undefined : drained(socket, response, limits.slowReaderMs, signal);
  };

  return {
    write,
    async end(bytes) {
      if (bytes.length > 0) await writeByNode(bytes);
      response.end();
    },
  };
}

/**
 * The socket that takes the chunks of a begun answer, unless Node has to be asked: the client speaks HTTP/1.0, has
 * ended its side, or an earlier answer on the connection is not through.
 */
function socketOf({ chunkedEncoding, socket }: ServerResponse): Socket | null {
  return chunkedEncoding && socket?.writable === true ? socket : null;
}

const needsDrain = (response: ServerResponse): boolean =>
  response.writableNeedDrain || response.socket?.writableNeedDrain === true;

/** A chunk of HTTP/1.1 in one piece; Node hands the socket four, in a turn of their own. */
function toChunk(bytes: Uint8Array | string): Buffer | string {
  if (typeof bytes === 'string') return `${Buffer.byteLength(bytes).toString(16)}\r\n${bytes}\r\n`;
  const head = `${bytes.length.toString(16)}\r\n`;
  const chunk = Buffer.allocUnsafe(head.length + bytes.length + 2);
  chunk.write(head, 'latin1');
  chunk.set(bytes, head.length);
  chunk.write('\r\n', head.length + bytes.length, 'latin1');
  return chunk;
}

function drained(
  taker: EventEmitter,
  response: ServerResponse,
  patienceMs: number,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const impatience = setTimeout(() => response.destroy(), patienceMs);
    const settle = (act: () => void) => () => {
      clearTimeout(impatience);
      taker.off('drain', onDrain);
      signal.removeEventListener('abort', onAbort);
      act();
    };
    const onDrain = settle(resolve);
    const onAbort = settle(() => reject(signal.reason));
    taker.once('drain', onDrain);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}
