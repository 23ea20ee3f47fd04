/**
 * What routing needs to know of a JSON request body, read from its bytes without building objects, so that a
 * megabyte of context costs next to nothing and reaches its backend unchanged.
 */
import { GatewayError } from '../errors.ts';
import { parseJson } from './json.ts';
import { moveWindow, nextPlace, places, walk, walkFrom } from './json-structure.ts';

/** Where a value lies in the body: from its first byte to behind its last. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Where a field's value lies, and where its key begins. */
export interface FieldRange extends ByteRange {
  readonly key: number;
}

/** A body and what was read of it. */
export interface ScannedBody {
  readonly body: Uint8Array;
  readonly scan: RequestScan;
}

export interface RequestScan {
  /** The asked model; whatever stands there when it is no string. */
  readonly model: unknown;
  /** Whether a streamed answer is asked for. */
  readonly stream: boolean;
  /** Every top-level key and where its value lies. */
  readonly fields: ReadonlyMap<string, FieldRange>;
  /** Behind every string `"signature"` or `"encrypted_content"` below the top level: where reasoning may be marked. */
  readonly marks: readonly number[];
  /** Whether an item may declare tools: a string below the top level reads `additional_tools`, however it is spelled. */
  readonly declaresTools: boolean;
  /** Whether a list may name an item by its id alone: one reads `item_reference`, or has neither a type nor a role. */
  readonly namesItems: boolean;
}

/** Deeper nesting is refused: no real request comes near, and parsers behind us may not survive it. */
export const MAX_JSON_DEPTH = 512;
/** More lists and objects in one body are refused: parsing ten million of them stops the process for seconds. */
export const MAX_JSON_CONTAINERS = 500_000;
/** More fields in one object that is read by fields are refused, for the same reason. */
export const MAX_JSON_FIELDS = 1000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/** In other letter case these could mean nothing here and something to the backend. A doubled key likewise. */
const ROUTING_KEYS = ['model', 'stream'];

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const UTF8_LAX = new TextDecoder();
const UTF8_OUT = new TextEncoder();

/**
 * Reads the top level of a JSON object.
 *
 * @throws GatewayError `invalid_request` when the body is no JSON object, is cut off, goes beyond
 *   {@link MAX_JSON_DEPTH}, {@link MAX_JSON_CONTAINERS} or {@link MAX_JSON_FIELDS}, or has a key twice or a routing
 *   key in other letter case
 */
export function scanRequest(body: Uint8Array): RequestScan {
  const fields = new Map<string, FieldRange>();
  const seen = nothingSeen();
  let at = skipSpace(body, 0);
  if (body[at] !== OPEN_BRACE) throw malformed('expected a JSON object', at);
  walkFrom(at + 1, body.length);
  at = skipSpace(body, at + 1);
  while (body[at] !== CLOSE_BRACE) {
    const keyStart = at;
    const keyEnd = endOfString(body, at);
    const key = readString(body, at, keyEnd);
    at = skipSpace(body, keyEnd);
    if (body[at] !== COLON) throw malformed('expected ":"', at);
    const start = skipSpace(body, at + 1);
    const end = endOfValue(body, start, seen);
    keep(fields, key, { key: keyStart, start, end });
    at = skipSpace(body, end);
    if (body[at] !== COMMA) break;
    at = skipSpace(body, at + 1);
    if (body[at] !== QUOTE) throw malformed('expected a key', at);
  }
  if (body[at] !== CLOSE_BRACE)
    throw malformed(at >= body.length ? 'it ends too early' : 'expected "," or "}"', at);
  const tail = skipSpace(body, at + 1);
  if (tail < body.length) throw malformed('nothing may follow the object', tail);
  return {
    model: valueAt(body, fields.get('model')),
    stream: valueAt(body, fields.get('stream')) === true,
    fields,
    marks: seen.marks,
    declaresTools: seen.declaresTools,
    namesItems: seen.namesItems,
  };
}

/** The value of a top-level field, parsed; undefined when it is not there. */
export function readField(body: Uint8Array, scan: RequestScan, name: string): unknown {
  return valueAt(body, scan.fields.get(name));
}

/** The same body with another model name in it; not a byte of the rest changes. */
export function spliceModel(body: Uint8Array, scan: RequestScan, model: string): Uint8Array {
  return scan.model === model ? body : spliceFields(body, scan, { model });
}

