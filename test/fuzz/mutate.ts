/**
 * Mutations of bytes, of lists of frames and of JSON values. What they put in is what breaks programs: names from
 * `Object.prototype`, numbers beyond every range, values of another type, nesting, halves of characters.
 */
import type { Random } from './random.ts';

/** Prototype names, and names that the protocols use, in places where they are not expected. */
const NAMES = [
  '__proto__',
  'constructor',
  'toString',
  'valueOf',
  'hasOwnProperty',
  'toJSON',
  'then',
  'length',
  'x_unknown',
  '',
  'type',
  'index',
  'id',
  'name',
  'usage',
  'error',
  'choices',
  'delta',
  'content',
  'finish_reason',
  'message',
] as const;

const nested = (open: string, close: string, depth: number): string =>
  open.repeat(depth) + close.repeat(depth);

/** JSON texts in place of a value; as texts, because no value stands for some of them. */
const ODD_VALUES = [
  'null',
  'true',
  'false',
  '0',
  '1',
  '-1',
  '-0',
  '1.5',
  '1e999',
  '-1e999',
  '9007199254740993',
  '9'.repeat(400),
  '""',
  '" "',
  '"\\n\\n"',
  '"null"',
  '"stop"',
  '"text"',
  '"\\ud800"',
  '"\\u0000"',
  '"\\u2028"',
  '"[DONE]"',
  '"</think>"',
  '"{}"',
  '"}"',
  '"\\"{\\\\\\"a\\\\\\":1}\\""',
  '[]',
  '{}',
  '[null]',
  '[[]]',
  '[0]',
  '[{}]',
  '["a"]',
  '{"toString":1}',
  '{"toString":null,"valueOf":null}',
  '{"__proto__":{"type":"text"}}',
  '{"constructor":{"prototype":null}}',
  '{"toJSON":1}',
  '{"then":1}',
  '{"length":4294967296}',
  '{"type":"text"}',
  '{"type":"text","text":1}',
  '{"type":{"toString":1}}',
  nested('[', ']', 40),
  '{"loc":[{"toString":1}],"msg":"x"}',
  nested('{"a":', '}', 40).replace(':}', ':0}'),
] as const;

/** Deeper than `JSON.stringify` goes. */
const DEEP_VALUES = [
  nested('[', ']', 6500),
  `${'{"a":'.repeat(6500)}0${'}'.repeat(6500)}`,
  JSON.stringify(`${'{"a":'.repeat(6500)}0${'}'.repeat(6500)}`),
] as const;

/** Wider than a list of arguments may be. */
const WIDE_VALUES = [
  `[${'0,'.repeat(150_000)}0]`,
  `"${'[{'.repeat(30_000)}"`,
  `"${'a1-'.repeat(20_000)}"`,
] as const;

const TOKENS = [
  ...[
    '"',
    '\\',
    '{',
    '}',
    '[',
    ']',
    ':',
    ',',
    '\n',
    '\r',
    '\r\n',
    '\n\n',
    '\r\r',
    ' ',
    '\t',
    '\0',
    '\ufeff',
    '\ud83d',
  ],
  ...[
    'data:',
    'data: ',
    'event: ',
    'event: error\n',
    'event: message_stop\n',
    'id: 1\n',
    'retry: 0\n',
    ': c\n',
  ],
  ...[
    'data: [DONE]\n\n',
    '[DONE]',
    'null',
    'true',
    '1e999',
    '\\u0000',
    '\\ud800',
    '\u2028',
    '__proto__',
    '"error":',
  ],
  ...['"stop"', '"model":', '"MODEL":"m"', '"stream":true,', '<think>', '</think>', '"finish_reason":"stop"'],
] as const;

export function oddValue(random: Random): string {
  if (random.oneIn(1000)) return random.pick(WIDE_VALUES);
  return random.pick(random.oneIn(100) ? DEEP_VALUES : ODD_VALUES);
}

