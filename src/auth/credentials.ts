/**
 * PURE. Which credentials a request carries, before anyone asks whether they are worth anything.
 * Query strings, bodies, cookies and look-alike headers (`x_api_key`, `x-forwarded-*`) are never read.
 */
import { GatewayError } from '../errors.ts';

/** Bytes. Tokens of users in very many groups exceed it; they get advice instead of a broken connection. */
const MAX_HEADER_VALUE = 8 * 1024;

export interface SentCredentials {
  /** The different values sent, `authorization` first: none, one or two. */
  readonly values: readonly string[];
  /** `authorization` was sent with a scheme other than Bearer. */
  readonly otherScheme: boolean;
}

/**
 * Collects `Authorization: Bearer …` and `x-api-key`. Claude Code sends both, with one value (apiKeyHelper) or with
 * two (both of its variables set); the SDKs send either. An empty value counts as not sent.
 *
 * @param rawHeaders name, value, name, value … as node's `IncomingMessage.rawHeaders` gives them; the parsed
 *   `headers` object will not do, it silently keeps the first of two `authorization` lines
 * @throws GatewayError `ambiguous_credential` when one header was sent twice, `headers_too_large` above 8 KiB
 */
export function readCredentials(rawHeaders: readonly string[]): SentCredentials {
  const authorization = onlyValue(rawHeaders, 'authorization') ?? '';
  const apiKey = onlyValue(rawHeaders, 'x-api-key') ?? '';
  const token = bearerToken(authorization);
  const values = [token ?? '', apiKey].filter(
    (value, index, all) => value !== '' && all.indexOf(value) === index,
  );
  return { values, otherScheme: token === null };
}

function onlyValue(rawHeaders: readonly string[], name: string): string | undefined {
  let found: string | undefined;
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    if (!isNamed(rawHeaders[at], name)) continue;
    if (found !== undefined) {
      throw new GatewayError(
        'ambiguous_credential',
        `The header "${name}" was sent more than once; send it once.`,
      );
    }
    found = rawHeaders[at + 1] ?? '';
  }
  if (found === undefined) return undefined;
  if (found.length > MAX_HEADER_VALUE) {
    throw new GatewayError(
      'headers_too_large',
      `The header "${name}" is longer than 8 KiB; ask for a token that lists fewer groups or roles.`,
    );
  }
  return found.trim();
}

function isNamed(sent: string | undefined, name: string): boolean {
  return sent !== undefined && sent.length === name.length && sent.toLowerCase() === name;
}

/** The token after `Bearer`, empty when there is none; `null` for another scheme. Schemes ignore case (RFC 9110 §11.1). */
function bearerToken(authorization: string): string | null {
  if (authorization === '') return '';
  const match = /^bearer(?:$|[ \t])/i.exec(authorization);
  return match === null ? null : authorization.slice(match[0].length).trim();
}
