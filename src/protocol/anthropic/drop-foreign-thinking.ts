/**
 * Thinking that no Claude wrote, taken out of a request that is otherwise passed on as it is. A conversation that
 * another model has had a turn in carries such blocks, and Claude refuses signatures that are not its own.
 */
import { cutElements } from '../cut-elements.ts';
import { asObject, asText } from '../json.ts';
import {
  type ByteRange,
  findField,
  parseBody,
  type ScannedBody,
  scanArray,
  scanRequest,
  spliceBytes,
} from '../scan-request.ts';
import { isForeignSignature } from './signature.ts';

const NOTHING = new Uint8Array(0);

/**
 * The request without thinking that is marked as ours or not signed at all; not a byte of the rest changes. A message
 * that was nothing else goes as a whole, as Claude refuses empty ones.
 *
 * Costs a look behind every mark that the scan saw; where none is foreign, the request itself comes back.
 *
 * @throws GatewayError `invalid_request` when the messages are no JSON
 */
export function dropForeignThinking(request: ScannedBody): ScannedBody {
  const { body, scan } = request;
  const messages = scan.fields.get('messages');
  const suspects = scan.marks.filter((at) => couldBeForeign(body, at));
  if (messages === undefined || suspects.length === 0) return request;
  const cuts = cutsIn(body, messages, suspects);
  if (cuts.length === 0) return request;
  const edits = [
    ...cuts.map((range) => ({ range, bytes: NOTHING })),
    ...thinkingOff(request, messages, cuts),
  ];
  const shortened = spliceBytes(body, edits);
  return { body: shortened, scan: scanRequest(shortened) };
}

const DISABLED = new TextEncoder().encode('{"type":"disabled"}');

/**
 * Models with a thinking budget demand that a tool loop they are in begins with thinking. Where that was just taken
 * out, this one request goes without.
 */
function thinkingOff(
  { body, scan }: ScannedBody,
  messages: ByteRange,
  cuts: readonly ByteRange[],
): readonly { readonly range: ByteRange; readonly bytes: Uint8Array }[] {
  const thinking = scan.fields.get('thinking');
  const turn = scanArray(body, messages).at(-2);
  const inLoop = turn !== undefined && cuts.some(({ start, end }) => start >= turn.start && end <= turn.end);
  if (thinking === undefined || !inLoop) return [];
  const asked = asObject(parseBody(body.subarray(thinking.start, thinking.end)));
  return asked.type === 'enabled' ? [{ range: thinking, bytes: DISABLED }] : [];
}

const SPACE = [0x20, 0x0a, 0x0d, 0x09];
const COLON = 0x3a;
const QUOTE = 0x22;
const OUR_MARK = new TextEncoder().encode('gw1.');

/** Whether what stands behind a key is an empty text, or one that begins with our mark. */
function couldBeForeign(body: Uint8Array, behindKey: number): boolean {
  let at = behindKey;
  while (SPACE.includes(body[at] ?? 0) || body[at] === COLON) at++;
  if (body[at] !== QUOTE) return false;
  return body[at + 1] === QUOTE || OUR_MARK.every((byte, index) => body[at + 1 + index] === byte);
}

const holds = ({ start, end }: ByteRange, places: readonly number[]) =>
  places.some((place) => place > start && place < end);

function cutsIn(body: Uint8Array, range: ByteRange, suspects: readonly number[]): readonly ByteRange[] {
  const messages = scanArray(body, range);
  const inner: ByteRange[] = [];
  const emptied = messages.map((message) => {
    const content = holds(message, suspects) ? findField(body, message, 'content') : undefined;
    const blocks = content === undefined ? [] : scanArray(body, content);
    const foreign = blocks.map((block) => holds(block, suspects) && isForeign(body, block));
    if (foreign.includes(false)) inner.push(...cutElements(blocks, foreign));
    return blocks.length > 0 && !foreign.includes(false);
  });
  return [...inner, ...cutElements(messages, emptied)];
}

function isForeign(body: Uint8Array, block: ByteRange): boolean {
  const { type, signature } = asObject(parseBody(body.subarray(block.start, block.end)));
  return type === 'thinking' && isForeignSignature(asText(signature));
}
