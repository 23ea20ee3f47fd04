/**
 * A Chat Completions body on its way to a backend of the same format: the client's bytes, changed only where that
 * backend would refuse them or would not count (translation.md PT-3).
 */
import { asObject, isObject } from '../json.ts';
import type { BackendProfile } from '../profile.ts';
import {
  type ByteRange,
  type Edit,
  findField,
  type RequestScan,
  readField,
  scanArray,
} from '../scan-request.ts';

const UTF8_OUT = new TextEncoder();
// Node decodes UTF-8 natively but latin1 byte by byte.
const UTF8_IN = new TextDecoder();

const DEVELOPER = '"developer"';
const SYSTEM = UTF8_OUT.encode('"system"');

/**
 * Renames the role `developer`, which chat templates do not know.
 *
 * Costs one native search over the messages where there is nothing to rename.
 */
export function renameDeveloper(
  body: Uint8Array,
  { fields }: RequestScan,
  { systemRole }: BackendProfile,
): readonly Edit[] {
  const messages = fields.get('messages');
  if (systemRole === 'developer' || messages === undefined) return [];
  if (!textOf(body, messages).includes(DEVELOPER)) return [];
  return scanArray(body, messages).flatMap((message) => {
    const range = findField(body, message, 'role');
    return range !== undefined && textOf(body, range) === DEVELOPER ? [{ range, bytes: SYSTEM }] : [];
  });
}

/**
 * Asks for the count of tokens at the end of a stream that does not ask for it itself, so that every stream is
 * counted; whoever relays the answer keeps that last chunk to itself.
 */
export function askForUsage(
  body: Uint8Array,
  scan: RequestScan,
  { streamUsage }: BackendProfile,
): readonly Edit[] {
  const stream = scan.fields.get('stream');
  if (!scan.stream || stream === undefined || !streamUsage) return [];
  const given = readField(body, scan, 'stream_options') ?? undefined;
  // What is no object is left to the backend to refuse.
  if (asObject(given).include_usage === true || (given !== undefined && !isObject(given))) return [];
  const options = JSON.stringify({ ...asObject(given), include_usage: true });
  const range = scan.fields.get('stream_options');
  if (range !== undefined) return [{ range, bytes: UTF8_OUT.encode(options) }];
  const behind = { start: stream.end, end: stream.end };
  return [{ range: behind, bytes: UTF8_OUT.encode(`,"stream_options":${options}`) }];
}

const textOf = (body: Uint8Array, { start, end }: ByteRange) => UTF8_IN.decode(body.subarray(start, end));