/**
 * The same body with other values for top-level fields that it has; fields it does not have are not added, and not a
 * byte of the rest changes.
 */
export function spliceFields(
  body: Uint8Array,
  scan: RequestScan,
  values: Readonly<Record<string, string | number | boolean>>,
): Uint8Array {
  return spliceBytes(body, fieldEdits(scan, values));
}

/** Bytes to put in the place of others; a range without length is a place between two. */
export interface Edit {
  readonly range: ByteRange;
  readonly bytes: Uint8Array;
}

/** The edits that give top-level fields other values; fields that the body does not have are not added. */
export function fieldEdits(
  scan: RequestScan,
  values: Readonly<Record<string, string | number | boolean>>,
): readonly Edit[] {
  return Object.entries(values).flatMap(([name, value]) => {
    const range = scan.fields.get(name);
    return range === undefined ? [] : [{ range, bytes: UTF8_OUT.encode(JSON.stringify(value)) }];
  });
}

/** The same request without a top-level field; itself where it has none. Not a byte of the rest changes. */
export function withoutField({ body, scan }: ScannedBody, name: string): ScannedBody {
  const field = scan.fields.get(name);
  if (field === undefined) return { body, scan };
  const fields = [...scan.fields];
  const place = fields.findIndex(([key]) => key === name);
  const before = fields[place - 1]?.[1];
  const after = fields[place + 1]?.[1];
  // One comma goes with it: the one behind it, or before it where it is the last.
  const start = after === undefined && before !== undefined ? before.end : field.key;
  const end = after === undefined ? field.end : after.key;
  const shift = (at: number) => (at < end ? at : at - (end - start));
  const shifted = fields
    .filter(([key]) => key !== name)
    .map(([key, at]) => [key, { key: shift(at.key), start: shift(at.start), end: shift(at.end) }] as const);
  const marks = scan.marks.filter((at) => at <= start || at >= end).map(shift);
  return {
    body: spliceBytes(body, [{ range: { start, end }, bytes: NOTHING }]),
    scan: { ...scan, fields: new Map(shifted), marks },
  };
}

const NOTHING = new Uint8Array(0);

/** The same body with other bytes in ranges that do not overlap. */
export function spliceBytes(body: Uint8Array, edits: readonly Edit[]): Uint8Array {
  if (edits.length === 0) return body;
  const growth = edits.reduce((sum, { range, bytes }) => sum + bytes.length - (range.end - range.start), 0);
  const result = new Uint8Array(body.length + growth);
  let from = 0;
  let to = 0;
  for (const { range, bytes } of edits.toSorted((one, other) => one.range.start - other.range.start)) {
    result.set(body.subarray(from, range.start), to);
    to += range.start - from;
    result.set(bytes, to);
    to += bytes.length;
    from = range.end;
  }
  result.set(body.subarray(from), to);
  return result;
}

/** Where the elements of an array lie; empty when the value at `start` is none. */
export function scanArray(body: Uint8Array, within: ByteRange): readonly ByteRange[] {
  if (body[within.start] !== OPEN_BRACKET) return [];
  walkFrom(within.start + 1, within.end);
  const elements: ByteRange[] = [];
  let at = skipSpace(body, within.start + 1);
  while (body[at] !== CLOSE_BRACKET) {
    const end = endOfValue(body, at);
    elements.push({ start: at, end });
    at = skipSpace(body, end);
    if (body[at] !== COMMA) break;
    at = skipSpace(body, at + 1);
  }
  if (body[at] !== CLOSE_BRACKET) throw malformed('expected "," or "]"', at);
  return elements;
}

/** Where the value of an object's field lies; undefined when it has none. Of several the last counts. */
export function findField(body: Uint8Array, within: ByteRange, name: string): ByteRange | undefined {
  if (body[within.start] !== OPEN_BRACE) return undefined;
  walkFrom(within.start + 1, within.end);
  let found: ByteRange | undefined;
  let at = skipSpace(body, within.start + 1);
  for (let count = 1; body[at] === QUOTE; count++) {
    if (count > MAX_JSON_FIELDS) throw tooManyFields();
    const keyEnd = endOfString(body, at);
    const key = readString(body, at, keyEnd);
    const colon = skipSpace(body, keyEnd);
    if (body[colon] !== COLON) throw malformed('expected ":"', colon);
    const value = skipSpace(body, colon + 1);
    const end = endOfValue(body, value);
    if (key === name) found = { start: value, end };
    at = skipSpace(body, end);
    if (body[at] !== COMMA) break;
    at = skipSpace(body, at + 1);
  }
  if (body[at] !== CLOSE_BRACE) throw malformed('expected "," or "}"', at);
  return found;
}