/** Some bytes flipped, cut, removed, doubled, or put in. */
export function mutateBytes(random: Random, bytes: Uint8Array): Uint8Array {
  if (bytes.length === 0) return new TextEncoder().encode(random.pick(TOKENS));
  const at = random.below(bytes.length);
  const to = Math.min(bytes.length, at + 1 + random.below(random.pick([2, 8, 64])));
  switch (random.below(7)) {
    case 0:
      return bytes.slice(0, at);
    case 1:
      return join(bytes.subarray(0, at), bytes.subarray(to));
    case 2:
      return join(bytes.subarray(0, to), bytes.subarray(at));
    case 3:
      return join(bytes.subarray(0, at), new TextEncoder().encode(random.pick(TOKENS)), bytes.subarray(at));
    case 4:
      return join(bytes.subarray(0, at), new TextEncoder().encode(random.pick(TOKENS)), bytes.subarray(to));
    case 5:
      return bytes.with(at, random.below(256));
    default:
      return bytes.with(at, (bytes[at] ?? 0) ^ (1 << random.below(8)));
  }
}

/** A frame removed, doubled, moved, cut, or one of another stream put in. */
export function mutateFrames(
  random: Random,
  frames: readonly string[],
  others: readonly string[],
): readonly string[] {
  const at = random.below(frames.length + 1);
  const frame = frames[at] ?? random.pick(others);
  const without = frames.filter((_, i) => i !== at);
  switch (random.below(7)) {
    case 0:
      return without;
    case 5:
      return frames.toSpliced(at, 1, frame.replace(/^event: .*\n/, ''));
    case 1:
      return frames.toSpliced(at, 0, frame);
    case 2:
      return without.toSpliced(random.below(frames.length + 1), 0, frame);
    case 3:
      return frames.toSpliced(at, 0, random.pick(others));
    case 4:
      return frames.slice(0, at);
    default:
      return [...frames.slice(0, at), ...others.slice(random.below(others.length))];
  }
}

/** JSON text with one value, key or member changed; text that is no JSON, or huge by now, comes back as it was. */
export function mutateJson(random: Random, text: string): string {
  let value: unknown;
  if (text.length > 12_000) return text;
  try {
    value = JSON.parse(text);
  } catch {
    return text;
  }
  const odd = oddValue(random);
  const holders: Record<string, unknown>[] = [];
  collectHolders(value, holders);
  if (holders.length === 0 || random.oneIn(60)) return odd;
  const holder = random.pick(holders);
  change(random, holder, holders);
  // The replacement is a function: in a text, `$&` would be read as a command.
  return JSON.stringify(value).replace(MARK_TEXT, () => odd);
}

const MARK = '@odd@';
const MARK_TEXT = JSON.stringify(MARK);

function change(random: Random, holder: Record<string, unknown>, holders: readonly object[]): void {
  if (Array.isArray(holder)) {
    changeList(random, holder, holders);
    return;
  }
  const keys = Object.keys(holder);
  const key = keys.length === 0 ? '' : random.pick(keys);
  const set = (name: string, value: unknown): void => {
    // A plain assignment to `__proto__` would be lost.
    Object.defineProperty(holder, name, { value, enumerable: true, configurable: true, writable: true });
  };
  switch (random.below(6)) {
    case 0:
      delete holder[key];
      return;
    case 1:
      set(random.pick(NAMES), MARK);
      return;
    case 2: {
      const value = holder[key];
      delete holder[key];
      set(random.pick(NAMES), value);
      return;
    }
    case 3:
      set(key, [holder[key]]);
      return;
    case 4:
      set(key, structuredClone(random.pick(holders)));
      return;
    default:
      set(key, MARK);
  }
}

function changeList(random: Random, list: unknown[], holders: readonly object[]): void {
  const at = random.below(list.length + 1);
  switch (random.below(5)) {
    case 0:
      list.splice(at, 1);
      return;
    case 1:
      list.splice(at, 0, structuredClone(list[random.below(Math.max(1, list.length))]) ?? MARK);
      return;
    case 2:
      list.reverse();
      return;
    case 3:
      list.splice(at, 0, structuredClone(random.pick(holders)));
      return;
    default:
      list.splice(at, random.below(2), MARK);
  }
}

function collectHolders(value: unknown, found: Record<string, unknown>[]): void {
  if (typeof value !== 'object' || value === null || found.length >= 200) return;
  found.push(value as Record<string, unknown>);
  for (const inner of Object.values(value)) collectHolders(inner, found);
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
