/** Builds tokens that no honest library would sign: any header, any payload, any signature. */
import { createHmac } from 'node:crypto';

const encode = (part: unknown) =>
  Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url');

/**
 * @param header an object, or its raw JSON text
 * @param payload an object, or its raw JSON text
 * @param sign from the signing input to the signature; default: no signature at all
 */
export function forgeToken(
  header: unknown,
  payload: unknown,
  sign: (input: string) => string = () => '',
): string {
  const input = `${encode(header)}.${encode(payload)}`;
  return `${input}.${sign(input)}`;
}

/** An HMAC over the signing input: the signature of HS256. */
export function hs256(secret: string | Uint8Array): (input: string) => string {
  return (input) => createHmac('sha256', secret).update(input).digest('base64url');
}

/** Header and payload of a token, unverified. */
export function openToken(
  token: string,
): readonly [header: Record<string, unknown>, payload: Record<string, unknown>] {
  const [header = '', payload = ''] = token.split('.');
  const open = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
  return [open(header), open(payload)];
}
