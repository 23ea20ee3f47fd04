/**
 * The client's side of an answer: bytes out, no faster than the client takes them, and no slower than a ping.
 */
import type { ServerResponse } from 'node:http';

export interface ClientStream {
  /**
   * Sends bytes; resolves at once, or when the client has taken what was sent before.
   *
   * @throws the signal's reason when the client has gone or took longer than allowed
   */
  write(bytes: Uint8Array | string): Promise<void> | undefined;
  end(): void;
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
  const pinger = setInterval(() => {
    if (idle && !response.writableNeedDrain && !response.writableEnded) response.write(keepAlive());
    idle = true;
  }, limits.keepAliveMs);
  response.once('close', () => clearInterval(pinger));

  return {
    write(bytes) {
      if (bytes.length === 0) return undefined;
      idle = false;
      return response.write(bytes) ? undefined : drained(response, limits.slowReaderMs, signal);
    },
    end() {
      response.end();
    },
  };
}

function drained(response: ServerResponse, patienceMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const impatience = setTimeout(() => response.destroy(), patienceMs);
    const settle = (act: () => void) => () => {
      clearTimeout(impatience);
      response.off('drain', onDrain);
      signal.removeEventListener('abort', onAbort);
      act();
    };
    const onDrain = settle(resolve);
    const onAbort = settle(() => reject(signal.reason));
    response.once('drain', onDrain);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}