/** The whole body as a value, for translation. */
export function parseBody(body: Uint8Array): unknown {
  try {
    return JSON.parse(UTF8.decode(body));
  } catch {
    throw new GatewayError('invalid_request', 'The request body is not valid JSON.');
  }
}

function keep(fields: Map<string, FieldRange>, key: string, range: FieldRange): void {
  if (fields.has(key)) throw new GatewayError('invalid_request', 'The request body names a key twice.');
  const lower = key.toLowerCase();
  if (key !== lower && ROUTING_KEYS.includes(lower)) {
    throw new GatewayError('invalid_request', `${lower}: must be written in lower case`);
  }
  if (fields.size === MAX_JSON_FIELDS) throw tooManyFields();
  fields.set(key, range);
}

function valueAt(body: Uint8Array, range: ByteRange | undefined): unknown {
  if (range === undefined) return undefined;
  return parseBody(body.subarray(range.start, range.end));
}

function readString(body: Uint8Array, start: number, end: number): string {
  return String(parseBody(body.subarray(start, end)));
}

function skipSpace(body: Uint8Array, from: number): number {
  let at = from;
  while (at < body.length) {
    const byte = body[at];
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at;
    at++;
  }
  return at;
}

/** Behind the closing quote of the string that starts at `start`. */
function endOfString(body: Uint8Array, start: number): number {
  if (body[start] !== QUOTE) throw malformed('expected a string', start);
  nextPlace(body);
  const close = nextPlace(body);
  if (close === body.length) throw malformed('it ends inside a string', close);
  return close + 1;
}

/** What was counted and noted of a body so far. */
interface Seen {
  containers: number;
  readonly marks: number[];
  declaresTools: boolean;
  namesItems: boolean;
  /** Whether the element that is being read says what it is. */
  isTold: boolean;
}

const nothingSeen = (): Seen => ({
  containers: 0,
  marks: [],
  declaresTools: false,
  namesItems: false,
  isTold: false,
});

function endOfValue(body: Uint8Array, start: number, seen: Seen = nothingSeen()): number {
  const byte = body[start];
  if (byte === QUOTE) return endOfString(body, start);
  if (byte === OPEN_BRACE || byte === OPEN_BRACKET) return endOfContainer(body, seen);
  return endOfScalar(body, start);
}

/** The keys that reasoning is signed and sealed under, with their quotes. */
const SIGNATURE = UTF8_OUT.encode('"signature"');
const SEALED = UTF8_OUT.encode('"encrypted_content"');

/** The keys by which a list's element says what it is. */
const TYPE = UTF8_OUT.encode('"type"');
const ROLE = UTF8_OUT.encode('"role"');

/** The first is that of both keys. Numbers, because every string of a body is held against them. */
const KEY_LENGTH = TYPE.length;
const SIGNATURE_LENGTH = SIGNATURE.length;
const SEALED_LENGTH = SEALED.length;

/** How deep the elements of a list lie. */
const ELEMENT = 2;

const TOOLS_ITEM = 'additional_tools';
const REFERENCE = 'item_reference';
const LEAST_TELLING = REFERENCE.length + 2;
/** With every letter as an escape of six. */
const MOST_TELLING = 6 * TOOLS_ITEM.length + 2;
/** What those begin with. */
const SMALL_A = 0x61;
const SMALL_I = 0x69;

/** Notes a string that tells something, in so many lists and objects. */
function noteString(body: Uint8Array, start: number, end: number, depth: number, seen: Seen): void {
  const length = end - start;
  if (length < KEY_LENGTH || length > MOST_TELLING) return;
  if (length === KEY_LENGTH && depth === ELEMENT) noteKey(body, start, end, seen);
  if (length === SIGNATURE_LENGTH && isAt(body, start, SIGNATURE)) seen.marks.push(end);
  if (length === SEALED_LENGTH && isAt(body, start, SEALED)) seen.marks.push(end);
  if (length < LEAST_TELLING) return;
  const first = body[start + 1];
  if (first !== SMALL_A && first !== SMALL_I && first !== BACKSLASH) return;
  const text = parseJson(UTF8_LAX.decode(body.subarray(start, end)));
  if (text === TOOLS_ITEM) seen.declaresTools = true;
  if (text === REFERENCE) seen.namesItems = true;
}

