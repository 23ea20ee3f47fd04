/**
 * The client's stream, opened before there is an answer: whoever waits in line is sent pings, so that neither the
 * client nor a proxy in between takes the wait for a failure.
 */
import { createPassthrough } from '../protocol/transcribe.ts';
import { type RelayClient, STREAM_HEADERS } from './relay.ts';

export interface EarlyStream {
  /**
   * Opens the stream if there is still nothing to put into it after the time of a keep-alive. Only the first call
   * counts, and what its headers say must stay true.
   */
  openSoon(headers: RelayClient['headers']): void;
  /** Opens it at once. */
  open(headers: RelayClient['headers']): void;
  /** Whether the headers are out, so that an answer can only come as events. */
  isOpen(): boolean;
  /** Somebody else writes from now on. */
  stop(): void;
}

/** Prepares the stream of a client; one that asked for none is left waiting in silence. */
export function createEarlyStream(
  client: Pick<RelayClient, 'dialect' | 'stream' | 'response' | 'limits'>,
): EarlyStream {
  const { response, limits } = client;
  let pinger: NodeJS.Timeout | null = null;
  let isOpen = false;

  const stop = () => {
    if (pinger !== null) clearInterval(pinger);
  };
  const ping = (headers: RelayClient['headers']) => {
    if (response.destroyed) return stop();
    if (!isOpen) {
      // Set apart from the others, so that it can be read back where a failure has to be said.
      response.setHeader('content-type', STREAM_HEADERS['content-type']);
      response.writeHead(200, { ...headers, ...STREAM_HEADERS });
      isOpen = true;
    }
    if (!response.writableNeedDrain) response.write(createPassthrough(client.dialect, '').keepAlive());
  };

  const openSoon = (headers: RelayClient['headers']) => {
    if (client.stream) pinger ??= setInterval(ping, limits.keepAliveMs, headers);
  };

  return {
    openSoon,
    open(headers) {
      if (!client.stream || isOpen) return;
      openSoon(headers);
      ping(headers);
    },
    isOpen: () => isOpen,
    stop,
  };
}
