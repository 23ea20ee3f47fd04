/** Requests that two parts of a chain could read differently are refused rather than interpreted. */
import type { IncomingMessage } from 'node:http';
import { GatewayError } from '../errors.ts';

/** Headers that decide something; a second one is an attempt to have it decided twice. Node keeps the first. */
const SINGLE_HEADERS = new Set(['host', 'content-length', 'content-type', 'transfer-encoding']);

/** Fragments, backslashes, parameters, doubled or encoded separators, dot segments. */
const ODD_PATH = /[#\\;]|\/\/|\/\.{1,2}(?:\/|$)|%2e|%5c/i;

/**
 * Lets only plain requests through: a path as target, each deciding header once, a body that comes as it is.
 *
 * @throws GatewayError `invalid_request`, `route_not_found`
 */
export function assertPlainRequest(request: IncomingMessage): void {
  const { rawHeaders, headers, url = '' } = request;
  const seen = new Set<string>();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase();
    if (SINGLE_HEADERS.has(name) && seen.has(name)) {
      throw new GatewayError('invalid_request', `The header "${name}" was sent twice.`);
    }
    seen.add(name);
  }
  // Node accepts `gzip, chunked` and hands the body over as it came.
  const encoding = headers['transfer-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'chunked') {
    throw new GatewayError('invalid_request', 'transfer-encoding: only "chunked" is accepted');
  }
  if (!url.startsWith('/')) throw new GatewayError('invalid_request', 'The request target must be a path.');
  if (ODD_PATH.test(url.split('?', 1)[0] ?? '')) {
    throw new GatewayError('route_not_found', 'The request path is not in its plain form.');
  }
}
