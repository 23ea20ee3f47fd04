/**
 * Reasoning that the gateway sealed for another backend, taken out of a request that is otherwise passed on as it is:
 * OpenAI ends a thread over blobs that are not its own (codex.md §8).
 */
import { cutElements } from '../cut-elements.ts';
import { asObject, asText } from '../json.ts';
import { parseBody, type ScannedBody, scanArray, scanRequest, spliceBytes } from '../scan-request.ts';
import { SEAL_MARK } from './sealed-reasoning.ts';

const MARK = new TextEncoder().encode(SEAL_MARK);
const NOTHING = new Uint8Array(0);

/**
 * The request without reasoning items of ours; not a byte of the rest changes.
 *
 * Costs a look behind every mark that the scan saw; where none is ours, the request itself comes back.
 *
 * @throws GatewayError `invalid_request` when the input is no JSON
 */
export function dropSealed(request: ScannedBody): ScannedBody {
  const { body, scan } = request;
  const input = scan.fields.get('input');
  if (input === undefined || !scan.marks.some((at) => isOurs(body, at))) return request;
  const items = scanArray(body, input);
  const cut = items.map((item) => {
    const { type, encrypted_content } = asObject(parseBody(body.subarray(item.start, item.end)));
    return type === 'reasoning' && asText(encrypted_content).startsWith(SEAL_MARK);
  });
  if (!cut.includes(true)) return request;
  const edits = cutElements(items, cut).map((range) => ({ range, bytes: NOTHING }));
  const shortened = spliceBytes(body, edits);
  return { body: shortened, scan: scanRequest(shortened) };
}

const SPACE = [0x20, 0x0a, 0x0d, 0x09];
const COLON = 0x3a;

/** Whether what stands behind a key is a text that begins with our mark. */
function isOurs(body: Uint8Array, behindKey: number): boolean {
  let at = behindKey;
  while (SPACE.includes(body[at] ?? 0) || body[at] === COLON) at++;
  return MARK.every((byte, index) => body[at + 1 + index] === byte);
}
