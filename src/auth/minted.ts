/** The shape of every credential that the gateway makes itself. */
import { crc32 } from 'node:zlib';

/** What a credential is, by what it begins with: demo, personal and service keys, sessions and their renewal. */
export type MintedPrefix = 'lgw' | 'lgwp' | 'lgws' | 'lgwa' | 'lgwr';

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const SECRET_BYTES = 32;
/** Digits that 32 bytes need in base 62. */
const SECRET_DIGITS = 43;
/** Digits that a CRC-32 needs in base 62. */
const CHECK_DIGITS = 6;
const SHAPE = /^(?<prefix>lgw[psar]?)_[0-9A-Za-z]{49}$/;

/**
 * Makes a credential: a prefix and `_`, 43 base62 digits of 256 random bits, 6 base62 digits of CRC-32 over all before
 * them. The prefix lets secret scanners recognise it and the checksum tells a mistyped one from an unknown one, as
 * GitHub's token format does (github.blog, 2021-04-05).
 *
 * @param random gives that many random bytes
 */
export function mint(prefix: MintedPrefix, random: (size: number) => Uint8Array): string {
  const secret = BigInt(`0x${Buffer.from(random(SECRET_BYTES)).toString('hex')}`);
  const body = `${prefix}_${toBase62(secret, SECRET_DIGITS)}`;
  return body + checksumOf(body);
}

/** The prefix of a text that has the shape and the checksum of what {@link mint} makes, else null. */
export function mintedPrefixOf(text: string): MintedPrefix | null {
  const prefix = SHAPE.exec(text)?.groups?.prefix;
  if (prefix === undefined) return null;
  const isWhole = checksumOf(text.slice(0, -CHECK_DIGITS)) === text.slice(-CHECK_DIGITS);
  return isWhole ? (prefix as MintedPrefix) : null;
}

function checksumOf(body: string): string {
  return toBase62(BigInt(crc32(body)), CHECK_DIGITS);
}

function toBase62(value: bigint, digits: number): string {
  let rest = value;
  let text = '';
  for (let digit = 0; digit < digits; digit += 1) {
    text = BASE62.charAt(Number(rest % 62n)) + text;
    rest /= 62n;
  }
  return text;
}
