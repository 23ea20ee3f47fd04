/** Requests that two parts of a chain could read differently are refused rather than interpreted. */
import type { IncomingMessage } from 'node:http';
import { GatewayError } from '../errors.ts';

/** Headers that decide something; a second one is an attempt to have it decided twice. Node keeps the first. */
const SINGLE_HEADERS = ['host', 'content-length', 'content-type', 'transfer-encoding'];

/** Fragments, backslashes, parameters, doubled or encoded separators, dot segments. */
const ODD_PATH = /[#\\;]|\/\/|\/\.{1,2}(?:\/|$)|%2e|%5c/i;

/**
 * Lets only plain requests through: a path as target, each deciding header once, a body that comes as it is, and
 * nothing expected but an answer over HTTP.
 *
 * @throws GatewayError `invalid_request` (417 for an expectation of another kind), `route_not_found`,
 *   `not_supported` (426) for a WebSocket
 */
export function assertPlainRequest(request: IncomingMessage): void {
  const { rawHeaders, headers, httpVersion, url = '' } = request;
  for (const name of SINGLE_HEADERS) {
    if (timesSent(rawHeaders, name) > 1) {
      throw new GatewayError('invalid_request', `The header "${name}" was sent twice.`);
    }
  }
  if (httpVersion === '1.1' && headers.host === undefined) {
    throw new GatewayError('invalid_request', 'The header "host" is missing.');
  }
  // Node accepts `gzip, chunked` and hands the body over as it came.
  const encoding = headers['transfer-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'chunked') {
    throw new GatewayError('invalid_request', 'transfer-encoding: only "chunked" is accepted');
  }
  assertPlainWishes(headers);
  if (!url.startsWith('/')) throw new GatewayError('invalid_request', 'The request target must be a path.');
  if (ODD_PATH.test(url.split('?', 1)[0] ?? '')) {
    throw new GatewayError('route_not_found', 'The request path is not in its plain form.');
  }
}

function timesSent(rawHeaders: readonly string[], name: string): number {
  let times = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const sent = rawHeaders[index] ?? '';
    if (sent.length === name.length && sent.toLowerCase() === name) times++;
  }
  return times;
}

function assertPlainWishes({ expect, upgrade = '' }: IncomingMessage['headers']): void {
  if (expect !== undefined && expect.toLowerCase() !== '100-continue') {
    throw new GatewayError('invalid_request', 'expect: only "100-continue" is understood', { status: 417 });
  }
  // Other upgrades may be ignored (RFC 9110 §7.8) and are: curl offers HTTP/2 this way. 426 sends Codex to HTTP at once.
  if (!/\bwebsocket\b/i.test(upgrade)) return;
  throw new GatewayError('not_supported', 'WebSockets are not spoken here; send the request over HTTP.', {
    status: 426,
    headers: { upgrade: 'HTTP/1.1', connection: 'upgrade, close' },
  });
}