/** Notes whether a list's element says what it is: by a type that is a string, of several the last, or by a role. */
function noteKey(body: Uint8Array, start: number, end: number, seen: Seen): void {
  const isType = isAt(body, start, TYPE);
  if (!isType && !isAt(body, start, ROLE)) return;
  const colon = skipSpace(body, end);
  if (body[colon] !== COLON) return;
  seen.isTold = !isType || body[skipSpace(body, colon + 1)] === QUOTE;
}

/** A loop, because this is asked of every short string of a body: `every` made a fifth of the scan. */
function isAt(body: Uint8Array, start: number, wanted: Uint8Array): boolean {
  for (let index = 0; index < wanted.length; index++) {
    if (body[start + index] !== wanted[index]) return false;
  }
  return true;
}

/** What stands for the place of a quote outside of strings. */
const NONE = -1;

/** Goes over the places of one window after another, because this is where the time of a scan goes. */
function endOfContainer(body: Uint8Array, seen: Seen): number {
  const closers: number[] = [];
  let opened = NONE;
  do {
    const { start, count } = walk;
    for (let index = walk.next; index < count; index++) {
      const at = start + (places[index] ?? 0);
      if (opened !== NONE) {
        noteString(body, opened, at + 1, closers.length, seen);
        opened = NONE;
        continue;
      }
      const byte = body[at] ?? 0;
      if (byte === QUOTE) {
        opened = at;
        continue;
      }
      passBracket(byte, closers, seen, at);
      if (closers.length > 0) continue;
      walk.next = index + 1;
      return at + 1;
    }
  } while (moveWindow(body));
  throw malformed(opened === NONE ? 'it ends too early' : 'it ends inside a string', body.length);
}

function passBracket(byte: number, closers: number[], seen: Seen, at: number): void {
  if (byte === OPEN_BRACE || byte === OPEN_BRACKET) openContainer(byte, closers, seen, at);
  else closeContainer(byte, closers, seen, at);
}

function openContainer(byte: number, closers: number[], seen: Seen, at: number): void {
  closers.push(byte + 2);
  seen.containers++;
  if (closers.length > MAX_JSON_DEPTH || seen.containers > MAX_JSON_CONTAINERS) throw tooBig(seen, at);
  if (closers.length === ELEMENT) seen.isTold = byte !== OPEN_BRACE;
}

function closeContainer(byte: number, closers: number[], seen: Seen, at: number): void {
  if (closers.length === ELEMENT) seen.namesItems ||= !seen.isTold;
  if (closers.pop() !== byte) throw malformed('a bracket does not match', at);
}

/** No number means anything beyond; bytes. */
const MAX_SCALAR_LENGTH = 400;

const SCALAR = /^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)$/;

function endOfScalar(body: Uint8Array, start: number): number {
  let end = start;
  while (end < body.length && !isDelimiter(body[end])) end++;
  if (end - start > MAX_SCALAR_LENGTH) throw malformed('a number is too long', start);
  const text = String.fromCharCode(...body.subarray(start, end));
  if (!SCALAR.test(text)) throw malformed('expected a value', start);
  return end;
}

function isDelimiter(byte: number | undefined): boolean {
  const isClosing = byte === CLOSE_BRACE || byte === CLOSE_BRACKET;
  return isClosing || byte === COMMA || byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

const tooManyFields = () =>
  new GatewayError('invalid_request', `An object of the request has more than ${MAX_JSON_FIELDS} fields.`);

function tooBig({ containers }: Seen, at: number): GatewayError {
  if (containers <= MAX_JSON_CONTAINERS)
    return malformed(`it nests deeper than ${MAX_JSON_DEPTH} levels`, at);
  return new GatewayError(
    'invalid_request',
    `The request body has more than ${MAX_JSON_CONTAINERS} lists and objects.`,
  );
}

function malformed(what: string, at: number): GatewayError {
  return new GatewayError('invalid_request', `The request body is not valid JSON: ${what} (byte ${at}).`);
}
